"""Deliveries that come by SFTP, from a real server: whole or not at all, once, from the right host, and letters back."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from cares import contracts, deliveries, settings, warehouse
from cares.contracts import Contracts, Feed
from cares.contracts import load as load_contracts
from cares.governance import agreements
from cares.transports import Offer, OfferedFile, TransportProblem, TransportRefused, fetching
from end_to_end.receiving import EXTRACTS, sign_agreement
from few_contracts import few_contracts
from fresh_warehouse import FreshWarehouse
from transports.sftp_server import PASSWORD, SftpServer, sftp_server, wire_to

OTHER_KEY, OTHER_KIND_OF_KEY = (
    asyncssh.generate_private_key(kind).export_public_key().decode().strip() for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256")
)
AS_PROMISED = {path.name: path.read_bytes() for path in sorted((EXTRACTS / "torus_tenancies" / "as_promised").iterdir())}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    with sftp_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def theirs(server: SftpServer, tmp_path: Path) -> Path:
    """The sender's folder of the feed on the server, fresh for each test."""
    outbox = server.folder / "outbox"
    if outbox.exists():
        outbox.rename(tmp_path / "what the test before left")
    place = outbox / "tenancies"
    place.mkdir(parents=True)
    return place


@pytest.fixture(scope="module")
def promised(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    """Some contracts, where the tenancies come by SFTP: one line is another."""
    root = few_contracts(tmp_path_factory.mktemp("contracts"))
    promise = root / "torus" / "tenancies.yml"
    promise.write_text(promise.read_text().replace("by: folder", "by: sftp"))
    return contracts.load(root)


@pytest.fixture
def feed(warehouse_of_module: FreshWarehouse, promised: Contracts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Feed:
    """The tenancies under those contracts and an agreement, with an empty inbox."""
    monkeypatch.setattr(contracts, "load", lambda: promised)
    monkeypatch.setenv("CARES_RETURNS", str(tmp_path / "returns"))
    shutil.rmtree(settings.var_folder("inbox"))
    sign_agreement("torus/tenancies")
    return promised.feed("torus/tenancies")


@pytest.fixture
def by_sftp(feed: Feed, server: SftpServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Opens the way, through a connection; what is said of it takes the place of what is right."""
    from cares_pages import connections

    def opened(**others: Any) -> Any:
        monkeypatch.setenv("AIRFLOW_CONN_CARES_TORUS", server.connection(**others))
        return connections.transport(feed)

    return opened


@pytest.fixture
def fetch(feed: Feed, by_sftp: Callable[..., Any]) -> Callable[..., None]:
    """Fetches what waits, through such a connection."""

    def fetched(**others: Any) -> None:
        with by_sftp(**others) as transport:
            fetching.fetch(feed, transport)

    return fetched


def put(place: Path, files: dict[str, bytes], seconds_ago: float = 300) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
        os.utime(place / name, (time.time() - seconds_ago,) * 2)
    return place


class Told:
    """A server that offers what it is told to, each file with the same content."""

    takes_returns = False

    def __init__(self, offers: list[Offer], content: bytes) -> None:
        self.waiting, self.content = offers, content

    def offers(self, feed: Feed) -> list[Offer]:
        return self.waiting

    def read(self, offer: Offer, file: OfferedFile, start: int) -> Iterator[bytes]:
        yield self.content[start:]

    def registered(self, offer: Offer) -> None: ...

    def send(self, feed: Feed, name: str, content: bytes) -> None: ...


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def inbox() -> dict[str, dict[str, bytes]]:
    """What lies in the inbox and would be collected: folder to file name to content."""
    place = settings.var_folder("inbox", "torus", "tenancies")
    return {
        folder.name: {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.startswith(".")}
        for folder in place.iterdir()
        if not folder.name.startswith(".")
    }


def take(period: str) -> list[int]:
    """Take what waits, and give the deliveries of a period: each test has its own."""
    deliveries.take("torus", settings.VAR / "no outbox", "a run")
    with warehouse.connect("pipeline") as connection:
        found = connection.execute(
            "select delivery_id from ledger.delivery where source like %s order by 1", (f"torus/tenancies/{period}%",)
        )
        return [delivery_id for (delivery_id,) in found]


def test_what_waits_is_fetched_whole_and_becomes_one_delivery(fetch: Callable[..., None], theirs: Path) -> None:
    put(theirs / "2019-01", AS_PROMISED)
    fetch()
    assert inbox() == {"2019-01": AS_PROMISED}
    (delivery,) = take("2019-01")
    fetch()
    fetch()

    assert inbox() == {}
    assert take("2019-01") == [delivery]


def test_nothing_that_was_fetched_can_be_read_by_others(fetch: Callable[..., None], theirs: Path) -> None:
    put(theirs / "2019-03", AS_PROMISED)
    fetch()

    place = settings.VAR / "inbox"
    assert {path.stat().st_mode & 0o077 for path in (place, *place.rglob("*"))} == {0}


@pytest.mark.parametrize(
    ("left", "seconds_ago"),
    [
        ({"tenancies.csv": b"half", "household_members.csv.part": b"ha"}, 300),
        ({"tenancies.csv": b"half", "household_members.csv.filepart": b"ha"}, 300),
        ({"tenancies.csv": b"half"}, 5),
    ],
    ids=["one is still being written", "one is still being written by WinSCP", "something changed in the last minute"],
)
def test_what_is_half_written_is_left_alone(
    fetch: Callable[..., None], theirs: Path, left: dict[str, bytes], seconds_ago: float
) -> None:
    put(theirs / "2019-03", left, seconds_ago)
    fetch()
    assert inbox() == {}

    put(theirs / "2019-03", {"complete.done": b""}, 0)
    fetch()
    assert inbox() == {"2019-03": {"tenancies.csv": b"half"}}


def test_what_grows_while_it_is_fetched_is_not_taken(feed: Feed, by_sftp: Callable[..., Any], theirs: Path) -> None:
    put(theirs / "2019-03", AS_PROMISED)
    with by_sftp() as transport:
        (offer,) = transport.offers(feed)
        put(theirs / "2019-03", {"tenancies.csv": AS_PROMISED["tenancies.csv"] + b"one more line"}, 0)
        with pytest.raises(TransportProblem, match=r"2019-03 changed while it was fetched.*\.done"):
            list(transport.read(offer, offer.files[0], 0))


def test_what_is_finished_while_it_is_looked_at_is_not_taken_as_it_was_before(
    feed: Feed, by_sftp: Callable[..., Any], theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(theirs / "2019-03", {"tenancies.csv": b""}, 0)
    with by_sftp() as transport:
        listed = transport.client.listdir_attr

        def finished_then(path: str) -> Any:
            found = listed(path)
            if path.endswith("2019-03"):
                put(theirs / "2019-03", {**AS_PROMISED, "march.done": b""}, 0)
            return found

        monkeypatch.setattr(transport.client, "listdir_attr", finished_then)
        assert list(transport.offers(feed)) == []
        # Written again by each look, the files would be of another second, and have changed while they were fetched.
        monkeypatch.undo()
        fetching.fetch(feed, transport)
    assert inbox() == {"2019-03": AS_PROMISED}


def test_an_empty_file_that_gets_its_content_is_not_taken_empty(
    feed: Feed, by_sftp: Callable[..., Any], theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(theirs / "2019-03", {"tenancies.csv": b""})
    with by_sftp() as transport:
        offered = list(transport.offers(feed))
        monkeypatch.setattr(transport, "offers", lambda feed: offered)
        put(theirs / "2019-03", AS_PROMISED, 0)
        with pytest.raises(TransportProblem, match="tenancies.csv: what came is not what was offered"):
            fetching.fetch(feed, transport)
    assert inbox() == {}


def test_a_correction_in_the_same_folder_is_fetched_again(fetch: Callable[..., None], theirs: Path) -> None:
    put(theirs / "2019-02", AS_PROMISED)
    fetch()
    assert len(take("2019-02")) == 1
    put(theirs / "2019-02", {"tenancies.csv": AS_PROMISED["tenancies.csv"] + b"\n"}, 120)
    fetch()
    assert len(take("2019-02")) == 2


def test_what_is_refused_is_named_each_time_until_its_sender_takes_it_away(
    fetch: Callable[..., None], theirs: Path, tmp_path: Path
) -> None:
    put(theirs / "2019-03", {"tenancies.zip": b"no zip at all"})
    fetch()

    assert take("2019-03") == []
    (reason,) = deliveries.refusals("torus", tmp_path / "outbox")
    assert "tenancies.zip" in reason

    (theirs / "2019-03").rename(tmp_path / "taken away")
    fetch()
    assert deliveries.refusals("torus", tmp_path / "outbox") == []


def test_what_no_agreement_covers_is_not_even_fetched(fetch: Callable[..., None], theirs: Path) -> None:
    put(theirs / "2019-03", AS_PROMISED)
    then = date(2018, 9, 1)
    ended = agreements.Agreement("TEST", "torus/tenancies", ("direct care",), then, then, in_force_until=date(2019, 1, 1))
    agreements.sign(ended)

    with pytest.raises(TransportRefused, match="no sharing agreement that covers this feed"):
        fetch()
    assert list((settings.VAR / "inbox").rglob("*.csv*")) == []


@pytest.mark.parametrize("name", ["sub\\up.csv", "tenancies\n.csv", "x" * 245])
def test_a_name_that_leads_elsewhere_is_refused_and_the_others_come(fetch: Callable[..., None], theirs: Path, name: str) -> None:
    put(theirs / "2019-03", {name: b"content"})
    put(theirs / "2019-04", AS_PROMISED)

    with pytest.raises(TransportRefused, match=r"torus/tenancies/2019-03: the name .* nothing of this delivery was fetched; ask"):
        fetch()
    assert inbox() == {"2019-04": AS_PROMISED}


@pytest.mark.parametrize("name", ["../2019-03", "/etc", "a/b", "a\0b", "..", ""])
def test_no_server_can_have_a_file_written_anywhere_else(feed: Feed, name: str) -> None:
    """The names are those that a server tells, whatever its own file system allows."""

    class Hostile:
        def offers(self, feed: Feed) -> list[Offer]:
            return [Offer("2019-03", "1", (OfferedFile(name),)), Offer(name, "2", (OfferedFile("tenancies.csv"),))]

        def read(self, offer: Offer, file: OfferedFile, start: int) -> Iterator[bytes]:
            yield pytest.fail("it was asked for the file")

        def registered(self, offer: Offer) -> None: ...

        def send(self, feed: Feed, name: str, content: bytes) -> None: ...

        takes_returns = False

    with pytest.raises(TransportRefused, match="leads to another folder"):
        fetching.fetch(feed, Hostile())
    assert [path for path in (settings.VAR / "inbox").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("names", [("2019-03", "tenancies.part"), ("2019-03", "x.done"), ("2019-03__2.tmp", "tenancies.csv")])
def test_a_name_under_which_nothing_would_be_collected_is_refused(feed: Feed, names: tuple[str, str]) -> None:
    folder, name = names
    server = Told([Offer(folder, "1", (OfferedFile(name),))], b"content")

    with pytest.raises(TransportRefused, match="ends like that of something unfinished.*ask the sender for plain names"):
        fetching.fetch(feed, server)
    assert inbox() == {}


def test_two_do_not_fetch_a_feed_at_once(feed: Feed) -> None:
    """Both would write into one file, and each would count its own bytes only."""
    offers = [Offer("2019-03", "1", (OfferedFile("tenancies.csv", size=7),))]

    class Meanwhile(Told):
        def read(self, offer: Offer, file: OfferedFile, start: int) -> Iterator[bytes]:
            with pytest.raises(TransportProblem, match="torus/tenancies: is being fetched by another run; it is tried again"):
                fetching.fetch(feed, Told(offers, b"CONTENT"))
            yield from super().read(offer, file, start)

    fetching.fetch(feed, Meanwhile(offers, b"content"))
    assert inbox() == {"2019-03": {"tenancies.csv": b"content"}}


def test_what_a_killed_run_left_of_the_offer_is_no_obstacle(feed: Feed) -> None:
    server = Told([Offer("2019-03", "1", (OfferedFile("tenancies.csv", size=7),))], b"content")
    for left in (".2019-03", "2019-03"):
        place = settings.var_folder("inbox", "torus", "tenancies", left)
        (place / ".offer.json").write_text('{"folder": "2019')
        (place / "complete.done").touch()
        (place / "tenancies.csv").write_bytes(b"of an offer that nobody knows any more")
        assert deliveries.collect("torus", settings.VAR / "no outbox") == []
        fetching.fetch(feed, server)
        assert inbox() == {"2019-03": {"tenancies.csv": b"content"}}
        shutil.rmtree(settings.var_folder("inbox"))


def test_what_a_killed_run_did_not_remove_of_a_registered_delivery_goes_with_the_next_fetch(
    fetch: Callable[..., None], theirs: Path
) -> None:
    put(theirs / "2019-06", AS_PROMISED)
    fetch()
    assert len(take("2019-06")) == 1
    place = settings.VAR / "inbox" / "torus" / "tenancies"
    (place / "2019-06").rename(place / ".2019-06")
    fetch()

    assert list(place.iterdir()) == []


def test_a_disk_that_is_full_is_named_and_tried_again(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    server = Told([Offer("2019-03", "1", (OfferedFile("tenancies.csv", size=7),))], b"content")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(TransportProblem, match="torus/tenancies/2019-03: cannot be written into var/inbox .No space left"):
            fetching.fetch(feed, server)
    fetching.fetch(feed, server)
    assert inbox() == {"2019-03": {"tenancies.csv": b"content"}}


def test_a_server_is_told_of_nothing_that_another_one_offered(
    feed: Feed, fetch: Callable[..., None], theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(theirs / "2019-07", AS_PROMISED)
    fetch()
    assert len(take("2019-07")) == 1
    arrives = feed.file.arrives.model_copy(update={"by": "https"})
    server = Told([], b"")
    monkeypatch.setattr(server, "registered", lambda offer: pytest.fail("it does not know the delivery"))
    fetching.settle(replace(feed, file=feed.file.model_copy(update={"arrives": arrives})), server)

    assert inbox() == {}


def test_what_was_fetched_before_the_feed_came_another_way_is_named(
    feed: Feed, fetch: Callable[..., None], theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(theirs / "2019-03", AS_PROMISED)
    fetch()
    root = few_contracts(tmp_path)
    changed = load_contracts(root)
    monkeypatch.setattr(contracts, "load", lambda: changed)

    assert deliveries.refusals("torus", tmp_path / "outbox") == [
        "torus/tenancies/2019-03: lies in var/inbox from before the feed came by folder, and nothing is taken from there; if no such "
        "delivery was taken, ask the sender to send it by folder; then remove it there"
    ]


@pytest.mark.parametrize(
    "offered", [OfferedFile("tenancies.csv", size=10), OfferedFile("tenancies.csv", size=16, sha256="0" * 64)]
)
def test_what_is_not_what_was_offered_is_thrown_away(feed: Feed, offered: OfferedFile) -> None:
    class Endless:
        def offers(self, feed: Feed) -> list[Offer]:
            return [Offer("2019-03", "1", (offered,))]

        def read(self, offer: Offer, file: OfferedFile, start: int) -> Iterator[bytes]:
            return itertools.repeat(b"8 bytes\n", 2 if file.sha256 else 1_000_000_000)

        def registered(self, offer: Offer) -> None: ...

        def send(self, feed: Feed, name: str, content: bytes) -> None: ...

        takes_returns = False

    with pytest.raises(
        TransportProblem, match="tenancies.csv: what came is not what was offered, by its size or hash, and was thrown"
    ):
        fetching.fetch(feed, Endless())
    assert list((settings.VAR / "inbox").rglob("tenancies.csv*")) == []


def test_links_on_the_server_are_not_followed(fetch: Callable[..., None], theirs: Path, server: SftpServer) -> None:
    put(server.folder / "others", {"secret.csv": b"of somebody else"})
    put(theirs / "2019-03", {"household_members.csv": b"own"})
    (theirs / "2019-03" / "tenancies.csv").symlink_to("../../../others/secret.csv")
    (theirs / "2019-04").symlink_to("../../others")
    fetch()

    assert inbox() == {"2019-03": {"household_members.csv": b"own"}}


def test_a_cut_transfer_goes_on_where_it_stopped_and_makes_one_delivery(
    fetch: Callable[..., None], theirs: Path, server: SftpServer
) -> None:
    tenancies = AS_PROMISED["tenancies.csv"] + os.urandom(400_000)
    put(theirs / "2019-04", {**AS_PROMISED, "tenancies.csv": tenancies})
    with wire_to(server.port) as wire:
        wire.cut_after = [150_000, 150_000]
        for _ in wire.cut_after.copy():
            with pytest.raises(TransportProblem, match=r"torus/tenancies.*connection was not made or was lost"):
                fetch(port=wire.port)
            assert inbox() == {}
        (part,) = (settings.VAR / "inbox").rglob("tenancies.csv.part")
        kept = part.stat().st_size
        fetch(port=wire.port)

        assert 150_000 < kept < len(tenancies)
        assert wire.carried < len(tenancies) - kept + 50_000
    assert inbox()["2019-04"]["tenancies.csv"] == tenancies
    assert take("2019-04") == take("2019-04")
    assert len(take("2019-04")) == 1


def test_a_server_that_is_away_is_a_problem_that_is_tried_again(fetch: Callable[..., None], theirs: Path) -> None:
    with pytest.raises(
        TransportProblem, match="torus/tenancies: by sftp, connection cares_torus: connecting: the connection was not made"
    ) as told:
        fetch(port=free_port())
    assert PASSWORD not in str(told.value)


@pytest.mark.parametrize(
    ("wrong", "what_is_said"),
    [
        ({"extra": {"host_key": OTHER_KEY}}, "the server's host key is not the one in the connection"),
        ({"extra": {"host_key": OTHER_KIND_OF_KEY}}, "the server's host key is not the one in the connection"),
        ({"extra": {"host_key": None}}, "does not say which host key its server has"),
        ({"extra": {"host_key": "ssh-ed25519 broken"}}, "cannot be used"),
        ({"extra": {"host_key": None, "no_host_key_check": True}}, "does not say which host key its server has"),
        ({"extra": {"no_host_key_check": "true"}}, "no_host_key_check in its extra, with which any server would do; remove it"),
        ({"extra": {"allow_host_key_change": True}}, "allow_host_key_change in its extra"),
        ({"password": PASSWORD + "x"}, "the server refuses the login; correct login and password"),
        ({"login": "somebody"}, "the server refuses the login"),
        ({"extra": {"folder": "/nowhere"}}, "the server has no folder /nowhere; make it there"),
    ],
)
def test_what_no_other_try_mends_is_refused_with_the_remedy(
    fetch: Callable[..., None],
    theirs: Path,
    caplog: pytest.LogCaptureFixture,
    wrong: dict[str, Any],
    what_is_said: str,
) -> None:
    put(theirs / "2019-03", AS_PROMISED)
    with caplog.at_level("DEBUG"), pytest.raises(TransportRefused, match=what_is_said) as told:
        fetch(**wrong)

    assert inbox() == {}
    assert "cares_torus" in str(told.value)
    assert PASSWORD not in str(told.value) + caplog.text


def test_a_key_that_this_machine_knows_takes_the_place_of_none_in_the_connection(
    fetch: Callable[..., None], theirs: Path, server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(theirs / "2019-03", AS_PROMISED)
    monkeypatch.setenv("HOME", str(tmp_path))
    known = tmp_path / ".ssh" / "known_hosts"
    known.parent.mkdir()
    for its_own, in_connection in ((server.host_key, OTHER_KEY), (OTHER_KEY, server.host_key)):
        known.write_text(f"[127.0.0.1]:{server.port} {its_own}\n")
        with pytest.raises(TransportRefused, match="cares_torus.*known_hosts of this machine names another host key"):
            fetch(extra={"host_key": in_connection})
    assert inbox() == {}

    known.write_text(f"[127.0.0.1]:{server.port} {server.host_key}\nanother.example {OTHER_KEY}\n")
    fetch()
    assert inbox() == {"2019-03": AS_PROMISED}


def test_a_connection_that_is_not_set_up_is_named(feed: Feed) -> None:
    from cares_pages import connections

    with pytest.raises(TransportRefused, match="connection cares_torus is not set up; add it"), connections.transport(feed):
        pass


def test_what_goes_back_arrives_whole_and_in_the_place_of_what_was_there(
    feed: Feed, by_sftp: Callable[..., Any], theirs: Path
) -> None:
    letter = os.urandom(300_000)
    with by_sftp() as transport:
        transport.send(feed, "delivery_1_letter.txt", b"an earlier one")
        transport.send(feed, "delivery_1_letter.txt", letter)

    returns = theirs.parent / "returns" / "tenancies"
    assert {path.name: path.read_bytes() for path in returns.iterdir()} == {"delivery_1_letter.txt": letter}


def test_a_letter_goes_back_once_and_again_when_it_says_something_else(
    feed: Feed, fetch: Callable[..., None], theirs: Path
) -> None:
    from cares_pages import connections

    put(theirs / "2019-05", {**AS_PROMISED, "tenancies.csv": AS_PROMISED["tenancies.csv"] + b"one value only\n"})
    fetch()
    (delivery,) = take("2019-05")
    deliveries.take_in(delivery)
    connections.tell_senders("torus")
    letter = theirs.parent / "returns" / "tenancies" / f"delivery_{delivery}_letter.txt"
    told = letter.read_text()
    letter.unlink()
    connections.tell_senders("torus")

    assert "could not be read" in told
    assert letter.with_name(f"delivery_{delivery}.csv").exists()
    assert not letter.exists()
    assert inbox() == {}

    deliveries.act("withdraw", delivery, "it was a test", "somebody")
    connections.tell_senders("torus")
    assert "withdrawn" in letter.read_text()
