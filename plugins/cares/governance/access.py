"""Who can read what: asked of the database through real logins, and held against the matrix that was agreed.

The agreed matrix is `expectations/governance/access.yml`. The question is asked of every schema, those of builds and of past
days too, so that a grant that nobody agreed to shows wherever it was given.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql

from cares import settings, warehouse

MATRIX = settings.EXPECTATIONS / "governance" / "access.yml"

_STAFF = "staff_"
_EVERY_STAFF = "staff of every organisation"
_RIGHTS = """
select format('%s.%s', schemas.nspname, tables.relname),
    has_table_privilege(tables.oid, 'select') or has_any_column_privilege(tables.oid, 'select'),
    has_table_privilege(tables.oid, 'insert, update, delete, truncate, trigger')
        or has_any_column_privilege(tables.oid, 'insert, update')
from pg_class as tables
join pg_namespace as schemas on schemas.oid = tables.relnamespace
where tables.relkind in ('r', 'v', 'm', 'p', 'f')
    and schemas.nspname not in ('pg_catalog', 'information_schema')
    and schemas.nspname !~ '^pg_(toast|temp)'
    and has_schema_privilege(schemas.oid, 'usage')
order by 1
"""
_CALLS = """
select distinct format('%s.%s', schemas.nspname, functions.proname)
from pg_proc as functions
join pg_namespace as schemas on schemas.oid = functions.pronamespace
where schemas.nspname not in ('pg_catalog', 'information_schema')
    and has_schema_privilege(schemas.oid, 'usage')
    and has_function_privilege(functions.oid, 'execute')
order by 1
"""


class AccessError(Exception):
    """The agreed matrix cannot be read, or the database gives somebody more or less than it says; each difference is named."""


@dataclass(frozen=True)
class Agreed:
    """What one role may do: `schema.table` or `schema.*` that it reads and writes, and functions that it calls."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    enters: bool = True


@dataclass(frozen=True)
class Found:
    """What the database lets one login do; `reads` is None where the login cannot enter at all."""

    reads: tuple[str, ...] | None
    writes: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One role, the organisation whose staff it is (or None), one table that it can read, and the rows that it sees there.

    `rows` is None where only some columns of a table may be read.
    """

    role: str
    organisation: str | None
    table: str
    rows: int | None


def matrix() -> list[Cell]:
    """Every table that any login but the owner's and the pipeline's can read, with the rows it sees. Raises WarehouseError."""
    return [cell for role in _readers() for cell in _seen_by(role)]


def check() -> None:
    """Raise AccessError, naming every difference, unless each login can do just what `access.yml` says. Raises WarehouseError."""
    agreed = read()
    differences = [
        difference for role in _readers() for difference in _differences(role, agreed[_agreed_name(role)], found_of(role))
    ]
    if differences:
        raise AccessError(
            "Access is not as agreed in expectations/governance/access.yml:\n  "
            + "\n  ".join(differences)
            + "\nRevoke what nobody agreed to, or have it agreed and written down there."
        )


def read(path: Path | None = None) -> dict[str, Agreed]:
    """The agreed matrix by role. Raises AccessError where it is not as it should be."""
    path = path or MATRIX
    told: Any = yaml.safe_load(path.read_text("utf-8"))
    wanted = {_agreed_name(role) for role in _readers()}
    if not isinstance(told, dict) or (wrong := wanted ^ set(told)):
        raise AccessError(
            f"{path.name}: every role is named once; missing or unknown: "
            f"{', '.join(sorted(wrong)) if isinstance(told, dict) else 'all of them'}"
        )
    agreed = {}
    for role, rights in told.items():
        known = {"because", "reads", "writes", "calls", "enters"}
        if not isinstance(rights, dict) or not set(rights) <= known or not rights.get("because"):
            raise AccessError(f"{path.name}: {role}: says why, after 'because', and otherwise only {', '.join(sorted(known))}")
        lists = {name: tuple(rights.get(name) or ()) for name in ("reads", "writes", "calls")}
        agreed[role] = Agreed(**lists, enters=bool(rights.get("enters", True)))
    return agreed


def found_of(role: str) -> Found:
    """What the database lets a login do, asked through that login. Raises WarehouseError if it is refused for another reason."""
    try:
        connection = warehouse.connect(role, dbname=warehouse.database_name(), autocommit=True)
    except warehouse.WarehouseError as error:
        if "permission denied for database" in str(error):
            return Found(None)
        raise
    with warehouse.safe_errors(), connection:
        rights = connection.execute(_RIGHTS).fetchall()
        calls = connection.execute(_CALLS).fetchall()
    return Found(
        tuple(table for table, reads, _ in rights if reads),
        tuple(table for table, _, writes in rights if writes),
        tuple(function for (function,) in calls),
    )


def _seen_by(role: str) -> list[Cell]:
    tables = found_of(role).reads
    if tables is None:
        return []
    organisation = role.removeprefix(_STAFF) if role.startswith(_STAFF) else None
    with warehouse.safe_errors(), warehouse.connect(role, autocommit=True) as connection:
        return [Cell(role, organisation, table, _rows(connection, table)) for table in tables]


def _rows(connection: psycopg.Connection[Any], table: str) -> int | None:
    counting = sql.SQL("select count(*) from {}").format(sql.Identifier(*table.split(".", 1)))
    try:
        row = connection.execute(counting).fetchone()
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):
        return None
    return int(row[0]) if row else None


def _differences(role: str, agreed: Agreed, found: Found) -> Iterable[str]:
    if found.reads is None or not agreed.enters:
        if (found.reads is not None) != agreed.enters:
            yield f"{role} {'enters' if agreed.enters is False else 'cannot enter'} the database"
        return
    for verb, allowed, actual in (
        ("reads", agreed.reads, found.reads),
        ("writes", agreed.writes, found.writes),
        ("calls", agreed.calls, found.calls),
    ):
        for name in actual:
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in allowed):
                yield f"{role} {verb} {name}, which nobody agreed to"
        for pattern in allowed:
            if "*" not in pattern and pattern not in actual:
                yield f"{role} no longer {verb} {pattern}"


def _readers() -> tuple[str, ...]:
    """Every login but those that make the data."""
    return tuple(role for role in warehouse.roles() if role not in ("owner", "pipeline"))


def _agreed_name(role: str) -> str:
    return _EVERY_STAFF if role.startswith(_STAFF) else role
