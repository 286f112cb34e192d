"""The pipeline as the DAGs run it: files in an outbox, taken, landed, checked and decided, and what became of them in words."""

from __future__ import annotations

import csv
import io
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from cares import checks, contracts, deliveries, landing
from end_to_end.receiving import EXTRACTS, sign_agreement
from fresh_warehouse import FreshWarehouse

TENANCIES = (EXTRACTS / "torus_tenancies" / "as_promised" / "tenancies.csv").read_text(encoding="utf-8")
MEMBERS = (EXTRACTS / "torus_tenancies" / "as_promised" / "household_members.csv").read_text(encoding="utf-8")
# The same files for every month that a test does not change.
AS_PROMISED = {"household_members.csv": MEMBERS, "tenancies.csv": TENANCIES}

_MINUTES_OLD = 5


@dataclass(frozen=True)
class Outcome:
    """What became of one folder of the outbox: its decision and its counts, or why nothing was taken."""

    delivery_id: int | None
    state: str
    reason: str
    received: int = 0
    in_landing: int = 0
    accepted: int = 0
    set_aside: int = 0
    unreadable: int = 0

    @property
    def words(self) -> str:
        """The outcome as the scoreboard shows it; no feed or file is named, because there is only one."""
        if self.state == "nothing taken":
            return f"nothing taken{': ' if self.reason else ''}{self.reason}"
        if self.state == "accepted":
            aside = [f"{self.set_aside} set aside"] * bool(self.set_aside) + [f"{self.unreadable} unreadable"] * bool(
                self.unreadable
            )
            return ", ".join([f"accepted: {self.accepted} of {self.received} rows", *aside])
        reason = re.sub(r"\b[a-z]+/[a-z_/]+: [\w .()-]+\.csv: ", "", self.reason)
        what = reason.partition("; ")[0]  # what to do about it comes after
        return f"{self.state}: {what}; {self.in_landing} rows in landing"


class Pipeline:
    """One warehouse and one outbox, and the steps of the DAG `receive__<organisation>` between them."""

    def __init__(self, warehouse: FreshWarehouse, outbox: Path) -> None:
        self.warehouse, self.outbox = warehouse, outbox
        sign_agreement(*contracts.load().feeds)

    def put(self, folder: str, files: Mapping[str, str | bytes]) -> Path:
        """Put files into a folder of the outbox, such as torus/tenancies/2019-03, written some minutes ago."""
        place = self.outbox / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        self.let_time_pass(place)
        return place

    @staticmethod
    def let_time_pass(place: Path) -> None:
        """Make a folder and what lies in it look as if nobody had written there for some minutes."""
        moment = time.time() - 60 * _MINUTES_OLD
        for path in [*place.iterdir(), place]:
            os.utime(path, (moment, moment), follow_symlinks=False)

    def take(self, organisation: str) -> list[deliveries.Decision]:
        """Take what waits in an organisation's outbox the whole way, as its DAG does."""
        taken = deliveries.take(organisation, self.outbox, "a run of the DAG")
        for delivery_id in taken:
            landing.land(delivery_id)
        checks.check(taken)
        return [deliveries.decide(delivery_id) for delivery_id in taken]

    def deliver(self, folder: str, files: Mapping[str, str | bytes]) -> Outcome:
        """Put files into a folder of the outbox and take it; gives what became of it."""
        self.put(folder, files)
        return self.collect(folder.partition("/")[0])

    def collect(self, organisation: str) -> Outcome:
        """Take the one folder that waits in an organisation's outbox; gives what became of it."""
        decisions = self.take(organisation)
        if not decisions:
            return Outcome(None, "nothing taken", "; ".join(deliveries.refusals(organisation, self.outbox)))
        (decision,) = decisions
        ((received, accepted, aside, unreadable),) = self.warehouse.rows(
            """select coalesce(sum(received_rows), 0), coalesce(sum(accepted_rows), 0), coalesce(sum(set_aside_rows), 0),
                      coalesce(sum(unreadable_rows), 0) from ledger.delivery_file where delivery_id = %s""",
            decision.delivery_id,
        )
        in_landing = self.rows_in_landing(decision.delivery_id)
        return Outcome(decision.delivery_id, decision.state, decision.reason, received, in_landing, accepted, aside, unreadable)

    def rows_in_landing(self, delivery_id: int) -> int:
        """The rows of a delivery that stand in the landing tables, counted there."""
        files = self.warehouse.rows(
            """select file_id, format || '__' || table_name from ledger.delivery_file join ledger.delivery using (delivery_id)
               where delivery_id = %s and table_name is not null""",
            delivery_id,
        )
        with self.warehouse.connect() as connection:
            return sum(
                connection.execute(
                    sql.SQL("select count(*) from landing.{} where file_id = %s").format(sql.Identifier(table)), (file_id,)
                ).fetchone()[0]
                for file_id, table in files
            )

    def events(self, delivery_id: int | None = None) -> list[str]:
        """What the ledger says happened to a delivery, or to all, in order."""
        return [
            event
            for (event,) in self.warehouse.rows(
                "select event from ledger.delivery_event where delivery_id = coalesce(%s, delivery_id) order by event_id",
                delivery_id,
            )
        ]

    def rules_broken(self, delivery_id: int | None) -> list[tuple[str, int, str]]:
        """(rule, line, what happens then) of every finding of a delivery, in the order of lines."""
        return self.warehouse.rows(
            "select rule, line_number, if_broken from ledger.finding where delivery_id = %s order by line_number, rule",
            delivery_id,
        )


def as_csv(feed: str, table: str, rows: Iterable[Mapping[str, str]], version: str | None = None) -> str:
    """Rows as a file of a feed's table: the headers of the contract that must be there, and those that the rows name."""
    contract = contracts.load().feed(feed).format
    given = [dict(row) for row in rows]
    wanted = {*contract.tables[table].must_be_present(version or next(iter(contract.file.versions)))}
    wanted |= {header for row in given for header in row}
    text = io.StringIO()
    headers = [header for header in contract.tables[table].file.columns if header in wanted]
    writer = csv.DictWriter(text, headers, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(given)
    return text.getvalue()


def stay(patient: str, admitted: str, discharged: str) -> dict[str, str]:
    """One hospital stay of one episode, as the trust sends it."""
    return {
        "Local Patient Identifier": patient,
        "Sex": "2",
        "Hospital Provider Spell Number": f"S-{patient}-{admitted}",
        "Patient Classification": "1",
        "Admission Method (Hospital Provider Spell)": "21",
        "Start Date (Hospital Provider Spell)": admitted,
        "Discharge Date (From Hospital Provider Spell)": discharged,
        "Episode Number": "1",
        "Start Date (Consultant Episode)": admitted,
        "End Date (Consultant Episode)": discharged,
        "Organisation Code Code of Provider": "RBN00",
        "Treatment Function Code": "300",
        "Primary Diagnosis (ICD)": "I10",
    }


def event(person: str, starts: str, ends: str = "") -> dict[str, str]:
    """One event of adult social care, as the council sends it."""
    return {
        "LA Code": "342",
        "LA Person Unique Identifier": person,
        "First Name": "Ann",
        "Last Name": "Ash",
        "Gender": "Female",
        "Ethnicity": "Asian or Asian British: Indian",
        "Date of Birth": "01/02/1940",
        "Client Type": "Service User",
        "Event Type": "Service",
        "Event Start Date": starts,
        "Event End Date": ends,
        "Service Component": "Reablement",
    }


def child(local_id: str, forename: str = "Ann", surname: str = "Ash") -> dict[str, str]:
    """One person of the council's children's person file."""
    return {"Local Person ID": local_id, "Forename": forename, "Surname": surname, "Date of Birth": "01/02/2010"}


def events(*rows: Mapping[str, str]) -> dict[str, str]:
    """The council's one file of adult social care, of these events."""
    return {"events.csv": as_csv("council/adult_social_care", "events", rows, version="R1")}


def people(*rows: Mapping[str, str]) -> dict[str, str]:
    """The council's one file of children, of these."""
    return {"people.csv": as_csv("council/childrens_person_file", "people", rows)}


def stays(*rows: Mapping[str, str]) -> dict[str, str]:
    """The trust's one file, of these stays."""
    return {"episodes.csv": as_csv("sthk/admitted_patient_care", "episodes", rows)}
