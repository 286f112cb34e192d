"""A month lived through: what the organisations send, what people decide, and what the figures say after each step.

The council sends in time, the trust two days late, Torus sends last month's file again; the trust corrects, one row that was
set aside is released, one delivery is withdrawn. The month is the last one that ended ten days ago or more, so that late is
late by the real calendar.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from cares import builds, contracts, deliveries, promises, provenance, reports
from cares.contracts import Period
from cares.deliveries import Row
from cares.governance import door
from end_to_end.receiving import sign_agreement
from few_contracts import few_contracts
from fresh_warehouse import FreshWarehouse

COUNCIL, TRUST, TORUS = "council/childrens_person_file", "sthk/admitted_patient_care", "torus/tenancies"
TODAY = date.today()
LAST_OF_MONTH = (TODAY - timedelta(days=10)).replace(day=1) - timedelta(days=1)
LAST_OF_MONTH_BEFORE = LAST_OF_MONTH.replace(day=1) - timedelta(days=1)
MONTH, MONTH_BEFORE = f"{LAST_OF_MONTH:%Y-%m}", f"{LAST_OF_MONTH_BEFORE:%Y-%m}"
DUE = {COUNCIL: TODAY + timedelta(days=5), TRUST: TODAY - timedelta(days=2), TORUS: TODAY - timedelta(days=1)}

CHILDREN = {"Forename": "Ada", "Surname": "Ash", "Date of Birth": "01/05/2010", "Sex": "F"}
EPISODE = {
    "NHS Number": "", "Sex": "2", "Patient Classification": "1", "Admission Method (Hospital Provider Spell)": "21",
    "Episode Number": "1", "Organisation Code Code of Provider": "RBN", "Treatment Function Code": "300",
    "Primary Diagnosis (ICD)": "I10X", "Date of Birth": "1935-02-28",
}  # fmt: skip


@dataclass
class Borough:
    """The warehouse, the outbox that the organisations write into, and the numbers of the deliveries that came of it."""

    warehouse: FreshWarehouse
    outbox: Path
    taken: dict[str, int] = field(default_factory=dict)

    def send(self, feed: str, folder: str, tables: dict[str, list[dict[str, str]]]) -> None:
        """An organisation leaves a folder in its outbox, complete; what its contract does not need is left blank."""
        place = self.outbox / feed / folder
        place.mkdir(parents=True)
        for name, rows in tables.items():
            headers = list(contracts.load().feed(feed).format.tables[name].file.columns)
            with (place / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, headers)
                writer.writeheader()
                writer.writerows(rows)
        (place / "complete.done").touch()

    def receive(self) -> None:
        """Every organisation's DAG runs once."""
        for organisation in contracts.load().organisations:
            for delivery_id in deliveries.take(organisation, self.outbox, "a run"):
                deliveries.take_in(delivery_id)
        for number, source in self.warehouse.rows("select delivery_id, source from ledger.delivery"):
            self.taken[source] = number

    def build(self) -> None:
        """The builder runs; it only does where there is something new."""
        assert builds.has_work()
        builds.build()

    def stays(self) -> dict[str, int]:
        """What an analyst reads: hospital stays by the month of discharge."""
        found = self.warehouse.rows(
            "select to_char(discharged_month, 'YYYY-MM'), count(*) from insight.hospital_stays group by 1 order by 1",
            role="analyst",
        )
        return dict(found)

    def no_data_since(self) -> dict[str, date | None]:
        """What an analyst reads: since when a feed has sent nothing that was promised."""
        return dict(self.warehouse.rows("select feed, no_data_since from insight.feed_freshness order by feed", role="analyst"))

    def report(self) -> str:
        """The text of the quality report of the published build."""
        page = reports.quality_report(builds.published_build()).read_text(encoding="utf-8")
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))

    def reported(self, feed: str, folder: str) -> str:
        """The line of the report's ledger for a delivery of one table: state, table, received, unreadable, landed, set aside,
        erased and accepted, each to the nearest 5, 1 to 7 as a star."""
        number = self.taken[f"{feed}/{folder}"]
        return re.search(rf"{folder.partition('__')[0]} {number} ((?:[^ ]+ ){{7}}[^ ]+)", self.report())[1]

    def states(self) -> dict[str, str]:
        return dict(self.warehouse.rows("select source, state from ledger.delivery order by delivery_id"))


def stays(month: Period, how_many: int) -> list[dict[str, str]]:
    """Episodes of as many people, each in hospital from the 3rd to the 8th of a month."""
    started, ended = month.start + timedelta(days=2), month.start + timedelta(days=7)
    return [
        EPISODE | {
            "Local Patient Identifier": f"P{number:03}", "Hospital Provider Spell Number": f"{month.label}-{number:03}",
            "Start Date (Hospital Provider Spell)": f"{started}", "Discharge Date (From Hospital Provider Spell)": f"{ended}",
            "Start Date (Consultant Episode)": f"{started}", "End Date (Consultant Episode)": f"{ended}",
        }
        for number in range(how_many)
    ]  # fmt: skip


def children(how_many: int) -> list[dict[str, str]]:
    return [CHILDREN | {"Local Person ID": f"C{number:03}"} for number in range(how_many)]


def homes(how_many: int) -> dict[str, list[dict[str, str]]]:
    """As many tenancies with one person in each."""
    return {
        "tenancies": [
            {"Tenancy Reference": f"T{n:03}", "Tenancy Start Date": "01/04/2015", "Main Tenant Reference": f"H{n:03}",
             "Tenure": "Assured", "Sheltered": "N", "Address": "1 High Street"}
            for n in range(how_many)
        ],
        "household_members": [
            {"Person Reference": f"H{n:03}", "Tenancy Reference": f"T{n:03}", "Forename": "Bo", "Surname": "Birch"}
            for n in range(how_many)
        ],
    }  # fmt: skip


def who_may_open(folder: Path) -> Path:
    """Our register of who may open the Shared Care Record, as it is where only the three organisations take part."""
    register = yaml.safe_load(door.REGISTER.read_text("utf-8"))
    register |= {"may_open": ["council", "acute hospital trust"], "only_for_referred_through_contact_cares": []}
    path = folder / door.REGISTER.name
    path.write_text(yaml.safe_dump(register | {"open_all_day": ["sthk"]}), "utf-8")
    return path


@pytest.fixture
def borough(warehouse: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Borough]:
    """Contracts whose due days fall as the story needs them, agreements from the month before on, an empty outbox."""
    root = few_contracts(tmp_path)
    for feed, due in DUE.items():
        path = root / f"{feed}.yml"
        days = (due - LAST_OF_MONTH).days
        path.write_text(re.sub(r"due_days_after_period: \d+", f"due_days_after_period: {days}", path.read_text()))
    promised = contracts.load(root)
    monkeypatch.setattr(contracts, "load", lambda: promised)
    monkeypatch.setattr(door, "REGISTER", who_may_open(tmp_path))
    sign_agreement(*DUE, starts=LAST_OF_MONTH_BEFORE.replace(day=1))
    yield Borough(warehouse, tmp_path / "outbox")


def test_a_month_lived_through(borough: Borough) -> None:
    before, month = (contracts.parse_period(label, "month") for label in (MONTH_BEFORE, MONTH))

    # The month before: everybody sent, everything was published.
    borough.send(COUNCIL, MONTH_BEFORE, {"people": children(20)})
    borough.send(TRUST, MONTH_BEFORE, {"episodes": stays(before, 40)})
    borough.send(TORUS, MONTH_BEFORE, homes(30))
    borough.receive()
    borough.build()
    assert set(borough.states().values()) == {"accepted"}
    assert borough.stays() == {MONTH_BEFORE: 40}
    assert borough.reported(TRUST, MONTH_BEFORE) == "accepted episodes 40 0 40 0 0 40"

    # The council sends in time. The trust was due two days ago and Torus yesterday: both are late, neither is zero.
    borough.send(COUNCIL, MONTH, {"people": children(21)})
    borough.receive()
    borough.build()
    assert standing(COUNCIL) == "up to date"
    assert standing(TRUST) == standing(TORUS) == "late"
    assert borough.no_data_since()[TRUST] == month.start
    assert borough.no_data_since()[COUNCIL] is None
    assert borough.stays() == {MONTH_BEFORE: 40}
    waiting = borough.warehouse.rows("select feed, kind, days_late from ledger.notification where closed_at is null order by 1")
    assert waiting == [(TRUST, "late", 2), (TORUS, "late", 1)]
    assert f"Admitted patient care: no data since {month.start}" in borough.report()

    # The trust sends, two days late; one row has no start of its stay that anybody could read.
    sent = stays(month, 60)
    sent[5]["Start Date (Hospital Provider Spell)"] = "not known"
    borough.send(TRUST, MONTH, {"episodes": sent})
    borough.receive()
    borough.build()
    assert standing(TRUST) == "up to date"
    assert borough.warehouse.rows("select days_late from ledger.promise where feed = %s and period = %s", TRUST, MONTH) == [(2,)]
    assert borough.no_data_since()[TRUST] is None
    assert borough.stays() == {MONTH_BEFORE: 40, MONTH: 59}
    assert borough.reported(TRUST, MONTH) == "accepted episodes 60 0 60 * 0 60"
    assert "Admitted patient care: no data since" not in borough.report()

    # Torus sends last month's file again. Nothing changes, nothing is built, and Torus is still late.
    borough.send(TORUS, f"{MONTH_BEFORE}__again", homes(30))
    borough.receive()
    assert not builds.has_work()
    promises.check()
    assert standing(TORUS) == "late"
    first_of_torus = borough.taken[f"{TORUS}/{MONTH_BEFORE}"]
    assert ("duplicate received",) in borough.warehouse.rows(
        "select event from ledger.delivery_event where delivery_id = %s", first_of_torus
    )

    # The trust corrects: ten stays were never there, and one more patient has a number longer than was promised.
    corrected = stays(month, 50)
    corrected[5]["Start Date (Hospital Provider Spell)"] = "not known"
    corrected[6]["Local Patient Identifier"] = "P006-HELD-ON-THE-OLD-SYSTEM"
    borough.send(TRUST, f"{MONTH}__2", {"episodes": corrected})
    borough.receive()
    borough.build()
    late, correction = borough.taken[f"{TRUST}/{MONTH}"], borough.taken[f"{TRUST}/{MONTH}__2"]
    assert borough.states()[f"{TRUST}/{MONTH}"] == "superseded"
    assert borough.stays() == {MONTH_BEFORE: 40, MONTH: 48}
    assert borough.reported(TRUST, MONTH) == "superseded episodes 60 0 60 * 0 60"
    assert borough.reported(TRUST, f"{MONTH}__2") == "accepted episodes 50 0 50 * 0 50"
    assert "2 set aside" in borough.warehouse.rows("select reason from ledger.delivery where delivery_id = %s", correction)[0][0]

    # One row that was set aside is released, and counts.
    row = Row(correction, "episodes", 8)
    deliveries.release_rows([row], "The number is right, from the old system", by="Ann")
    borough.build()
    assert borough.stays() == {MONTH_BEFORE: 40, MONTH: 49}
    assert borough.reported(TRUST, f"{MONTH}__2") == "accepted episodes 50 0 50 * 0 50"

    # The correction is withdrawn: the late delivery counts again, to the row.
    deliveries.act("withdraw", correction, "The trust sent the wrong extract", by="Ben")
    borough.build()
    assert borough.states()[f"{TRUST}/{MONTH}"] == "accepted"
    assert borough.stays() == {MONTH_BEFORE: 40, MONTH: 59}
    assert borough.reported(TRUST, MONTH) == "accepted episodes 60 0 60 * 0 60"

    # The report says what is missing and what was withdrawn, and the ledger can tell the story back.
    report = borough.report()
    assert f"Tenancies and household members: no data since {month.start}" in report
    assert "The trust sent the wrong extract" in report
    told = str(provenance.of_delivery(correction))
    for part in ("The number is right", "Ann", "The trust sent the wrong extract", "Ben", f"{TRUST}/{MONTH}__2"):
        assert part in told
    assert str(correction) in str(provenance.of_delivery(late))
    assert "set aside" in str(provenance.of_row(Row(late, "episodes", 7)))


def standing(feed: str) -> str:
    [found] = promises.standing(feed)
    return found.status
