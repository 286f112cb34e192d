"""Letters go back the way the feed came: each once, the others also where one way is closed, and nothing is collected from them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from cares import contracts, deliveries, simulated
from cares.contracts import load as load_contracts
from cares_pages import connections
from end_to_end.receiving import EXTRACTS, sign_agreement
from few_contracts import few_contracts
from fresh_warehouse import FreshWarehouse

TENANCIES = "torus/tenancies"
SENT = EXTRACTS / "torus_tenancies" / "as_promised"


@pytest.fixture
def outbox(warehouse: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An outbox with a delivery of which one line cannot be read."""
    monkeypatch.setenv("CARES_RETURNS", str(tmp_path / "returns"))
    monkeypatch.setenv("CARES_OUTBOX", str(tmp_path / "outbox"))
    sign_agreement(TENANCIES)
    put(tmp_path / "outbox" / TENANCIES / "2019-03", "one value only\n")
    return tmp_path / "outbox"


def put(folder: Path, last_line: str) -> None:
    folder.mkdir(parents=True)
    for file in SENT.iterdir():
        path = folder / file.name
        path.write_text(file.read_text() + (last_line if file.name == "tenancies.csv" else ""))
        os.utime(path, (time.time() - 300,) * 2)


def take() -> int:
    (delivery,) = connections.take("torus", "a run")
    deliveries.take_in(delivery)
    return delivery


def test_a_letter_lies_beside_the_folders_of_the_feeds_and_is_not_collected(outbox: Path, warehouse: FreshWarehouse) -> None:
    delivery = take()
    connections.tell_senders("torus")

    returns = outbox / "torus" / "returns" / "tenancies"
    assert sorted(path.name for path in returns.iterdir()) == [f"delivery_{delivery}.csv", f"delivery_{delivery}_letter.txt"]
    assert "1 line could not be read" in (returns / f"delivery_{delivery}_letter.txt").read_text()
    assert warehouse.rows("select delivery_id, reason from ledger.delivery_event where event = 'sender told'") == [
        (delivery, "by folder")
    ]
    assert connections.refusals("torus") == []
    assert connections.take("torus", "the next run") == []
    assert simulated.deliveries_in(outbox) == ["torus/tenancies/2019-03"]


def test_it_goes_once_and_again_when_it_says_something_else(outbox: Path) -> None:
    take()
    connections.tell_senders("torus")
    (letter,) = (outbox / "torus" / "returns").rglob("*_letter.txt")
    letter.unlink()
    connections.tell_senders("torus")
    assert not letter.exists()

    put(outbox / TENANCIES / "2019-03__2", "")
    take()
    connections.tell_senders("torus")
    assert "A later delivery has taken its place since" in letter.read_text()


def test_what_somebody_gave_to_the_command_line_is_told_by_whoever_did(outbox: Path) -> None:
    deliveries.receive(TENANCIES, sorted((outbox / TENANCIES / "2019-03").iterdir()), "2019-03")
    connections.tell_senders("torus")

    assert not (outbox / "torus" / "returns").exists()


def test_a_way_that_is_closed_keeps_no_other_letter_back_and_is_named(
    outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warehouse: FreshWarehouse
) -> None:
    take()
    (tmp_path / "changed").mkdir()
    root = few_contracts(tmp_path / "changed")
    promise = root / f"{TENANCIES}.yml"
    (root / "torus" / "another.yml").write_text(promise.read_text())
    promise.write_text(promise.read_text().replace("by: folder", "by: sftp"))
    changed = load_contracts(root)
    monkeypatch.setattr(contracts, "load", lambda: changed)
    sign_agreement("torus/another")
    put(outbox / "torus" / "another" / "2019-04", "one value only\n")
    delivery = take()

    with pytest.raises(
        AirflowFailException, match="torus/tenancies: comes by sftp, and the connection cares_torus is not set up"
    ):
        connections.tell_senders("torus")
    assert (outbox / "torus" / "returns" / "another" / f"delivery_{delivery}_letter.txt").exists()
    assert warehouse.rows("select delivery_id from ledger.told_sender where sent = written") == [(delivery,)]


def test_a_letter_that_is_gone_keeps_no_other_back_and_is_named(outbox: Path, tmp_path: Path, warehouse: FreshWarehouse) -> None:
    gone = take()
    put(outbox / TENANCIES / "2019-04", "one value only\n")
    delivery = take()
    (tmp_path / "returns" / TENANCIES / "2019-03" / f"delivery_{gone}_letter.txt").unlink()

    with pytest.raises(AirflowFailException, match=f"torus/tenancies: .*; write it anew: cares delivery letter {gone}$"):
        connections.tell_senders("torus")
    assert warehouse.rows("select delivery_id from ledger.told_sender where sent = written") == [(delivery,)]


def test_a_letter_follows_no_link_out_of_its_senders_outbox(outbox: Path, tmp_path: Path) -> None:
    take()
    (tmp_path / "of somebody else").mkdir()
    (outbox / "torus" / "returns").symlink_to(tmp_path / "of somebody else")

    with pytest.raises(AirflowFailException, match="torus/tenancies: the folder returns in the sender's outbox is a link"):
        connections.tell_senders("torus")
    assert list((tmp_path / "of somebody else").iterdir()) == []


def test_what_still_lies_in_the_outbox_of_a_feed_that_comes_another_way_is_named(
    outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = few_contracts(tmp_path)
    promise = root / f"{TENANCIES}.yml"
    promise.write_text(promise.read_text().replace("by: folder", "by: sftp"))
    changed = load_contracts(root)
    monkeypatch.setattr(contracts, "load", lambda: changed)

    (reason,) = connections.refusals("torus")
    assert reason.startswith("torus/tenancies: comes by sftp, so nothing is taken from here; remove it")
