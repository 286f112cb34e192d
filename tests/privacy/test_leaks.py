"""Failures forced where the database quotes the data: what is said, logged and kept of them holds no value.

What a whole run with Airflow leaves behind is searched in tests/faults/test_secrets.py.
"""

from __future__ import annotations

import io
import logging

import psycopg
import pytest
from sqlalchemy import create_engine, text

from cares import settings, warehouse
from fresh_warehouse import FreshWarehouse
from privacy.markers import PASSING_WORD
from privacy.reading import text_below

SECRET = f"{PASSING_WORD}999999"

FORCED = {
    "cast to a date": f"select cast('{SECRET}' as date)",
    "cast to a number": f"select cast('{SECRET}' as int)",
    "a key twice": f"create table staging.once (value text primary key); insert into staging.once values ('{SECRET}'), ('{SECRET}')",
    "a condition that is broken": f"create table staging.short (value text check (length(value) < 2)); insert into staging.short values ('{SECRET}')",
    "a column that is too short": f"create table staging.narrow (value varchar(2)); insert into staging.narrow values ('{SECRET}')",
    "a column that must be filled": (
        f"create table staging.filled (value text, other text not null); insert into staging.filled values ('{SECRET}', null)"
    ),
    "an error raised": f"do $$ begin raise exception '{SECRET}'; end $$",
    "a pattern that is none": f"select '{SECRET}' ~ '({SECRET}'",
    "text that is no JSON": f"select cast('{SECRET}' as json)",
}


@pytest.mark.parametrize("what", FORCED)
def test_an_error_of_the_database_says_no_value(warehouse_of_module: FreshWarehouse, what: str) -> None:
    with pytest.raises(warehouse.WarehouseError) as refusal, warehouse.safe_errors(), warehouse.connect() as connection:
        connection.execute(FORCED[what])
    assert SECRET not in f"{refusal.value!r} {refusal.value.__cause__!r}"
    assert "SQLSTATE" in str(refusal.value)


def test_a_copy_that_fails_says_no_value(warehouse_of_module: FreshWarehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("create table staging.copied (value text, number int)")
    with pytest.raises(warehouse.WarehouseError) as refusal, warehouse.safe_errors(), warehouse.connect() as connection:
        with connection.cursor().copy("copy staging.copied from stdin (format csv)") as copy:
            copy.write(f"{SECRET},{SECRET}\n".encode())
    assert SECRET not in f"{refusal.value!r} {refusal.value.__cause__!r}"


def test_an_error_through_sqlalchemy_says_no_value(warehouse_of_module: FreshWarehouse) -> None:
    engine = create_engine(warehouse.url().replace("postgresql:", "postgresql+psycopg:", 1))
    with pytest.raises(warehouse.WarehouseError) as refusal, warehouse.safe_errors(), engine.begin() as connection:
        connection.execute(text("select cast(:value as date)"), {"value": SECRET})
    assert SECRET not in f"{refusal.value!r} {refusal.value.__cause__!r}"
    engine.dispose()


def test_an_error_that_psycopg_passes_over_is_logged_without_its_text(warehouse_of_module: FreshWarehouse) -> None:
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger("psycopg").addHandler(handler)
    try:
        with warehouse.connect() as connection, pytest.raises(psycopg.Error) as refusal:
            connection.execute(FORCED["cast to a date"])
        logging.getLogger("psycopg").warning("error ignored: %s", refusal.value)
    finally:
        logging.getLogger("psycopg").removeHandler(handler)
    assert "SQLSTATE" in heard.getvalue() and SECRET not in heard.getvalue()


def test_the_log_of_the_server_holds_no_value_of_what_failed(warehouse_of_module: FreshWarehouse) -> None:
    with pytest.raises(warehouse.WarehouseError), warehouse.safe_errors(), warehouse.connect() as connection:
        connection.execute(FORCED["cast to a date"])
    data = settings.VAR / "server" / "data"
    logs = text_below(settings.VAR / "server", without={data})
    assert logs
    assert SECRET not in logs


def test_whatever_is_kept_in_files_is_closed_to_other_users(warehouse_of_module: FreshWarehouse) -> None:
    opened = [path for path in (settings.VAR / "secrets").iterdir() if path.stat().st_mode & 0o077]
    assert opened == []
    assert settings.VAR.stat().st_mode & 0o077 == 0
