"""Generalisation: nobody stands in a table under a pseudonym in a group that is smaller than its purpose allows.

What tells people apart is named in the model's description (meta: quasi_identifiers). dbt widens it where too few share it;
here a table is judged before it is published, and as its readers see it afterwards: whoever vanishes from it, by an opt-out
or the end of an agreement, leaves a smaller group behind.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql

from cares import english, warehouse
from cares.governance import protections
from cares.settings import DBT_PROJECT

MODELS = DBT_PROJECT / "models" / "marts"
_log = logging.getLogger(__name__)


class SmallGroupError(Exception):
    """A table that tells too few people apart: names it, what tells them apart, and how many groups are too small."""


@dataclass(frozen=True)
class Judged:
    """One table held against its purpose: the smallest group found (None: everybody is widened in everything) and allowed."""

    table: str
    smallest: int | None
    allowed: int
    people_widened: int


def quasi_identifiers(models: Path | None = None) -> dict[str, dict[str, list[str]]]:
    """What tells people apart, as the models say: published schema -> table -> columns."""
    found: dict[str, dict[str, list[str]]] = {}
    for schema, use in protections.USES.items():
        if not use or not use.is_pseudonymised:
            continue
        for path in sorted(((models or MODELS) / schema).glob("*.yml")):
            for model in (yaml.safe_load(path.read_text("utf-8")) or {}).get("models", []):
                columns = model.get("config", {}).get("meta", {}).get("quasi_identifiers")
                if columns:
                    found.setdefault(schema, {})[model["name"].removeprefix(f"{schema}_")] = columns
    return found


def check(connection: psycopg.Connection[Any], build_id: int, schemas: dict[str, str]) -> list[Judged]:
    """Judge every table that tells people apart, among those of them whom its readers would see now.

    `schemas` are where its tables stand: published schema -> schema of the build. Raises SmallGroupError naming each table with
    a group that is too small.
    """
    judged, problems = [], []
    for schema, tables in quasi_identifiers().items():
        use = protections.USES[schema]
        assert use
        for table, columns in tables.items():
            allowed, groups, smallest, people, widened = _groups(
                connection, build_id, use.purpose, schemas[schema], table, columns
            )
            judged.append(Judged(f"{schema}.{table}", smallest, allowed, widened))
            if groups:
                problems.append(
                    f"{schema}.{table}: {groups} of its groups by {', '.join(columns)} hold fewer than {allowed} people each, "
                    f"who could be told apart; {use.purpose} allows groups of {allowed} and more (smallest_group in the register "
                    "of purposes). Widen the values in its model"
                )
    if problems:
        raise SmallGroupError(f"Build {build_id} is not published. {'; '.join(problems)}.")
    return judged


def widen() -> int:
    """Show nothing more of what tells people apart where, of those whom readers see still, too few are alike.

    Called after each publication and whenever opt-outs were judged, and every hour. Gives how many people were widened; they
    stay so in that build.
    """
    widened = 0
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute(
            "delete from governance.widened_person using ledger.build where build.build_id = widened_person.build_id and state = 'dropped'"
        )
        for schema, tables in quasi_identifiers().items():
            use = protections.USES[schema]
            assert use
            for name, build_id in _read_by_name(connection, schema):
                for table, columns in tables.items():
                    if not warehouse.is_there(connection, f"{name}.{table}"):
                        continue
                    found = _widen(connection, build_id, use.purpose, sql.Identifier(name, table), columns)
                    if found:
                        _log.warning(
                            "%s.%s: what tells people apart is no longer shown of %s, whom too few are like since others vanished.",
                            name, table, english.counted(found, "pseudonym"),
                        )  # fmt: skip
                    widened += found
    return widened


def _read_by_name(connection: psycopg.Connection[Any], schema: str) -> list[tuple[str, int]]:
    """The names under which readers find builds of a schema, with the build: the published one, and one of an earlier day."""
    return connection.execute(
        """select schema_name, build_id from ledger.shown_build where schema_name = %(schema)s
           union all
           select %(schema)s || '_as_at', build_id from ledger.build where rewound_to is not null and state = 'tested'""",
        {"schema": schema},
    ).fetchall()


def _widen(connection: psycopg.Connection[Any], build_id: int, purpose: str, view: sql.Identifier, columns: list[str]) -> int:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return connection.execute(
        sql.SQL(
            """
            insert into governance.widened_person (build_id, person_id)
            select %(build)s, pseudonyms.person_id
            from (
                select pseudonym, count(*) over (partition by {names}) as people, {widened} as is_widened from {view}
            ) as seen
            join governance.pseudonym as pseudonyms on pseudonyms.purpose = %(purpose)s and pseudonyms.pseudonym = seen.pseudonym
            where not is_widened and people < (select smallest_group from governance.purpose where purpose = %(purpose)s)
            on conflict do nothing
            """
        ).format(names=names, view=view, widened=_is_widened(columns)),
        {"build": build_id, "purpose": purpose},
    ).rowcount


def _is_widened(columns: list[str]) -> sql.Composed:
    # Where nothing is shown of what tells people apart, nobody is told apart.
    return sql.SQL(" and ").join(
        sql.SQL("coalesce(cast({} as text), {}) = {}").format(sql.Identifier(name), protections.NOT_SHOWN, protections.NOT_SHOWN)
        for name in columns
    )


def _groups(
    connection: psycopg.Connection[Any], build_id: int, purpose: str, schema: str, table: str, columns: list[str]
) -> tuple[int, int, int | None, int, int]:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL(
        """
        with purpose as (
            select smallest_group from governance.purpose where purpose = %(purpose)s
        ),
        seen as (
            select built.* from {built} as built
            where built.guard_person_id in (
                    select person_id from governance.secondary_use_person where purpose = %(purpose)s
                )
                and built.guard_person_id in (select person_id from governance.person_in_use where purpose = %(purpose)s)
                and built.guard_person_id not in (select person_id from person_index.withheld_person where build_id = %(build)s)
        ),
        grouped as (
            select count(*) as people, {widened} as is_widened from seen group by {names}
        )
        select max(smallest_group),
            count(*) filter (where people < smallest_group and not is_widened),
            min(people) filter (where not is_widened),
            coalesce(sum(people), 0)::bigint,
            coalesce(sum(people) filter (where is_widened), 0)::bigint
        from purpose left join grouped on true
        """
    ).format(
        built=sql.Identifier(schema, table),
        names=names,
        widened=_is_widened(columns),
    )
    row = connection.execute(statement, {"purpose": purpose, "build": build_id}).fetchone()
    assert row
    return row[0] or 1, row[1], row[2], row[3], row[4]
