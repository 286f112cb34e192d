"""One small borough, delivered by each of the ways: what lands is the same, row for row."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from cares import contracts, landing, settings
from cares.simulator import Simulation
from cares_pages import connections
from end_to_end.receiving import sign_agreement
from few_contracts import FEEDS, few_contracts
from fresh_warehouse import FreshWarehouse, fresh_warehouse
from transports import mesh_server
from transports.https_server import https_server
from transports.object_storage_server import object_storage_server
from transports.sftp_server import sftp_server

SLUGS = sorted(f"{organisation}/{Path(feed).stem}" for organisation, feeds in FEEDS.items() for feed in feeds)
# A way takes the outbox and a folder of its own, and gives what it wants in the contracts and in the environment.
Way = Callable[[Path, Path], Any]


@pytest.fixture(scope="module")
def outbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the organisations of a borough of 300 people send for two months, written some minutes ago."""
    borough = tmp_path_factory.mktemp("borough") / "borough"
    list(Simulation(300, 1, "2019-03", "2019-04").write(borough))
    kept = borough / "outbox of few feeds"
    for slug in SLUGS:
        shutil.copytree(borough / "outbox" / slug, kept / slug)
    for path in kept.rglob("*"):
        os.utime(path, (time.time() - 300,) * 2)
    return kept


@contextmanager
def by_folder(outbox: Path, folder: Path) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    yield dict.fromkeys(SLUGS, "by: folder"), {"CARES_OUTBOX": str(outbox)}


@contextmanager
def by_sftp(outbox: Path, folder: Path) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Each organisation has a login and a folder of its own."""
    with sftp_server(outbox) as server:
        yield (
            dict.fromkeys(SLUGS, "by: sftp"),
            {f"AIRFLOW_CONN_CARES_{one.upper()}": server.connection(extra={"folder": f"/{one}"}) for one in FEEDS},
        )


@contextmanager
def by_mesh(outbox: Path, folder: Path) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Each delivery is a message, with its files in a zip."""
    with mesh_server.mesh_server(folder) as server:
        promises = {}
        for number, slug in enumerate(SLUGS):
            boxes = f"{{mailbox: {mesh_server.SENDER}, workflow: CARES_{number}, returns_workflow: CARES_{number}_RETURN}}"
            promises[slug] = f"by: mesh, connection: cares_mesh, mesh: {boxes}"
            for delivered in sorted((outbox / slug).iterdir()):
                server.send(mesh_server.SENDER, f"CARES_{number}", f"{delivered.name}.zip", packed(delivered))
        login = {"host": "127.0.0.1", "port": server.port, "login": mesh_server.OURS, "password": mesh_server.PASSWORD}
        yield promises, {"AIRFLOW_CONN_CARES_MESH": json.dumps({"conn_type": "http", **login, "extra": server.extra})}


@contextmanager
def by_object_storage(outbox: Path, folder: Path) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """One bucket has the outboxes of all, each delivery with its mark that it is complete."""
    with object_storage_server(folder) as server:
        for slug in SLUGS:
            for delivered in (outbox / slug).iterdir():
                for name, content in {**contents(delivered), "complete.done": b""}.items():
                    server.put(f"{slug}/{delivered.name}/{name}", content)
        promised = dict.fromkeys(SLUGS, "by: object storage, connection: cares_bucket")
        yield promised, {"AIRFLOW_CONN_CARES_BUCKET": server.connection()}


@contextmanager
def by_https(outbox: Path, folder: Path) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """A web server has the feeds beside each other, each with its list."""
    with https_server(folder) as server:
        for slug in SLUGS:
            waiting = {delivered.name: contents(delivered) for delivered in sorted((outbox / slug).iterdir())}
            server.offer(slug.partition("/")[2], waiting)
        promised = dict.fromkeys(SLUGS, "by: https, connection: cares_web")
        yield promised, {"AIRFLOW_CONN_CARES_WEB": server.connection()}


def contents(delivered: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(delivered.iterdir()) if not path.name.endswith(".done")}


def packed(delivered: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, inner in contents(delivered).items():
            archive.writestr(name, inner)
    return content.getvalue()


def what_lands(way: Way, outbox: Path, folder: Path, warehouse: FreshWarehouse) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of landing by table, each with its delivery, file and line, after everything came one way."""
    folder.mkdir()
    with ExitStack() as until_then:
        promises, environment = until_then.enter_context(way(outbox, folder))
        patch = until_then.enter_context(pytest.MonkeyPatch.context())
        for name, value in {"CARES_OUTBOX": str(folder / "an empty outbox"), **environment}.items():
            patch.setenv(name, value)
        root = few_contracts(folder)
        for slug, by in promises.items():
            promise = root / f"{slug}.yml"
            promise.write_text(promise.read_text().replace("by: folder", by))
        changed = contracts.load(root)
        patch.setattr(contracts, "load", lambda: changed)
        shutil.rmtree(settings.var_folder("inbox"))
        sign_agreement(*SLUGS)
        for _ in range(2):
            for organisation in FEEDS:
                for slug in connections.fetched_feeds(organisation):
                    connections.fetch(slug)
                for delivery in connections.take(organisation, "a run"):
                    landing.land(delivery)
        assert [reason for organisation in FEEDS for reason in connections.refusals(organisation)] == []
    return landed(warehouse)


def landed(warehouse: FreshWarehouse) -> dict[str, list[tuple[Any, ...]]]:
    tables = warehouse.rows("select table_name::text from information_schema.tables where table_schema = 'landing' order by 1")
    rows = {}
    with warehouse.connect() as connection:
        for (table,) in tables:
            found = connection.execute(
                sql.SQL(
                    """select delivery.source, file.file_name, to_jsonb(landed) - 'file_id' as row
                       from landing.{} as landed join ledger.delivery_file as file using (file_id)
                       join ledger.delivery using (delivery_id) order by 1, 2, line_number"""
                ).format(sql.Identifier(table))
            ).fetchall()
            if found:
                rows[table] = found
    return rows


@pytest.fixture(scope="module")
def as_by_folder(
    warehouse_server: None, outbox: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[tuple[Any, ...]]]:
    with fresh_warehouse() as warehouse:
        return what_lands(by_folder, outbox, tmp_path_factory.mktemp("way") / "folder", warehouse)


SERVERS_ARE_HERE = pytest.mark.skipif(
    not mesh_server.PYTHON.exists(), reason="the test servers are not installed; `make test` does that"
)


@pytest.mark.parametrize(
    "way",
    [by_sftp, by_https, *(pytest.param(way, marks=SERVERS_ARE_HERE) for way in (by_mesh, by_object_storage))],
)
def test_the_same_borough_lands_row_for_row_the_same_whichever_way_it_comes(
    as_by_folder: dict[str, list[tuple[Any, ...]]], outbox: Path, way: Way, tmp_path: Path, warehouse: FreshWarehouse
) -> None:
    came = what_lands(way, outbox, tmp_path / "way", warehouse)

    assert len(as_by_folder) >= 5 and sum(map(len, as_by_folder.values())) > 300
    assert {table: len(rows) for table, rows in came.items()} == {table: len(rows) for table, rows in as_by_folder.items()}
    assert came == as_by_folder
