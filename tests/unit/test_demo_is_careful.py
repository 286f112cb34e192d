"""What the demo refuses to take or to remove, before it begins."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator

import pytest

from cares import demo, settings, simulated
from cares import warehouse as cares_warehouse
from cares.cli import demo as command
from fresh_warehouse import FreshWarehouse
from quality_ledger import HOSPITAL, Ledger

OUTBOX = settings.VAR / "outbox"


@pytest.fixture
def ledger(warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A warehouse in which a demo took one delivery from its outbox."""
    monkeypatch.setattr(cares_warehouse, "ensure_ready", lambda: None)
    (OUTBOX / HOSPITAL / "2019-03").mkdir(parents=True)
    (OUTBOX / simulated.MARK).write_text(f"{HOSPITAL}/2019-03")
    with warehouse.connect(autocommit=True) as connection:
        ledger = Ledger(connection)
        ledger.simulated()
        ledger.delivery(HOSPITAL, "2019-03", "episodes", 100)
        connection.execute("update ledger.delivery set source = %s", (f"{HOSPITAL}/2019-03",))
        yield ledger
    shutil.rmtree(OUTBOX)


def test_what_an_earlier_demo_made_is_its_own(ledger: Ledger) -> None:
    assert demo.not_its_own() == []


def test_a_delivery_taken_by_hand_is_named(ledger: Ledger) -> None:
    by_hand = ledger.delivery(HOSPITAL, "2019-04", "episodes", 100)
    ledger.connection.execute("update ledger.delivery set source = 'command line' where delivery_id = %s", (by_hand,))
    assert demo.not_its_own() == [f"delivery {by_hand} of {HOSPITAL} for 2019-04"]


def test_an_agreement_signed_by_hand_is_named(ledger: Ledger) -> None:
    ledger.connection.execute(
        """insert into governance.sharing_agreement (agreement, feed, purposes, signed_on, in_force_from, on_ending)
           values ('Schedule 3 of 2024', %s, '{planning}', '2024-01-01', '2024-01-01', 'stop')""",
        (HOSPITAL,),
    )
    assert demo.not_its_own() == ["agreement Schedule 3 of 2024"]


def test_a_build_started_by_hand_is_named(ledger: Ledger) -> None:
    build = ledger.build()
    assert demo.not_its_own() == [f"build {build}"]


def test_files_that_somebody_left_in_its_outbox_are_never_removed(ledger: Ledger) -> None:
    (OUTBOX / HOSPITAL / "2024-03").mkdir()
    with pytest.raises(demo.DemoRefused, match=rf"{HOSPITAL}/2024-03\. Nothing was touched\. Move it away first: mv "):
        demo.not_its_own()


def test_an_outbox_elsewhere_is_never_collected_under_simulated_agreements(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARES_OUTBOX", "/srv/outbox")
    with pytest.raises(demo.DemoRefused, match="env -u CARES_OUTBOX make demo"):
        demo.not_its_own()


def test_another_server_is_never_emptied_of_what_the_demo_did_not_make(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.build()
    own = cares_warehouse.status()
    monkeypatch.setenv("CARES_WAREHOUSE_URL", f"postgresql://{own.host}:{own.port}/postgres")
    with pytest.raises(demo.DemoRefused, match="CARES_WAREHOUSE_URL names holds what the demo did not make: build 1"):
        demo.not_its_own()


def test_without_a_terminal_the_refusal_names_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(demo.DemoRefused, match=r"build 7\. Nothing was touched\. To remove everything .*demo --afresh"):
        command._agree_to_lose(["build 7"])


@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_it_asks_first(answer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("typer.confirm", lambda question: answer)
    if answer:
        command._agree_to_lose(["build 7"])
    else:
        with pytest.raises(demo.DemoRefused, match="Nothing was touched"):
            command._agree_to_lose(["build 7"])


class Terminal:
    """Standard input that says it is a terminal."""

    def isatty(self) -> bool:
        return True
