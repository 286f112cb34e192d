"""A fresh migrated database for a test; the fixtures that hand it out are in conftest.py."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from cares import builds, landing, settings, warehouse
from cares.governance import purposes
from cares.person_index import store as index_store

TEMPLATE = "cares_template"
# dbt writes a database's name into every model, so that reading the project anew is saved where all have one name.
NAME = "cares_test"
OUR_REGISTER = purposes.REGISTER
# Tests of anything but privacy need no list of opt-outs; those of privacy say `with_our_register`.
REGISTER_WITHOUT_OPT_OUTS = Path(__file__).with_name("purposes_without_opt_outs.yml")


@dataclass(frozen=True)
class FreshWarehouse:
    """A database of a test's own, with all our tables and no rows; `cares` works in it meanwhile."""

    database: str

    def connect(self, role: str = "pipeline", **kwargs: Any) -> psycopg.Connection[Any]:
        return warehouse.connect(role, **kwargs)

    def url(self, role: str = "pipeline") -> str:
        return warehouse.url(role)

    def rows(self, query: str, *values: Any, role: str = "pipeline") -> list[tuple[Any, ...]]:
        """All rows of one query, run as a role in a connection of its own."""
        with self.connect(role) as connection:
            return connection.execute(query, values or None).fetchall()


def make_template(after_a_build: bool) -> None:
    """Make the database of which the others are copies; with the tables of staging and reference, if it is to be `after_a_build`.

    These take seconds to make, which is worth it where many tests build.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CARES_WAREHOUSE_DATABASE", NAME)
        environment.setattr(purposes, "REGISTER", REGISTER_WITHOUT_OPT_OUTS)
        warehouse.ensure_ready()
        landing.prepare()
        if after_a_build:
            build_id = builds.start_build()
            for layer in ("staging", "reference"):
                builds.run_layer(build_id, layer)
            with warehouse.connect_as_administrator(NAME) as administrator:
                administrator.execute("truncate ledger.build restart identity cascade")
    with warehouse.connect_as_administrator() as administrator:
        administrator.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(NAME), sql.Identifier(TEMPLATE)))


@contextmanager
def fresh_warehouse() -> Iterator[FreshWarehouse]:
    """Copy the session's template, let `cares` work in the copy, and drop it.

    A working copy of the person index that another test's database left behind would not belong to this one.
    """
    with warehouse.connect_as_administrator() as administrator:
        taken = {name for (name,) in administrator.execute("select datname from pg_database")}
    name = next(name for name in (NAME, f"{NAME}_beside", f"{NAME}_beside_both") if name not in taken)
    warehouse.create_database(name, template=TEMPLATE)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CARES_WAREHOUSE_DATABASE", name)
        environment.setattr(purposes, "REGISTER", REGISTER_WITHOUT_OPT_OUTS)
        # Each database has an audit of its own, and so its own anchors.
        environment.setenv("CARES_AUDIT_ANCHORS", tempfile.mkdtemp(prefix="anchors-", dir=settings.VAR))
        warehouse.protect_databases()
        index_store.discard()
        yield FreshWarehouse(name)
    with warehouse.connect_as_administrator() as administrator:
        administrator.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
