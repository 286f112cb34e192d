"""Deliveries that come by MESH, from NHS England's own local server: acknowledged when they are safe, once, and from the right mailbox."""

from __future__ import annotations

import io
import os
import shutil
import socket
import ssl
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cares import contracts, deliveries, settings
from cares.contracts import Contracts, Feed
from cares.transports import TransportProblem, TransportRefused, fetching
from cares.transports.mesh import connected
from end_to_end.receiving import EXTRACTS, sign_agreement
from few_contracts import few_contracts
from fresh_warehouse import FreshWarehouse
from transports.mesh_server import (
    OURS,
    PASSWORD,
    PYTHON,
    SENDER,
    SHARED_KEY,
    STRANGER,
    MeshServer,
    make_certificates,
    mesh_server,
)
from transports.sftp_server import wire_to

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the MESH server is not installed; `make test` does that")

HOUSING, SOCIAL_CARE = "torus/tenancies", "council/adult_social_care"
WORKFLOWS = {SOCIAL_CARE: "CARES_SOCIAL_CARE", HOUSING: "CARES_HOUSING"}
AS_PROMISED = {path.name: path.read_bytes() for path in sorted((EXTRACTS / "torus_tenancies" / "as_promised").iterdir())}
Open = Callable[..., Any]


def packed(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, inner in files.items():
            archive.writestr(name, inner)
    return content.getvalue()


TENANCIES = packed(AS_PROMISED)
# Four chunks and a half, and nothing that could be packed smaller on the way.
LARGE, CHUNK = packed({**AS_PROMISED, "tenancies.csv": os.urandom(430_000)}), 100_000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshServer]:
    with mesh_server(tmp_path_factory.mktemp("mesh")) as server:
        yield server


@pytest.fixture
def server(running: MeshServer) -> MeshServer:
    """The server, its mailboxes empty."""
    running.empty()
    return running


@pytest.fixture(scope="module")
def by_mesh(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    """Two feeds come by MESH: one line of their contracts is another."""
    root = few_contracts(tmp_path_factory.mktemp("contracts"))
    for slug, workflow in WORKFLOWS.items():
        promise = root / f"{slug}.yml"
        boxes = f"{{mailbox: {SENDER}, workflow: {workflow}, returns_workflow: {workflow}_RETURN}}"
        promise.write_text(promise.read_text().replace("by: folder", f"by: mesh, connection: cares_mesh, mesh: {boxes}"))
    return contracts.load(root)


@pytest.fixture
def promised(warehouse_of_module: FreshWarehouse, by_mesh: Contracts, monkeypatch: pytest.MonkeyPatch) -> Contracts:
    """Those contracts, under an agreement, and an empty inbox."""
    monkeypatch.setattr(contracts, "load", lambda: by_mesh)
    shutil.rmtree(settings.var_folder("inbox"))
    sign_agreement(*WORKFLOWS)
    return by_mesh


@pytest.fixture
def feed(promised: Contracts) -> Feed:
    return promised.feed(HOUSING)


@pytest.fixture
def mailbox(server: MeshServer, promised: Contracts) -> Open:
    """Opens our mailbox for a feed; what is said of the connection takes the place of what is right."""

    def opened(slug: str = HOUSING, extra: dict[str, str] | None = None, **others: Any) -> Any:
        right = {"host": "127.0.0.1", "port": server.port, "mailbox": OURS, "password": PASSWORD}
        feeds = [promised.feed(one) for one in WORKFLOWS]
        return connected(promised.feed(slug), feeds, **{**right, **others}, extra={**server.extra, **(extra or {})})

    return opened


@pytest.fixture
def fetch(mailbox: Open, promised: Contracts) -> Callable[..., None]:
    """Fetches what waits for a feed."""

    def fetched(slug: str = HOUSING, **others: Any) -> None:
        with mailbox(slug, **others) as transport:
            fetching.fetch(promised.feed(slug), transport)

    return fetched


def inbox(slug: str = HOUSING) -> dict[str, dict[str, bytes]]:
    """What was fetched and waits to be collected: folder to file name to content."""
    return {
        folder.name: {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.startswith(".")}
        for folder in settings.var_folder("inbox", *slug.split("/")).iterdir()
        if not folder.name.startswith(".")
    }


def take(slug: str = HOUSING) -> None:
    deliveries.take(slug.partition("/")[0], settings.VAR / "outbox", "a run")


def in_the_ledger(warehouse: FreshWarehouse, source: str) -> int:
    return int(warehouse.rows("select count(*) from ledger.delivery where source = %s", source)[0][0])


def test_a_zip_and_a_csv_arrive_each_for_its_feed_and_are_taken_once(
    fetch: Callable[..., None], server: MeshServer, warehouse_of_module: FreshWarehouse
) -> None:
    server.send(SENDER, "CARES_HOUSING", "2019-01__first.zip", TENANCIES)
    server.send(SENDER, "CARES_SOCIAL_CARE", "2019-Q1.csv", b"a table\n")
    for slug in WORKFLOWS:
        fetch(slug)

    # The only table of a feed gives its file the name; several come under their own names within the zip file.
    assert inbox(SOCIAL_CARE) == {"2019-Q1": {"events.csv": b"a table\n"}}
    assert inbox(HOUSING) == {"2019-01__first": {"2019-01__first.zip": TENANCIES}}
    for slug in WORKFLOWS:
        take(slug)
        fetch(slug)
        fetch(slug)
        take(slug)
    assert [in_the_ledger(warehouse_of_module, f"{HOUSING}/2019-01__first"), inbox(HOUSING)] == [1, {}]
    assert [in_the_ledger(warehouse_of_module, f"{SOCIAL_CARE}/2019-Q1"), inbox(SOCIAL_CARE)] == [1, {}]


def test_nothing_is_acknowledged_before_its_delivery_stands_in_the_ledger(
    fetch: Callable[..., None], mailbox: Open, feed: Feed, server: MeshServer
) -> None:
    server.send(SENDER, "CARES_HOUSING", "2019-02.zip", TENANCIES)
    fetch()
    fetch()
    assert inbox() and server.waiting(OURS) == ["2019-02.zip"]

    take()
    assert server.waiting(OURS) == ["2019-02.zip"]
    with mailbox() as transport:
        fetching.settle(feed, transport)
    assert server.waiting(OURS) == []


def test_what_a_killed_run_left_unacknowledged_is_acknowledged_the_next_time_and_not_delivered_again(
    fetch: Callable[..., None], server: MeshServer, warehouse_of_module: FreshWarehouse
) -> None:
    server.send(SENDER, "CARES_HOUSING", "2019-03.zip", TENANCIES)
    fetch()
    take()
    with pytest.raises(TransportProblem, match="acknowledging message .* did not answer"):
        fetch(port=free_port())
    assert server.waiting(OURS) == ["2019-03.zip"]

    fetch()
    take()
    assert (server.waiting(OURS), inbox()) == ([], {})
    assert in_the_ledger(warehouse_of_module, f"{HOUSING}/2019-03") == 1


def test_the_same_delivery_in_two_messages_is_one_and_both_are_acknowledged(
    fetch: Callable[..., None], server: MeshServer, warehouse_of_module: FreshWarehouse
) -> None:
    for _ in range(2):
        server.send(SENDER, "CARES_HOUSING", "2019-04.zip", TENANCIES)
    for _ in range(3):
        fetch()
        take()
    assert server.waiting(OURS) == []
    assert in_the_ledger(warehouse_of_module, f"{HOUSING}/2019-04") == 1


def test_a_message_of_no_feed_or_no_period_is_named_once_and_stays_and_the_others_come(
    fetch: Callable[..., None], server: MeshServer
) -> None:
    strange = [
        (
            HOUSING,
            STRANGER,
            "CARES_HOUSING",
            "1.zip",
            f"comes from the mailbox {STRANGER}, and the feed's contract says {SENDER}",
        ),
        (HOUSING, SENDER, "CARES_HOUSING", "May.zip", "the period 'May' is not a month; write it like"),
        (HOUSING, SENDER, "CARES_HOUSING", "2019-05", "has a file name without an ending; the sender names it like"),
        (HOUSING, SENDER, "CARES_HOUSING", "../2019-05.zip", "the period '' is not a month"),
        (HOUSING, SENDER, "CARES_HOUSING", "2019-05.csv", "is one file, and a delivery has 2 tables; the sender packs them"),
        # What is as near to one feed as to another is named with the first of them.
        (SOCIAL_CARE, SENDER, "CARES_HOSING", "2.zip", f"comes from the mailbox {SENDER} with the workflow CARES_HOSING, which"),
        (SOCIAL_CARE, STRANGER, "OTHERS", "a.dat", f"comes from the mailbox {STRANGER} with the workflow OTHERS, which is that"),
    ]
    for _, sender, workflow, name, _ in strange:
        server.send(sender, workflow, name, TENANCIES)
    server.send(SENDER, "CARES_HOUSING", "2019-06.zip", TENANCIES)
    told = {}
    for slug in WORKFLOWS:
        with pytest.raises(TransportRefused, match=f"^{slug}: by mesh, connection cares_mesh") as refused:
            fetch(slug)
        told[slug] = str(refused.value)

    for named_with, _, _, name, what_is_said in strange:
        assert [slug for slug in WORKFLOWS if f"({name.replace('/', '_')}): {what_is_said}" in told[slug]] == [named_with]
    assert (inbox(HOUSING), inbox(SOCIAL_CARE)) == ({"2019-06": {"2019-06.zip": TENANCIES}}, {})
    assert server.waiting(OURS) == [*(name for _, _, _, name, _ in strange), "2019-06.zip"]


def test_a_report_that_a_letter_did_not_arrive_is_named_with_its_feed(fetch: Callable[..., None], server: MeshServer) -> None:
    server.report("CARES_SOCIAL_CARE_RETURN", "Message not collected by recipient after 5 days")
    fetch(HOUSING)
    with pytest.raises(
        TransportRefused, match=f"{SOCIAL_CARE}: .*Message not collected by recipient.*; ask who runs the mailbox {SENDER}"
    ):
        fetch(SOCIAL_CARE)


def test_a_large_message_comes_in_its_chunks_and_is_never_held_in_memory(
    mailbox: Open, feed: Feed, fetch: Callable[..., None], server: MeshServer
) -> None:
    server.send(SENDER, "CARES_HOUSING", "2019-07.zip", LARGE, max_chunk_size=CHUNK)
    with mailbox() as transport:
        (offer,) = transport.offers(feed)
        blocks = list(transport.read(offer, offer.files[0], 0))
        # Every place to go on from is right, within a chunk and between two.
        starts = (0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 7, len(LARGE))
        assert [b"".join(transport.read(offer, offer.files[0], start)) for start in starts] == [LARGE[start:] for start in starts]
    assert len(blocks) >= 5 and max(map(len, blocks)) <= CHUNK

    fetch()
    assert inbox() == {"2019-07": {"2019-07.zip": LARGE}}


def test_a_connection_that_is_cut_goes_on_at_its_chunk_and_makes_one_delivery(
    fetch: Callable[..., None], server: MeshServer, warehouse_of_module: FreshWarehouse
) -> None:
    server.send(SENDER, "CARES_HOUSING", "2019-08.zip", LARGE, max_chunk_size=CHUNK)
    with wire_to(server.port) as wire:
        wire.cut_after = [350_000]
        with pytest.raises(TransportProblem, match=f"{HOUSING}: by mesh.*2019-08.zip: the server did not answer, or .* was cut"):
            fetch(port=wire.port)
        assert inbox() == {}
        (part,) = settings.var_folder("inbox").rglob("2019-08.zip.part")
        assert 2 * CHUNK < part.stat().st_size < len(LARGE)
        fetch(port=wire.port)
    assert inbox() == {"2019-08": {"2019-08.zip": LARGE}}
    for _ in range(2):
        take()
        fetch()
    assert in_the_ledger(warehouse_of_module, f"{HOUSING}/2019-08") == 1


def test_a_message_that_is_not_what_its_checksum_says_is_not_taken(fetch: Callable[..., None], server: MeshServer) -> None:
    server.send(SENDER, "CARES_HOUSING", "2019-09.zip", TENANCIES, checksum=f"SHA-256:{'0' * 64}")
    with pytest.raises(TransportProblem, match="what came is not what was offered, by its size or hash"):
        fetch()
    assert inbox() == {}


@pytest.fixture
def others(tmp_path: Path) -> dict[str, str]:
    """Certificates of an authority that the server does not know, and a shared key that is not its own."""
    make_certificates(tmp_path)
    (tmp_path / "shared_key").write_text("another environment's")
    return {path.name: str(path) for path in tmp_path.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("wrong", "what_is_said"),
    [
        ({"password": PASSWORD + "x"}, "the handshake: MESH refused the login \\(403\\); correct mailbox, password, shared key"),
        ({"mailbox": "X26ABC9"}, "MESH refused the login"),
        ({"extra": ["shared_key"]}, "MESH refused the login"),
        ({"extra": ["ca"]}, "the server's certificate is not trusted .*'ca' in the connection's extra is its authority"),
        ({"extra": ["key"]}, "certificate, key, ca or shared_key cannot be used"),
        ({"extra": {"key": "nowhere.pem"}}, "its extra names no file as 'key', or none that is there; write the path"),
        ({"extra": {"shared_key": ""}}, "its extra names no file as 'shared_key'"),
        ({"host": "http://127.0.0.1"}, "its host is missing, or is one without TLS"),
        ({"host": ""}, "its host is missing"),
        ({"password": "paßwort"}, "login \\(our mailbox\\) or password is missing, or holds letters that MESH does not know"),
    ],
)
def test_what_no_other_try_mends_is_refused_with_the_remedy_and_no_secret(
    fetch: Callable[..., None],
    server: MeshServer,
    others: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    wrong: dict[str, Any],
    what_is_said: str,
) -> None:
    if isinstance(wrong.get("extra"), list):
        wrong = {"extra": {name: others[name] for name in wrong["extra"]}}
    server.send(SENDER, "CARES_HOUSING", "2019-10.zip", TENANCIES)
    with (
        caplog.at_level("DEBUG"),
        pytest.raises(TransportRefused, match=f"{HOUSING}: by mesh, connection cares_mesh.*{what_is_said}") as told,
    ):
        fetch(**wrong)

    assert inbox() == {}
    everything = str(told.value) + caplog.text
    assert not [
        secret for secret in (wrong.get("password", PASSWORD + "x"), SHARED_KEY, "another environment's") if secret in everything
    ]


def test_a_server_that_refuses_our_certificate_is_told_apart_from_one_that_is_away(
    fetch: Callable[..., None], others: dict[str, str]
) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=others["ca"])
    server.load_cert_chain(others["certificate"], others["key"])
    server.verify_mode = ssl.CERT_REQUIRED
    # In TLS 1.3 the refusal comes after the connection is made, and may be lost when that is closed.
    server.maximum_version = ssl.TLSVersion.TLSv1_2

    def refuse(listening: socket.socket) -> None:
        with suppress(ssl.SSLError), listening.accept()[0] as one, server.wrap_socket(one, server_side=True):
            pytest.fail("our certificate is not of their authority")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=refuse, args=[listening], daemon=True).start()
        with pytest.raises(
            TransportRefused, match="the server refused our certificate \\(.*ALERT.*; see that it has not expired"
        ):
            fetch(port=listening.getsockname()[1], extra={"ca": others["ca"]})


def test_a_server_that_is_away_is_a_problem_that_is_tried_again(fetch: Callable[..., None]) -> None:
    with pytest.raises(TransportProblem, match="the handshake: the server did not answer"):
        fetch(port=free_port())


def test_what_goes_back_arrives_whole_in_the_senders_mailbox(mailbox: Open, feed: Feed, server: MeshServer) -> None:
    letter = os.urandom(300_000)
    with mailbox() as transport:
        transport.send(feed, "delivery_1_letter.txt", letter)

    with server.mailbox(SENDER) as theirs:
        (number,) = theirs.iterate_message_ids()
        headers = theirs.headers(number)
        assert (headers["Mex-From"], headers["Mex-WorkflowID"]) == (OURS, "CARES_HOUSING_RETURN")
        assert headers["Mex-FileName"] == "delivery_1_letter.txt"
        assert theirs.chunk(number, 1, packed=True).content == letter
    assert server.waiting(OURS) == []


def with_boxes(feed: Feed, **boxes: str) -> Feed:
    """A feed whose contract says something else of its mailbox and workflows."""
    mesh = feed.file.arrives.mesh.model_copy(update=boxes)
    arrives = feed.file.arrives.model_copy(update={"mesh": mesh})
    return replace(feed, file=feed.file.model_copy(update={"arrives": arrives}))


def test_a_letter_to_a_mailbox_that_is_not_there_is_refused_and_named(mailbox: Open, feed: Feed, server: MeshServer) -> None:
    with (
        mailbox() as transport,
        pytest.raises(TransportRefused, match="the mailbox X26GONE: MESH did not take it .Unregistered to"),
    ):
        transport.send(with_boxes(feed, mailbox="X26GONE"), "delivery_1_letter.txt", b"a letter")


def test_two_feeds_whose_messages_cannot_be_told_apart_are_refused(promised: Contracts, feed: Feed, server: MeshServer) -> None:
    twin = with_boxes(promised.feed(SOCIAL_CARE), workflow="CARES_HOUSING")
    with pytest.raises(TransportRefused, match=f"{HOUSING}: .* told from those of {SOCIAL_CARE}.*; agree another workflow"):
        with connected(feed, [feed, twin], "127.0.0.1", server.port, OURS, PASSWORD, server.extra):
            pytest.fail("it was opened")


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
