"""Deliveries that come by HTTPS, from a real server: by its list, whole or not at all, from the right host, and letters back."""

from __future__ import annotations

import logging
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cares import contracts, deliveries, landing, settings
from cares.contracts import Feed
from cares.contracts import load as load_contracts
from cares.reports import returns
from cares.transports import TransportProblem, TransportRefused, fetching, sending
from end_to_end.receiving import EXTRACTS, sign_agreement
from few_contracts import few_contracts
from fresh_warehouse import FreshWarehouse
from transports.https_server import PASSWORD, HttpsServer, https_server

AS_PROMISED = {path.name: path.read_bytes() for path in sorted((EXTRACTS / "torus_tenancies" / "as_promised").iterdir())}
MARCH = {"2019-03": {"tenancies.csv": bytes(range(200)) * 10}}
DIGEST = "0" * 64


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsServer]:
    with https_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(running: HttpsServer) -> HttpsServer:
    """The server as it was at first."""
    shutil.rmtree(running.outbox, ignore_errors=True)
    running.outbox.mkdir()
    running.cut_after, running.has_ranges = None, True
    for kept in (running.answers, running.leads_to, running.asked):
        kept.clear()
    return running


@pytest.fixture(scope="module")
def all_contracts(tmp_path_factory: pytest.TempPathFactory) -> contracts.Contracts:
    root = few_contracts(tmp_path_factory.mktemp("contracts"))
    promise = root / "torus" / "tenancies.yml"
    promise.write_text(promise.read_text().replace("by: folder", "by: https"))
    return load_contracts(root)


@pytest.fixture
def feed(all_contracts: contracts.Contracts, monkeypatch: pytest.MonkeyPatch) -> Feed:
    """The tenancies, as they come by HTTPS: one line of the contract is another."""
    monkeypatch.setattr(contracts, "load", lambda: all_contracts)
    return all_contracts.feed("torus/tenancies")


@pytest.fixture
def by_https(feed: Feed, server: HttpsServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Opens the way, through a connection; what is said of it takes the place of what is right."""
    from cares_pages import connections

    def opened(**others: Any) -> Any:
        monkeypatch.setenv("AIRFLOW_CONN_CARES_TORUS", server.connection(**others))
        return connections.transport(feed)

    return opened


@pytest.fixture
def fetch(feed: Feed, by_https: Callable[..., Any], warehouse: FreshWarehouse) -> Callable[[], None]:
    """Fetches what waits into an inbox that was empty."""
    shutil.rmtree(settings.var_folder("inbox"))
    sign_agreement("torus/tenancies")

    def fetched() -> None:
        with by_https() as transport:
            fetching.fetch(feed, transport)

    return fetched


def ranges(server: HttpsServer) -> list[str | None]:
    """Which part each request for a file of March asked for."""
    return [headers.get("Range") for _, path, headers in server.asked if "/2019-03/" in path]


def inbox(feed: Feed) -> dict[str, list[str]]:
    """What lies in the inbox, by folder."""
    return {
        path.name: sorted(file.name for file in path.iterdir()) for path in (settings.var_folder("inbox") / feed.slug).iterdir()
    }


# --- what is taken


def test_what_the_list_names_is_fetched_registered_once_and_gone_from_the_inbox(
    feed: Feed, server: HttpsServer, fetch: Callable[[], None], warehouse: FreshWarehouse, tmp_path: Path
) -> None:
    server.offer("tenancies", {"2019-04": AS_PROMISED, "2019-03": AS_PROMISED})

    fetch()
    assert len(deliveries.take("torus", tmp_path, "run")) == 2
    fetch()
    assert inbox(feed) == {}
    assert deliveries.collect("torus", tmp_path) == []
    assert warehouse.rows("select period from ledger.delivery order by delivery_id") == [("2019-03",), ("2019-04",)]
    files_asked_for = [path for _, path, _ in server.asked if not path.endswith("/deliveries.csv")]
    assert len(files_asked_for) == len(set(files_asked_for)) == 4


def test_what_the_list_does_not_name_yet_is_not_seen(server: HttpsServer, feed: Feed, by_https: Callable[..., Any]) -> None:
    server.offer("tenancies", MARCH)
    (server.outbox / "tenancies" / "2019-04").mkdir()

    with by_https() as transport:
        assert [offer.folder for offer in transport.offers(feed)] == ["2019-03"]


def test_where_there_is_no_list_nothing_waits_and_the_log_says_so(
    feed: Feed, by_https: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cares")
    with by_https() as transport:
        assert transport.offers(feed) == []
    assert caplog.messages[-1] == (
        "torus/tenancies: by https, connection cares_torus: tenancies/deliveries.csv: is not there, so nothing waits"
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"2019-03,a.csv,12", "line 3 has 3 fields and not 4"),
        (b"2019-03,a.csv,twelve," + DIGEST.encode(), "line 3 does not give the file's size in 'bytes' as a whole number"),
        (b"2019-03,a.csv,12,abc", "line 3 does not give the file's SHA-256"),
        (b",a.csv,12," + DIGEST.encode(), "line 3 names no folder or no file"),
        (b"2019-03,a.csv.part,12," + DIGEST.encode(), "line 3 names a file that is still being written"),
        (b"2019-03,tenancies.csv,12," + DIGEST.encode(), "line 3 names a file of a delivery a second time"),
        (b"2019-03,a\xff.csv,12," + DIGEST.encode(), "line 3 is not UTF-8"),
        (b'2019-03,"a"b,12,' + DIGEST.encode(), "line 3 has quotation marks"),
    ],
)
def test_a_line_of_the_list_that_cannot_be_read_is_named_and_nothing_is_fetched(
    server: HttpsServer, feed: Feed, by_https: Callable[..., Any], line: bytes, problem: str
) -> None:
    server.list("tenancies", b"folder,file,bytes,sha256\n2019-03,tenancies.csv,12," + DIGEST.encode() + b"\n" + line + b"\n")

    with by_https() as transport, pytest.raises(TransportRefused) as told:
        transport.offers(feed)
    assert problem in str(told.value)
    assert str(told.value).endswith("so nothing was fetched; ask the sender to correct the list")


def test_a_page_in_place_of_the_list_is_no_list(server: HttpsServer, feed: Feed, by_https: Callable[..., Any]) -> None:
    server.list("tenancies", b"<!doctype html><title>Please log in</title>")

    with by_https() as transport, pytest.raises(TransportRefused, match="line 1 is not the header folder,file,bytes,sha256"):
        transport.offers(feed)


def test_a_name_that_leads_elsewhere_is_refused_and_keeps_no_other_delivery_from_coming(
    server: HttpsServer, feed: Feed, fetch: Callable[[], None]
) -> None:
    server.offer("tenancies", MARCH)
    listed = (server.outbox / "tenancies" / "deliveries.csv").read_bytes()
    strange = [f"{name},12,{DIGEST}\n".encode() for name in ("../council,a.csv", "2019-05,../../a.csv", "2019-06,..", "..,a.csv")]
    server.list("tenancies", listed + b"".join(strange))

    with pytest.raises(TransportRefused, match="leads to another folder"):
        fetch()
    assert list(inbox(feed)) == ["2019-03"]
    assert not [path for _, path, _ in server.asked if "a.csv" in path]


# --- what is cut, or is not what it should be


def test_a_transfer_that_is_cut_goes_on_where_it_stopped_if_the_file_is_still_the_same(
    server: HttpsServer, feed: Feed, by_https: Callable[..., Any]
) -> None:
    server.offer("tenancies", MARCH)

    with by_https() as transport:
        (offer,) = transport.offers(feed)
        server.cut_after = 600
        assert b"".join(transport.read(offer, offer.files[0], 0)) == MARCH["2019-03"]["tenancies.csv"]
    assert ranges(server) == [None, "bytes=600-", "bytes=1200-", "bytes=1800-"]
    assert all(headers.get("If-Range", "").startswith('"') for _, _, headers in server.asked[-3:])


def test_a_transfer_that_is_cut_too_often_is_named_and_the_next_try_goes_on_from_there(
    server: HttpsServer, feed: Feed, fetch: Callable[[], None]
) -> None:
    server.offer("tenancies", MARCH)
    # The list, of some 120 bytes, comes whole.
    server.cut_after = 300

    with pytest.raises(
        TransportProblem, match=r"^torus/tenancies.*tenancies\.csv: the server did not answer, or the connection was cut"
    ):
        fetch()
    assert inbox(feed) == {".2019-03": [".offer.json", "tenancies.csv.part"]}
    server.cut_after = None
    fetch()
    assert inbox(feed) == {"2019-03": [".done", ".offer.json", "tenancies.csv"]}
    assert ranges(server) == [None, "bytes=300-", "bytes=600-", "bytes=900-", "bytes=1200-"]
    assert (settings.var_folder("inbox") / feed.slug / "2019-03" / "tenancies.csv").read_bytes() == MARCH["2019-03"][
        "tenancies.csv"
    ]


def test_a_server_that_knows_no_parts_sends_the_whole_file_again_and_only_the_rest_is_taken(
    server: HttpsServer, feed: Feed, by_https: Callable[..., Any]
) -> None:
    server.offer("tenancies", MARCH)
    server.has_ranges = False

    with by_https() as transport:
        (offer,) = transport.offers(feed)
        assert b"".join(transport.read(offer, offer.files[0], 1500)) == MARCH["2019-03"]["tenancies.csv"][1500:]


def test_of_a_file_that_changes_while_it_is_fetched_no_half_is_joined_to_the_other(
    server: HttpsServer, feed: Feed, by_https: Callable[..., Any]
) -> None:
    server.offer("tenancies", MARCH)

    with by_https() as transport:
        (offer,) = transport.offers(feed)
        server.cut_after = 600
        blocks = transport.read(offer, offer.files[0], 0)
        next(blocks)
        (server.outbox / "tenancies" / "2019-03" / "tenancies.csv").write_bytes(b"x" * 2000)
        with pytest.raises(TransportProblem, match="changed while it was fetched"):
            list(blocks)


def test_a_file_that_is_longer_or_another_than_the_list_says_is_not_taken(
    server: HttpsServer, feed: Feed, fetch: Callable[[], None]
) -> None:
    server.offer("tenancies", MARCH)
    file = server.outbox / "tenancies" / "2019-03" / "tenancies.csv"

    file.write_bytes(b"x" * 2001)
    with pytest.raises(TransportProblem, match="is not as long as deliveries.csv says"):
        fetch()
    file.write_bytes(b"x" * 2000)
    with pytest.raises(TransportProblem, match="what came is not what was offered"):
        fetch()
    file.unlink()
    with pytest.raises(TransportProblem, match="is in deliveries.csv and is not there"):
        fetch()
    assert "2019-03" not in inbox(feed)


# --- from whom, and with what


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again_later(
    server: HttpsServer, feed: Feed, by_https: Callable[..., Any], status: int
) -> None:
    server.answers["/outbox/tenancies/deliveries.csv"] = status

    with by_https() as transport, pytest.raises(TransportProblem, match=f"the server answered {status}; it is tried again"):
        transport.offers(feed)


def test_a_server_that_is_away_is_asked_again_later(feed: Feed, by_https: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with by_https(port=port) as transport, pytest.raises(TransportProblem, match=r"the server did not answer.*ConnectError"):
        transport.offers(feed)


def test_a_login_that_is_refused_is_not_tried_again_and_the_password_is_not_told(
    feed: Feed, by_https: Callable[..., Any]
) -> None:
    with by_https(password="Wrong-8!") as transport, pytest.raises(TransportRefused, match=r"refuses the login \(401\)") as told:
        transport.offers(feed)
    assert "Wrong-8!" not in str(told.value)


def test_a_token_is_sent_where_the_connection_has_no_login(
    server: HttpsServer, feed: Feed, by_https: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "authorization", "Bearer token-of-torus")
    server.offer("tenancies", MARCH)

    with by_https(login=None, password="token-of-torus") as transport:
        assert len(transport.offers(feed)) == 1


def test_a_certificate_that_nobody_trusts_is_refused_before_anything_is_sent(
    server: HttpsServer, feed: Feed, by_https: Callable[..., Any]
) -> None:
    with by_https(extra={"ca": None}) as transport, pytest.raises(TransportRefused, match="certificate is not trusted"):
        transport.offers(feed)
    with by_https(host="localhost") as transport, pytest.raises(TransportRefused, match="certificate is not trusted"):
        transport.offers(feed)
    assert server.asked == []


def test_a_login_does_not_follow_to_another_host(
    server: HttpsServer, feed: Feed, by_https: Callable[..., Any], tmp_path: Path
) -> None:
    server.offer("tenancies", MARCH)
    path = "/outbox/tenancies/deliveries.csv"
    with https_server(tmp_path) as other, by_https() as transport:
        for elsewhere in (f"https://127.0.0.1:{other.port}{path}?key=secret", f"http://127.0.0.1:{server.port}{path}"):
            server.leads_to[path] = elsewhere
            with pytest.raises(TransportRefused, match=r"leads to another one \(127.0.0.1\), to which nothing was sent") as told:
                transport.offers(feed)
            assert "secret" not in str(told.value)
        assert other.asked == []
        server.leads_to = {path: "/outbox/moved/deliveries.csv"}
        (server.outbox / "tenancies").rename(server.outbox / "moved")
        assert [offer.folder for offer in transport.offers(feed)] == ["2019-03"]


@pytest.mark.parametrize(
    ("others", "problem"),
    [
        ({"host": "http://127.0.0.1"}, "is one without TLS"),
        ({"host": "torus:secret@127.0.0.1"}, "holds more than a name"),
        ({"host": "127.0.0.1/outbox"}, "holds more than a name"),
        ({"host": ""}, "its host is missing"),
        ({"password": ""}, "has no password"),
        ({"extra": {"verify": False}}, "its extra has verify, which nobody reads"),
        ({"extra": {"ca": "/nowhere"}}, "'ca' in its extra cannot be used"),
        ({"extra": {"returns": "post"}}, "'returns' in its extra is not 'put'"),
    ],
)
def test_a_connection_that_cannot_be_right_is_refused_with_what_to_write(
    server: HttpsServer, by_https: Callable[..., Any], others: dict[str, Any], problem: str
) -> None:
    with pytest.raises(TransportRefused) as told, by_https(**others):
        pass
    assert str(told.value).startswith("torus/tenancies: by https, connection cares_torus: ")
    assert problem in str(told.value)
    assert "secret" not in str(told.value) and PASSWORD not in str(told.value)
    assert server.asked == []


# --- letters back


def test_a_letter_is_put_beside_the_deliveries_where_the_server_takes_it(
    server: HttpsServer, feed: Feed, by_https: Callable[..., Any]
) -> None:
    with by_https(extra={"returns": "put"}) as transport:
        for content in (b"Dear sender", b"Dear sender, again"):
            transport.send(feed, "delivery_12_letter.txt", content)
        assert (server.outbox / "tenancies/returns/delivery_12_letter.txt").read_bytes() == b"Dear sender, again"
        server.answers["/outbox/tenancies/returns/delivery_13_letter.txt"] = 405
        with pytest.raises(TransportRefused, match=r"the server does not take it \(405\)"):
            transport.send(feed, "delivery_13_letter.txt", b"")


def test_a_letter_that_the_server_answers_with_another_page_has_not_arrived(
    server: HttpsServer, feed: Feed, by_https: Callable[..., Any]
) -> None:
    """After 302 a client asks for the other page, as a browser does, and sends nothing there."""
    server.list("login", b"a page to log in")
    server.leads_to["/outbox/tenancies/returns/delivery_12_letter.txt"] = "/outbox/login/deliveries.csv"
    with (
        by_https(extra={"returns": "put"}) as transport,
        pytest.raises(TransportRefused, match=r"delivery_12_letter.txt: the server does not take it \(302\)"),
    ):
        transport.send(feed, "delivery_12_letter.txt", b"Dear sender")


def test_a_letter_stays_here_where_the_server_takes_none_and_the_log_says_so(
    feed: Feed,
    server: HttpsServer,
    by_https: Callable[..., Any],
    fetch: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("CARES_RETURNS", str(tmp_path / "returns"))
    broken = AS_PROMISED["tenancies.csv"] + b"one value only\n"
    server.offer("tenancies", {"2019-03": {**AS_PROMISED, "tenancies.csv": broken}})
    fetch()
    (delivery,) = deliveries.take("torus", tmp_path, "run")
    landing.land(delivery)
    deliveries.decide(delivery)
    letter = returns.write(delivery)

    sending.tell_senders("torus", lambda feed: by_https(), lambda feed: by_https())
    assert letter and letter.exists()
    assert caplog.messages[-1].startswith("torus/tenancies: by https, connection cares_torus, nothing goes back")
    assert not [method for method, _, _ in server.asked if method == "PUT"]
