"""Who may do what in a fresh warehouse."""

from __future__ import annotations

import psycopg
import pytest
from fresh_warehouse import FreshWarehouse


@pytest.mark.parametrize("schema", ["landing", "accepted", "ledger", "governance", "person_index", "staging", "linked_care"])
def test_the_analyst_is_refused_outside_insight(warehouse_of_module: FreshWarehouse, schema: str) -> None:
    with warehouse_of_module.connect() as pipeline:
        pipeline.execute(f"create table if not exists {schema}.anything (value text)") if schema not in (
            "ledger",
            "governance",
            "person_index",
        ) else None
    table = {"ledger": "delivery", "governance": "pseudonym", "person_index": "membership"}.get(schema, "anything")
    with warehouse_of_module.connect("analyst") as analyst, pytest.raises(psycopg.errors.InsufficientPrivilege):
        analyst.execute(f"select * from {schema}.{table}")
