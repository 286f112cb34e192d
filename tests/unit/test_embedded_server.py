"""The embedded PostgreSQL server: what it survives, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cares.embedded_server import ADMINISTRATOR, ADMINISTRATOR_SECRET, EmbeddedServer, WarehouseError
from cares.secret_files import read_secret


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server of the test's own, started."""
    own = EmbeddedServer(tmp_path)
    own.start()
    yield own
    if own.data.exists():
        own.stop()


def ask(server: EmbeddedServer, query: str) -> object:
    login = {"user": ADMINISTRATOR, "password": read_secret(ADMINISTRATOR_SECRET), "dbname": "postgres"}
    with psycopg.connect(host="127.0.0.1", port=server.port(), autocommit=True, **login) as connection:
        cursor = connection.execute(query)
        return cursor.fetchone()[0] if cursor.description else None


def test_the_data_are_closed_to_other_users_and_the_door_is_loopback_with_scram(server: EmbeddedServer) -> None:
    assert server.data.stat().st_mode & 0o777 == 0o700
    assert ask(server, "show listen_addresses") == "127.0.0.1"
    assert ask(server, "show unix_socket_directories") == ""
    assert ask(server, "select string_agg(distinct auth_method, ' ') from pg_hba_file_rules") == "scram-sha-256"


def test_a_second_start_changes_nothing(server: EmbeddedServer) -> None:
    before = (server.process(), server.port())
    server.start()
    assert (server.process(), server.port()) == before


def test_a_stopped_server_comes_back_on_its_port(server: EmbeddedServer) -> None:
    port = server.port()
    assert server.stop() is True
    assert server.stop() is False
    server.start()
    assert server.port() == port


def test_a_taken_port_is_left_for_another(server: EmbeddedServer) -> None:
    import socket

    port = server.port()
    server.stop()
    with socket.create_server(("127.0.0.1", port)):
        server.start()
        assert server.port() != port
        assert ask(server, "select 1") == 1


def test_all_committed_rows_survive_a_kill(server: EmbeddedServer) -> None:
    ask(server, "create table kept as select generate_series(1, 1000) as number")
    os.kill(server.process(), signal.SIGKILL)
    server.start()
    assert ask(server, "select count(*) from kept") == 1000


def test_a_process_that_got_the_number_of_a_dead_server_does_not_block_the_start(server: EmbeddedServer) -> None:
    lines = (server.data / "postmaster.pid").read_text().splitlines()
    server.stop()
    (server.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    server.start()
    assert server.process() != os.getpid()


def test_the_server_outlives_its_starter_and_the_terminal_of_it(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path)
    start = f"from cares.embedded_server import *; EmbeddedServer(Path({str(tmp_path)!r})).start()"
    starter = subprocess.Popen([sys.executable, "-c", start], start_new_session=True)
    assert starter.wait() == 0
    try:
        # Ctrl-C reaches the starter's session, which is gone, or never the server's.
        assert os.getsid(server.process()) != starter.pid
        assert ask(server, "select 1") == 1
    finally:
        server.stop()


def test_two_starts_at_once_make_one_server(tmp_path: Path) -> None:
    environment = {**os.environ, "CARES_VAR": str(tmp_path / "var")}
    run = [sys.executable, "-c", "from cares import warehouse; warehouse.ensure_ready(); print(warehouse.status().port)"]
    both = [subprocess.Popen(run, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        answers = [process.communicate()[0] for process in both]
        assert [process.returncode for process in both] == [0, 0]
        assert answers[0] == answers[1]
    finally:
        EmbeddedServer(tmp_path / "var" / "server").stop()


def test_a_folder_of_another_server_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(WarehouseError, match="was not made by this project.*Nothing was touched"):
        EmbeddedServer(tmp_path).start()
    assert [path.name for path in tmp_path.rglob("*")] == ["data", "PG_VERSION"]


def test_a_running_server_of_somebody_else_is_refused_and_named(server: EmbeddedServer) -> None:
    (server.data / "cares.conf").rename(server.folder / "aside")
    try:
        for action in (server.start, server.stop):
            with pytest.raises(WarehouseError, match=rf"process {server.process()}\) is running on it"):
                action()
        assert ask(server, "select 1") == 1
    finally:
        (server.folder / "aside").rename(server.data / "cares.conf")


def test_data_of_another_version_of_postgresql_are_refused(server: EmbeddedServer) -> None:
    server.stop()
    (server.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(WarehouseError, match="pg_dump"):
        server.start()
    shutil.rmtree(server.data)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for the server")
def test_root_starts_the_server_as_nobody_where_user_namespaces_are_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cares.embedded_server._can_map_users", lambda: False)
    server = EmbeddedServer(tmp_path)
    server.start()
    try:
        ask(server, "create table kept (number integer)")
        os.kill(server.process(), signal.SIGKILL)
        server.start()
        assert ask(server, "select count(*) from kept") == 0
        assert server.data.stat().st_uid != 0
    finally:
        server.stop()
