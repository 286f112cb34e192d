"""Deliveries in object storage, on a real server that speaks S3: read where they are, when they are complete, and letters back."""

from __future__ import annotations

import gzip
import io
import shutil
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import s3fs
from airflow.sdk.exceptions import AirflowFailException

from cares import contracts
from cares.contracts import Feed
from cares.contracts import load as load_contracts
from cares.transports import TransportProblem, TransportRefused
from end_to_end.receiving import EXTRACTS, sign_agreement
from few_contracts import few_contracts
from fresh_warehouse import FreshWarehouse
from transports.object_storage_server import BUCKET, PASSWORD, ObjectStorageServer, object_storage_server

AS_PROMISED = {path.name: path.read_bytes() for path in sorted((EXTRACTS / "torus_tenancies" / "as_promised").iterdir())}
MARCH = "torus/tenancies/2019-03"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStorageServer]:
    with object_storage_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(running: ObjectStorageServer) -> ObjectStorageServer:
    running.empty()
    return running


@pytest.fixture(scope="module")
def all_contracts(tmp_path_factory: pytest.TempPathFactory) -> contracts.Contracts:
    root = few_contracts(tmp_path_factory.mktemp("contracts"))
    for slug in ("torus/tenancies", "council/adult_social_care"):
        promise = root / f"{slug}.yml"
        promise.write_text(promise.read_text().replace("by: folder", "by: object storage"))
    return load_contracts(root)


@pytest.fixture
def feed(all_contracts: contracts.Contracts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Feed:
    """The tenancies, as they come by object storage: one line of the contract is another."""
    monkeypatch.setattr(contracts, "load", lambda: all_contracts)
    monkeypatch.setenv("CARES_OUTBOX", str(tmp_path / "outbox"))
    return all_contracts.feed("torus/tenancies")


@pytest.fixture
def connect(feed: Feed, server: ObjectStorageServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Sets the connection up, with others in place of what is right, and gives what the DAG does with it."""
    from cares_pages import connections

    def connected(**others: Any) -> Any:
        monkeypatch.setenv("AIRFLOW_CONN_CARES_TORUS", server.connection(**others))
        return connections

    return connected


def put(server: ObjectStorageServer, *names: str) -> None:
    for name in names:
        server.put(f"{MARCH}/{name}", AS_PROMISED.get(name, b""))


# --- what is taken


def test_a_delivery_is_taken_where_it_is_as_soon_as_it_is_marked_as_done_and_once(
    server: ObjectStorageServer, connect: Callable[..., Any], warehouse: FreshWarehouse
) -> None:
    sign_agreement("torus/tenancies")
    connections = connect()
    put(server, *AS_PROMISED)
    assert connections.take("torus", "run") == []
    assert connections.refusals("torus") == []

    put(server, "march.done")
    connections.fetch("torus/tenancies")
    (delivery,) = connections.take("torus", "run")
    assert connections.take("torus", "run") == [delivery]
    assert warehouse.rows("select file_name, bytes from ledger.delivery_file order by 1") == [
        (name, len(content)) for name, content in AS_PROMISED.items()
    ]
    assert sorted(server.files.find(f"{BUCKET}/outbox/{MARCH}")) == [
        f"{BUCKET}/outbox/{MARCH}/{name}" for name in sorted([*AS_PROMISED, "march.done"])
    ]


def test_packed_files_are_read_where_they_are(
    server: ObjectStorageServer, connect: Callable[..., Any], warehouse: FreshWarehouse
) -> None:
    sign_agreement("torus/tenancies")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("tenancies.csv", AS_PROMISED["tenancies.csv"])
    server.put(f"{MARCH}/march.zip", content.getvalue())
    server.put(f"{MARCH}/household_members.csv.gz", gzip.compress(AS_PROMISED["household_members.csv"]))
    put(server, "march.done")

    assert len(connect().take("torus", "run")) == 1
    assert warehouse.rows("select bytes from ledger.delivery_file order by file_name") == [
        (len(content),) for content in AS_PROMISED.values()
    ]


def test_objects_that_a_console_writes_for_folders_are_neither_files_nor_strange(
    server: ObjectStorageServer, connect: Callable[..., Any], warehouse: FreshWarehouse
) -> None:
    sign_agreement("torus/tenancies")
    for folder in ("", "torus/", "torus/tenancies/", f"{MARCH}/"):
        server.put(folder, b"")
    put(server, *AS_PROMISED, "march.done")

    connections = connect()
    assert connections.refusals("torus") == []
    assert len(connections.take("torus", "run")) == 1


def test_what_would_lie_there_for_ever_is_named(
    server: ObjectStorageServer, connect: Callable[..., Any], warehouse: FreshWarehouse
) -> None:
    sign_agreement("torus/tenancies")
    put(server, "inner/tenancies.csv")
    server.put("torus/tenancies/tenancies.csv", b"")
    server.put("torus/tenants/2019-03/tenancies.csv", b"")
    server.put("torus/returns/tenancies/delivery_12_letter.txt", b"")

    assert connect().refusals("torus") == [
        f"{MARCH}: holds a folder (hidden), which is not taken; put the files themselves into 2019-03",
        "torus/tenancies/tenancies.csv: lies outside a folder; move it into one that is named after its period",
        "torus/hidden: is no feed; move it into one of: tenancies",
    ]


def test_a_large_object_comes_in_pieces_and_from_any_place(
    server: ObjectStorageServer, feed: Feed, connect: Callable[..., Any]
) -> None:
    server.put(f"{MARCH}/tenancies.csv", bytes(12 << 20) + b"end")
    before = time.time() - 3600

    found = connect().object_storage(feed).outbox(feed) / "torus" / "tenancies" / "2019-03" / "tenancies.csv"
    assert (found.stat().st_size, found.stat().st_mtime > before) == ((12 << 20) + 3, True)
    with found.open("rb") as stream:
        assert stream.read(5) == bytes(5)
        assert stream.raw._stream.cache.total_requested_bytes < 10 << 20
        stream.seek(-4, io.SEEK_END)
        assert stream.read() == b"\0end"


def test_one_that_cannot_be_reached_keeps_no_other_from_being_taken(
    server: ObjectStorageServer, connect: Callable[..., Any], warehouse: FreshWarehouse, tmp_path: Path
) -> None:
    sign_agreement("council/childrens_person_file")
    place = tmp_path / "outbox" / "council" / "childrens_person_file" / "2019-03"
    shutil.copytree(EXTRACTS / "torus_tenancies" / "as_promised", place)
    (place / "march.done").touch()

    connections = connect()
    with pytest.raises(AirflowFailException, match="the connection cares_council is not set up"):
        connections.fetch("council/adult_social_care")
    assert connections.fetched_feeds("council") == ["council/adult_social_care"]
    assert len(connections.take("council", "run")) == 1


# --- what goes wrong


def test_a_bucket_that_is_missing_is_named(connect: Callable[..., Any]) -> None:
    with pytest.raises(AirflowFailException) as told:
        connect(extra={"address": "s3://no-such-bucket/outbox"}).fetch("torus/tenancies")
    assert str(told.value) == (
        "torus/tenancies: by object storage, connection cares_torus: there is no such bucket; correct 'address' in the connection's extra"
    )


def test_a_key_that_is_refused_is_named_without_the_key(server: ObjectStorageServer, connect: Callable[..., Any]) -> None:
    server.ask("POST", "/moto-api/reset-auth", b"0")
    try:
        with pytest.raises(AirflowFailException, match=r"the service refuses the login \(InvalidAccessKeyId\)") as told:
            connect().fetch("torus/tenancies")
    finally:
        server.ask("POST", "/moto-api/reset-auth", b"inf")
    assert PASSWORD not in str(told.value)


def test_a_service_that_is_away_is_asked_again_later(connect: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(
        TransportProblem, match=r"^torus/tenancies: .*did not answer.*\(EndpointConnectionError\); it is tried again"
    ):
        connect(extra={"endpoint": f"https://127.0.0.1:{port}"}).fetch("torus/tenancies")


def test_a_certificate_that_nobody_trusts_is_refused(connect: Callable[..., Any]) -> None:
    with pytest.raises(AirflowFailException, match="the service's certificate is not trusted"):
        connect(extra={"ca": None}).fetch("torus/tenancies")


def test_an_object_that_vanishes_before_it_is_read_is_no_fault_of_the_delivery(
    server: ObjectStorageServer, feed: Feed, connect: Callable[..., Any]
) -> None:
    put(server, *AS_PROMISED)
    found = connect().object_storage(feed).outbox(feed) / "torus" / "tenancies" / "2019-03"
    server.empty()

    with pytest.raises(TransportProblem, match="^torus/tenancies/2019-03/tenancies.csv: .* is not there any more"):
        (found / "tenancies.csv").open("rb")


def test_of_an_object_that_is_replaced_while_it_is_read_no_half_is_joined_to_the_other(
    server: ObjectStorageServer, feed: Feed, connect: Callable[..., Any]
) -> None:
    server.put(f"{MARCH}/tenancies.csv", bytes(12 << 20))
    found = connect().object_storage(feed).outbox(feed) / "torus" / "tenancies" / "2019-03" / "tenancies.csv"

    with found.open("rb") as stream:
        stream.read(5)
        server.put(f"{MARCH}/tenancies.csv", b"x" * (12 << 20))
        with pytest.raises(TransportProblem, match="^torus/tenancies/2019-03/tenancies.csv: "):
            stream.read()


def test_an_object_that_may_not_be_read_is_named_and_keeps_no_other_delivery_from_being_taken(
    server: ObjectStorageServer, connect: Callable[..., Any], warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that another account put into the bucket, or that the service has put into its archive."""
    sign_agreement("torus/tenancies")
    put(server, *AS_PROMISED, "march.done")
    for name, content in {**AS_PROMISED, "april.done": b""}.items():
        server.put(f"torus/tenancies/2019-04/{name}", content)
    open_as_before = s3fs.S3FileSystem.open

    def open_but_one(files: Any, path: str, *arguments: Any, **options: Any) -> Any:
        if path.endswith(f"{MARCH}/tenancies.csv"):
            raise PermissionError("Access Denied")
        return open_as_before(files, path, *arguments, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "open", open_but_one)
    connections = connect()
    assert len(connections.take("torus", "run")) == 1
    assert warehouse.rows("select period from ledger.delivery") == [("2019-04",)]
    (reason,) = connections.refusals("torus")
    assert reason.startswith(f"{MARCH}/tenancies.csv: by object storage, connection cares_torus: the service refuses the login")


def test_a_name_of_many_slashes_is_listed(server: ObjectStorageServer, feed: Feed, connect: Callable[..., Any]) -> None:
    from cares.transports.object_storage import Listed, Stat

    listed = Listed(connect().object_storage(feed), "bucket/outbox")
    listed.add("torus/" + "/" * 1018, Stat(0, 0.0))
    assert [inner.name for inner in listed.iterdir()] == ["torus"]


@pytest.mark.parametrize(
    ("others", "problem"),
    [
        ({"extra": {"address": None}}, "does not say where the outbox is"),
        ({"extra": {"address": "https://bucket/outbox"}}, "does not say where the outbox is"),
        ({"extra": {"endpoint": "http://127.0.0.1"}}, "'endpoint' in its extra does not begin with https://"),
        ({"extra": {"ca": "/nowhere"}}, "'ca' in its extra is no file that is there"),
        ({"extra": {"verify": False}}, "its extra has verify, which nobody reads"),
        ({"password": ""}, "has a login or a password, and not both"),
    ],
)
def test_a_connection_that_cannot_be_right_is_refused_with_what_to_write(
    feed: Feed, connect: Callable[..., Any], others: dict[str, Any], problem: str
) -> None:
    with pytest.raises(TransportRefused) as told:
        connect(**others).object_storage(feed)
    assert str(told.value).startswith("torus/tenancies: by object storage, connection cares_torus: ")
    assert problem in str(told.value)


# --- letters back


def test_a_letter_is_put_beside_the_deliveries(server: ObjectStorageServer, feed: Feed, connect: Callable[..., Any]) -> None:
    with connect().way_back(feed) as back:
        for content in (b"Dear sender", b"Dear sender, again"):
            back.send(feed, "delivery_12_letter.txt", content)

    assert server.files.cat_file(f"{BUCKET}/outbox/torus/returns/tenancies/delivery_12_letter.txt") == b"Dear sender, again"
