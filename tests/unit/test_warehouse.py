"""Addresses, errors and secrets of the warehouse, and the tables it starts with."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from cares import warehouse as cares_warehouse
from cares.embedded_server import ADMINISTRATOR, ADMINISTRATOR_SECRET, EmbeddedServer
from cares.secret_files import SecretError, read_or_make_secret, read_secret, secret_path
from cares.settings import VAR
from cares.warehouse import WarehouseError, WarehouseInterrupted, safe_errors
from fresh_warehouse import FreshWarehouse


def test_every_table_and_every_view_says_what_it_is(warehouse_of_module: FreshWarehouse) -> None:
    unexplained = warehouse_of_module.rows(
        "select oid::regclass::text from pg_class where relkind in ('r', 'v')"
        " and relnamespace::regnamespace::text in ('ledger', 'governance', 'person_index')"
        " and relname <> 'alembic_version' and obj_description(oid) is null"
    )
    assert unexplained == []


def test_a_database_that_is_ready_is_left_as_it_is(warehouse: FreshWarehouse) -> None:
    before = warehouse.rows("select count(*), max(oid) from pg_class")
    cares_warehouse.ensure_ready()
    assert warehouse.rows("select count(*), max(oid) from pg_class") == before


def test_the_latest_revision_is_the_one_that_alembic_ends_at(warehouse_of_module: FreshWarehouse) -> None:
    assert warehouse_of_module.rows("select version_num from ledger.alembic_version") == [(cares_warehouse.latest_revision(),)]


def test_an_error_names_the_place_and_never_the_value(warehouse: FreshWarehouse) -> None:
    with warehouse.connect("pipeline") as pipeline:
        pipeline.execute("create table landing.people (nhs_number text unique not null)")
        pipeline.execute("insert into landing.people values ('SECRET-VALUE')")
        with pytest.raises(WarehouseError) as refused, safe_errors():
            pipeline.execute("insert into landing.people values ('SECRET-VALUE')")
    assert "UniqueViolation (SQLSTATE 23505)" in str(refused.value)
    assert "table people" in str(refused.value) and "constraint people_nhs_number_key" in str(refused.value)
    assert "SECRET" not in str(refused.value)


def test_an_error_that_quotes_what_it_could_not_read_is_silenced_too(warehouse: FreshWarehouse) -> None:
    with warehouse.connect("pipeline") as pipeline, pytest.raises(WarehouseError) as refused, safe_errors():
        pipeline.execute("select 'SECRET-VALUE'::date")
    assert str(refused.value) == "The database refused: InvalidDatetimeFormat (SQLSTATE 22007)"


def test_an_error_wrapped_by_sqlalchemy_is_silenced_too(warehouse: FreshWarehouse) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(warehouse.url().replace("postgresql:", "postgresql+psycopg:"))
    with pytest.raises(WarehouseError) as refused, safe_errors(), engine.connect() as connection:
        connection.execute(text("select cast('SECRET-VALUE' as date)"))
    engine.dispose()
    assert "SECRET" not in str(refused.value)


def test_a_connection_that_drops_is_an_interruption_and_a_broken_constraint_is_not(warehouse: FreshWarehouse) -> None:
    """What was interrupted may succeed when it is tried again."""
    with warehouse.connect("pipeline") as other, warehouse.connect("pipeline") as pipeline:
        with pytest.raises(WarehouseInterrupted, match="AdminShutdown"), safe_errors():
            other.execute("select pg_terminate_backend(%s)", (pipeline.info.backend_pid,))
            pipeline.execute("select 1")
        with pytest.raises(WarehouseError) as refused, safe_errors():
            other.execute("insert into ledger.delivery_event (delivery_id, by, event) values (-1, 'somebody', 'received')")
    assert not isinstance(refused.value, WarehouseInterrupted)


def test_a_lock_that_does_not_come_in_time_is_an_interruption(warehouse: FreshWarehouse) -> None:
    with warehouse.connect("pipeline") as other, warehouse.connect("pipeline") as pipeline:
        other.execute("lock table ledger.delivery")
        with pytest.raises(WarehouseInterrupted, match="LockNotAvailable"), safe_errors():
            pipeline.execute("lock table ledger.delivery nowait")


def test_an_error_that_is_not_of_the_database_passes_unchanged() -> None:
    with pytest.raises(KeyError), safe_errors():
        raise KeyError("own mistake")


def test_no_value_of_a_failing_statement_reaches_the_log_of_the_server(warehouse: FreshWarehouse) -> None:
    with warehouse.connect("pipeline") as pipeline, pytest.raises(psycopg.Error):
        pipeline.execute("select 'VALUE-THAT-MUST-STAY'::date")
    logs = [file.read_text() for file in (VAR / "server" / "log").iterdir()]
    assert logs and not any("VALUE-THAT-MUST-STAY" in log for log in logs)


def test_an_unknown_role_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        WarehouseError, match="owner, pipeline, engineer, analyst, governance, caldicott, contact_cares, audit, airflow"
    ):
        cares_warehouse.url("admin")


def test_an_address_of_another_server_keeps_its_settings_and_drops_its_login(
    warehouse_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARES_WAREHOUSE_URL", "postgresql://dba:dba-password@db.example:6543/postgres?sslmode=require")
    monkeypatch.setenv("CARES_WAREHOUSE_DATABASE", "cares")
    address = cares_warehouse.url("analyst", with_password=False)
    assert address == "postgresql://cares_analyst@db.example:6543/cares?sslmode=require"
    assert "dba" not in cares_warehouse.url("analyst")


def test_another_server_is_made_ready_by_a_login_that_may(warehouse_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with cares_warehouse.connect_as_administrator() as administrator:
        administrator.execute("create role dba login createrole createdb password 'dba-password'")
        administrator.execute("grant connect on database postgres to dba")
        for role in cares_warehouse.ROLES:
            administrator.execute(f"grant cares_{role} to dba with admin option")
    monkeypatch.setenv("CARES_WAREHOUSE_URL", _address_for("dba", "dba-password"))
    monkeypatch.setenv("CARES_WAREHOUSE_DATABASE", "elsewhere")
    cares_warehouse.ensure_ready()
    with cares_warehouse.connect("pipeline") as pipeline:
        assert pipeline.execute("select count(*) from ledger.delivery").fetchone() == (0,)


@pytest.mark.parametrize(
    "address",
    [
        "foo:s3cretpw@host",
        "postgresql://dba:s3cretpw%zz@host",
        "postgresql://dba:x@s3cretpw@host/postgres",
        "postgresql://dba:s3cretpw/x@host/postgres",
        "host=host password='s3cretpw",
    ],
)
@pytest.mark.parametrize(
    "use", [cares_warehouse.ensure_ready, cares_warehouse.url, cares_warehouse.connect, cares_warehouse.connect_as_administrator]
)
def test_an_address_that_cannot_be_read_is_not_quoted(
    address: str, use: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARES_WAREHOUSE_URL", address)
    with pytest.raises(WarehouseError, match="CARES_WAREHOUSE_URL cannot be read") as refused:
        use()
    assert "s3cretpw" not in str(refused.value)


def test_another_server_that_nobody_else_uses_is_closed_to_our_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = EmbeddedServer(tmp_path)
    own.start()
    try:
        secret = read_secret(ADMINISTRATOR_SECRET)
        monkeypatch.setenv("CARES_WAREHOUSE_URL", f"postgresql://{ADMINISTRATOR}:{secret}@127.0.0.1:{own.port()}/postgres")
        cares_warehouse.ensure_ready()
        for database in ("postgres", "template1"):
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                psycopg.connect(cares_warehouse.url("analyst", database))
    finally:
        own.stop()


def test_a_login_that_may_not_set_up_is_told_what_to_ask_for(warehouse_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with cares_warehouse.connect_as_administrator() as administrator:
        administrator.execute("create role guest login password 'guest-password'")
        administrator.execute("grant connect on database postgres to guest")
    monkeypatch.setenv("CARES_WAREHOUSE_URL", _address_for("guest", "guest-password"))
    monkeypatch.setenv("CARES_WAREHOUSE_DATABASE", "not_made_yet")
    with pytest.raises(WarehouseError) as refused:
        cares_warehouse.ensure_ready()
    assert "create database not_made_yet owner cares_owner" in str(refused.value)
    assert "password'" not in str(refused.value)


def test_a_secret_that_others_can_read_is_not_used() -> None:
    read_or_make_secret("readable")
    secret_path("readable").chmod(0o644)
    with pytest.raises(SecretError, match="chmod 600"):
        read_or_make_secret("readable")


def test_a_secret_is_made_once() -> None:
    assert read_or_make_secret("kept") == read_or_make_secret("kept")
    assert secret_path("kept").stat().st_mode & 0o777 == 0o600


def test_the_command_shows_a_password_only_when_asked(warehouse: FreshWarehouse) -> None:
    def run(*words: str) -> str:
        command = [sys.executable, "-c", "from cares.cli.warehouse import app; app()", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    password = cares_warehouse.password("analyst")
    assert password not in run("url")
    assert password in run("url", "--show-password")
    assert run("psql", "-Atc", "select current_user").strip() == "cares_analyst"
    assert warehouse.database not in run("status")


class TestWhichTableIsInForce:
    """ledger.table_in_force says since when a later delivery replaces a table."""

    def test_a_correction_replaces_its_own_period_only(self, warehouse: FreshWarehouse) -> None:
        january = self.deliver(warehouse, "period", "2019-01", day=1)
        february = self.deliver(warehouse, "period", "2019-02", day=2)
        correction = self.deliver(warehouse, "period", "2019-01", day=3)
        assert self.superseded(warehouse) == {january: (correction, 3), february: (None, None), correction: (None, None)}

    def test_a_snapshot_is_replaced_by_the_next_period_even_if_that_came_first(self, warehouse: FreshWarehouse) -> None:
        march = self.deliver(warehouse, "snapshot", "2019-03", day=1)
        february_late = self.deliver(warehouse, "snapshot", "2019-02", day=5)
        assert self.superseded(warehouse) == {march: (None, None), february_late: (march, 5)}

    def test_a_table_stays_replaced_since_the_first_later_delivery_whatever_comes_late(self, warehouse: FreshWarehouse) -> None:
        january = self.deliver(warehouse, "snapshot", "2019-01", day=1)
        march = self.deliver(warehouse, "snapshot", "2019-03", day=2)
        february_late = self.deliver(warehouse, "snapshot", "2019-02", day=5)
        assert self.superseded(warehouse) == {january: (march, 2), february_late: (march, 5), march: (None, None)}

    def test_a_delivery_that_is_not_accepted_replaces_nothing(self, warehouse: FreshWarehouse) -> None:
        january = self.deliver(warehouse, "period", "2019-01", day=1)
        self.deliver(warehouse, "period", "2019-01", day=2, state="held")
        assert self.superseded(warehouse) == {january: (None, None)}

    @staticmethod
    def deliver(warehouse: FreshWarehouse, replaces: str, period: str, day: int, state: str = "accepted") -> int:
        first = dt.date.fromisoformat(f"{period}-01")
        when = dt.datetime(2020, 1, day, tzinfo=dt.UTC)
        with warehouse.connect("pipeline") as pipeline:
            delivery_id = pipeline.execute(
                "insert into ledger.delivery (organisation, feed, format, period, period_start, period_end, state,"
                " received_at, accepted_at, fingerprint)"
                " values ('sthk', 'sthk/apc', 'apc', %s, %s, %s, %s, %s, %s, 'x') returning delivery_id",
                (period, first, first + dt.timedelta(27), state, when, when),
            ).fetchone()[0]
            pipeline.execute(
                "insert into ledger.delivery_table (delivery_id, table_name, replaces) values (%s, 'episodes', %s)",
                (delivery_id, replaces),
            )
        return delivery_id

    @staticmethod
    def superseded(warehouse: FreshWarehouse) -> dict[int, tuple[int | None, int | None]]:
        rows = warehouse.rows(
            "select delivery_id, superseded_by_delivery_id, extract(day from superseded_at)::int from ledger.table_in_force"
        )
        return {delivery_id: (by, day) for delivery_id, by, day in rows}


def _address_for(user: str, password: str) -> str:
    embedded = cares_warehouse.status()
    return f"postgresql://{user}:{password}@{embedded.host}:{embedded.port}/postgres"
