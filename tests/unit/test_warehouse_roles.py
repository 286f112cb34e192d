"""Who may do what in a fresh warehouse."""

from __future__ import annotations

import psycopg
import pytest

from cares import warehouse as cares_warehouse
from fresh_warehouse import FreshWarehouse


@pytest.fixture(scope="module")
def with_tables(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """A table in every schema where the pipeline makes its own."""
    with warehouse_of_module.connect("pipeline") as pipeline:
        for schema in ("landing", "accepted", "staging", "intermediate", "linked_care"):
            pipeline.execute(f"create table {schema}.anything (value text)")
        pipeline.execute("create view insight.persons as select 1 as person")
    return warehouse_of_module


TABLES_WITH_DATA = [
    "landing.anything",
    "accepted.anything",
    "staging.anything",
    "intermediate.anything",
    "linked_care.anything",
    "governance.pseudonym",
    "person_index.membership",
    "person_index.received_description",
    "person_index.described_record",
    "person_index.edge",
]
TABLES_OF_THE_LEDGER = ["ledger.delivery", "ledger.finding", "ledger.table_in_force", "ledger.build"]


def test_the_analyst_reads_insight_without_a_further_grant(with_tables: FreshWarehouse) -> None:
    assert with_tables.rows("select * from insight.persons", role="analyst") == [(1,)]


@pytest.mark.parametrize("table", TABLES_WITH_DATA + TABLES_OF_THE_LEDGER + ["governance.sharing_agreement"])
def test_the_analyst_is_refused_outside_insight(with_tables: FreshWarehouse, table: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        with_tables.rows(f"select * from {table}", role="analyst")


@pytest.mark.parametrize("role", ["analyst", "engineer", "governance", "caldicott"])
@pytest.mark.parametrize(
    "statement",
    [
        "create temporary table mine (value text)",
        "create schema mine",
        "create table public.mine (value text)",
        "create view insight.mine as select 1",
        "select pg_read_file('postgresql.conf')",
        "copy (select 1) to program 'true'",
        "set role cares_pipeline",
    ],
)
def test_a_reader_leaves_nothing_and_becomes_nobody(with_tables: FreshWarehouse, role: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        with_tables.rows(statement, role=role)


@pytest.mark.parametrize("role", ["engineer", "governance"])
def test_engineer_and_governance_read_the_ledger_and_no_data(with_tables: FreshWarehouse, role: str) -> None:
    for table in [*TABLES_OF_THE_LEDGER, "governance.sharing_agreement"]:
        assert with_tables.rows(f"select count(*) from {table}", role=role) == [(0,)]
    for table in [*TABLES_WITH_DATA, "insight.persons"]:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            with_tables.rows(f"select * from {table}", role=role)


def test_a_sealed_pair_is_seen_by_the_guardian_and_the_pipeline_only(with_tables: FreshWarehouse) -> None:
    with with_tables.connect("pipeline") as pipeline:
        for records, is_sealed in (("ab", False), ("cd", True)):
            pipeline.execute(
                """insert into person_index.pair_to_decide (record_l, record_r, reason, weight, harm, is_sealed)
                   values (%s, %s, 'two NHS numbers', 12, 1, %s)""",
                (*records, is_sealed),
            )
            pipeline.execute(
                """insert into person_index.pair_decision (record_l, record_r, decision, is_sealed, decided_by, reason)
                   values (%s, %s, 'must not link', %s, 'a clerk', 'two people')""",
                (*records, is_sealed),
            )
    for table in ("person_index.pair_to_decide", "person_index.pair_decision"):
        pairs = f"select record_l || record_r from {table} order by 1"
        for role, seen in (("pipeline", ["ab", "cd"]), ("caldicott", ["ab", "cd"]), ("governance", ["ab"]), ("engineer", ["ab"])):
            assert [pair for (pair,) in with_tables.rows(pairs, role=role)] == seen
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            with_tables.rows(pairs, role="analyst")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        with_tables.rows("select reason from person_index.pair_decision", role="engineer")


@pytest.mark.parametrize("role", ["owner", "pipeline", "engineer", "analyst", "governance", "caldicott", "airflow"])
def test_no_role_that_works_is_a_superuser(with_tables: FreshWarehouse, role: str) -> None:
    with psycopg.connect(cares_warehouse.url(role)) as connection:
        rights = "select rolsuper or rolcreaterole or rolcreatedb or rolbypassrls from pg_roles where rolname = current_user"
        assert connection.execute(rights).fetchone() == (False,)


@pytest.mark.parametrize(("role", "database"), [("analyst", "airflow"), ("pipeline", "airflow"), ("analyst", "postgres")])
def test_a_role_enters_its_own_database_only(with_tables: FreshWarehouse, role: str, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(cares_warehouse.url(role, database))


def test_airflow_does_not_enter_the_data(with_tables: FreshWarehouse) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(cares_warehouse.url("airflow", with_tables.database))


def test_a_wrong_password_is_refused(with_tables: FreshWarehouse) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(with_tables.url("analyst"), password="wrong")
