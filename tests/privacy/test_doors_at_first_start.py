"""What the first start makes: keys and folders that are closed, servers that only this computer reaches, no password known."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cares import airflow_server, settings, warehouse
from fresh_warehouse import FreshWarehouse

LOOPBACK = "127.0.0.1"


def test_keys_and_their_folders_are_closed_to_other_users(warehouse_of_module: FreshWarehouse) -> None:
    airflow_server.environment()
    keys = list((settings.VAR / "secrets").iterdir())
    assert {"airflow.fernet_key", "airflow.api_key", "airflow.jwt_secret"} <= {key.name for key in keys}
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
    assert (settings.VAR / "secrets").stat().st_mode & 0o777 == 0o700
    assert settings.VAR.stat().st_mode & 0o777 == 0o700


def test_airflow_listens_on_loopback_only_and_asks_for_a_login(warehouse_of_module: FreshWarehouse) -> None:
    told = airflow_server.environment()
    assert told["AIRFLOW__API__HOST"] == LOOPBACK
    assert told["AIRFLOW__API__BASE_URL"].startswith(f"http://{LOOPBACK}:")
    assert told["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager")


def test_no_server_of_logs_listens_because_it_would_on_every_address() -> None:
    with_logs_of_their_own = {name for name, command in airflow_server.COMPONENTS.items() if "--skip-serve-logs" in command}
    assert with_logs_of_their_own == {"scheduler", "triggerer"}


def test_the_database_listens_on_loopback_only_and_on_no_socket(warehouse_of_module: FreshWarehouse) -> None:
    with warehouse.connect_as_administrator() as administrator:
        listens = [administrator.execute(f"show {name}").fetchone() for name in ("listen_addresses", "unix_socket_directories")]
    assert listens == [(LOOPBACK,), ("",)]


@pytest.mark.parametrize("role", warehouse.roles())
def test_no_login_of_the_database_has_a_password_that_can_be_guessed(warehouse_of_module: FreshWarehouse, role: str) -> None:
    for guess in (role, f"cares_{role}", "cares", "postgres", "wrong"):
        with pytest.raises(psycopg.OperationalError, match=f'password authentication failed for user "cares_{role}"'):
            psycopg.connect(warehouse.url(role, with_password=False), password=guess, passfile="/dev/null").close()
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(warehouse.url(role, with_password=False), passfile="/dev/null").close()


def test_nor_has_the_administrator(warehouse_of_module: FreshWarehouse) -> None:
    address = make_conninfo(warehouse.url(with_password=False), user=warehouse.ADMINISTRATOR, passfile="/dev/null")
    for guess in (warehouse.ADMINISTRATOR, "cares", "postgres", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(address, password=guess).close()
