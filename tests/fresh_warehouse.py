"""A fresh migrated database for a test; the fixtures that hand it out are in conftest.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql

from cares import warehouse

TEMPLATE = "cares_template"


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


@contextmanager
def fresh_warehouse(name: str) -> Iterator[FreshWarehouse]:
    """Copy the session's template, let `cares` work in the copy, and drop it.

    The next one may have the same name: dbt then need not read the whole project again.
    """
    warehouse.create_database(name, template=TEMPLATE)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CARES_WAREHOUSE_DATABASE", name)
        warehouse.protect_databases()
        yield FreshWarehouse(name)
    with warehouse.connect_as_administrator() as administrator:
        administrator.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
