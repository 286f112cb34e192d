"""From a number of people and a seed to an outbox and its answer key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from cares import contracts
from cares.contracts import Feed, Period, Purpose, Table
from cares.simulator import faults, identifiers, outbox
from cares.simulator.chance import stream
from cares.simulator.organisations import (
    bridgewater,
    ccg,
    council,
    gp_practices,
    halton,
    halton_st_helens_vca,
    merseyside_fire,
    merseyside_police,
    nhs_england,
    north_west_boroughs,
    ons,
    sthk,
    torus,
)
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story, Told

FEWEST_PEOPLE = 300
LATEST = date(2023, 12, 31)  # the children's return has a table of social workers after that, which is not simulated yet
ORGANISATIONS = (
    bridgewater,
    ccg,
    council,
    gp_practices,
    halton,
    halton_st_helens_vca,
    merseyside_fire,
    merseyside_police,
    nhs_england,
    north_west_boroughs,
    ons,
    sthk,
    torus,
)
LINE_ENDS = {"council": "\r\n"}  # of the others: "\n"


class SimulationError(Exception):
    """What was asked for cannot be simulated: says what to ask instead."""


@dataclass(frozen=True)
class Delivered:
    """One delivery that was written: its feed, folder, rows, and what should become of it."""

    feed: str
    folder: str
    rows: int
    expected: str


class Simulation:
    """A borough and what its organisations send from the month `first` to the month `last`, both like 2018-10.

    Deliveries are those of the periods that end in these months. `la_code` is the council's code in adult
    social care, which is not publicly known. Raises SimulationError for a borough that cannot be made.
    """

    def __init__(self, people: int, seed: int, first: str = "2018-10", last: str = "2020-06", la_code: str = "999") -> None:
        if people < FEWEST_PEOPLE:
            raise SimulationError(f"a borough needs at least {FEWEST_PEOPLE} people, not {people}")
        try:
            self.first, self.last = contracts.parse_period(first, "month").start, contracts.parse_period(last, "month").end
        except contracts.ContractError as error:
            raise SimulationError(str(error)) from None
        if self.last > LATEST:
            raise SimulationError(f"the borough's story can be told until {LATEST:%Y-%m}, not until {last}")
        if self.first > self.last:
            raise SimulationError(f"the first month, {first}, comes after the last, {last}")
        self.seed = seed
        self.how = f"people: {people}, seed: {seed}, from: {first}, until: {last}, code of the council: {la_code}"
        self.story = Story(Told(people, seed, self.first, self.last, la_code))
        self.senders = [sender for organisation in ORGANISATIONS for sender in organisation.feeds(self.story)]
        self.feeds = contracts.load().feeds

    def due(self) -> list[tuple[Sender, Feed, Period, int]]:
        """Every delivery that is due, in the order in which their periods end; the number is its place in its feed."""
        due = []
        for sender in self.senders:
            feed = self.feeds[sender.slug]
            due += [(sender, feed, period, place) for place, period in enumerate(_periods(feed, self.first, self.last))]
        return sorted(due, key=lambda each: (each[2].end, each[1].slug))

    def number_of_deliveries(self) -> int:
        """How many deliveries `write` will make at most, those sent again among them."""
        return sum(1 + faults.is_sent_again(feed.slug, place) for _, feed, _, place in self.due())

    def write(self, out: Path) -> Iterator[Delivered]:
        """Write outbox, agreements and answer key below `out`, one delivery at a time.

        Yields each delivery when it is there; the answer key is complete after the last. Raises
        outbox.OutboxError for a folder that holds anything else.
        """
        outbox.prepare(out, self.how)
        self._write_agreements(out)
        planted: list[list[object]] = []
        totals: list[list[Any]] = []
        for sender, feed, period, place in self.due():
            tables = _tables(feed, period)
            sheets = sender.sheets(period, tables)
            for attempt in self._attempts(feed, period, place, tables, sheets):
                folder = f"{period.label}{attempt.suffix}"
                outbox.deliver(out, feed.slug, folder, attempt.files)
                for fault in attempt.faults:
                    where = [fault.file, fault.line, fault.column]
                    planted.append([feed.slug, period.label, folder, *where, fault.fault, fault.expected, fault.rule])
                counts = list(_totals(feed, period, folder, attempt))
                totals += counts
                yield Delivered(feed.slug, folder, sum(row[TOTALS.index("rows_written")] for row in counts), attempt.expected)
        key = out / "answer_key"
        outbox.write_table(key / "faults.csv", "feed period folder file line column fault expected rule".split(), planted)
        outbox.write_table(key / "totals.csv", TOTALS, totals)
        outbox.write_table(key / "persons.csv", "organisation source local_person_id person".split(), self._who_is_who())

    def _attempts(
        self, feed: Feed, period: Period, place: int, tables: dict[str, Table], sheets: dict[str, Sheet]
    ) -> list[faults.Attempt]:
        version = feed.version(period)
        rng = stream(self.seed, f"faults {feed.slug} {period.label}")
        found = [
            fault for name, sheet in sheets.items() for fault in faults.plant_in_values(rng, sheet, tables[name], feed, version)
        ]
        headers = {name: list(tables[name].columns(version)) for name in sheets}
        mandatory = {name: tables[name].must_be_present(version) for name in sheets}
        planned = faults.PLAN.get(feed.slug, {}).get(place)
        return faults.attempts(rng, planned, sheets, headers, found, feed, mandatory, LINE_ENDS.get(feed.organisation, "\n"))

    def _who_is_who(self) -> Iterator[list[object]]:
        for records in self.story.registers:
            for number in np.flatnonzero(records.is_used):
                yield [records.organisation, records.source, records.local_id[number], int(records.person[number])]

    def _write_agreements(self, out: Path) -> None:
        signed, starts = self.first - timedelta(days=60), self.first - timedelta(days=30)
        rows = [
            [f"SIMULATED {feed.file.allowed_by}", feed.slug, ";".join(_purposes(feed)), signed, starts, "", "keep until"]
            for feed in (self.feeds[sender.slug] for sender in self.senders)
        ]
        headers = "agreement feed purposes signed_on in_force_from in_force_until on_ending".split()
        outbox.write_table(out / "agreements.csv", headers, rows)


def _purposes(feed: Feed) -> list[str]:
    """What anything in a feed is needed for, in one order."""
    needed = {
        purpose
        for table in feed.format.tables.values()
        for column in table.file.columns.values()
        for purpose in column.needed_for
    }
    return [purpose for purpose in get_args(Purpose) if purpose in needed]


TOTALS = (
    "feed period folder table file expected rows_written rows_unreadable rows_to_set_aside values_to_set_aside "
    "nhs_numbers_missing nhs_numbers_failing_the_check"
).split()


def _totals(feed: Feed, period: Period, folder: str, attempt: faults.Attempt) -> Iterator[list[Any]]:
    """One row a file: what was written, and how much of it should not pass."""
    for table, sheet in attempt.sheets.items():
        file = f"{table}.csv"
        written = max(attempt.files[file].count(b"\n") - 1, 0)
        here = [fault for fault in attempt.faults if fault.file == file]
        missing = failing = 0
        if "NHS Number" in sheet.columns:
            numbers = pd.Series(sheet.values("NHS Number")).value_counts()
            missing = int(numbers.get("", 0))
            failing = int(
                sum(count for number, count in numbers.items() if number and not identifiers.is_valid_nhs_number(str(number)))
            )
        unreadable = sum(fault.expected == "line set aside" for fault in here)
        rows_aside = sum(fault.expected == "set the row aside" for fault in here)
        values_aside = failing + sum(fault.expected == "set the value aside" and fault.column != "NHS Number" for fault in here)
        counts = [written, unreadable, rows_aside, values_aside, missing, failing]
        yield [feed.slug, period.label, folder, table, file, attempt.expected, *counts]


def _tables(feed: Feed, period: Period) -> dict[str, Table]:
    version = feed.version(period)
    return {name: table for name, table in feed.format.tables.items() if table.in_version(table.file, version)}


def _periods(feed: Feed, first: date, last: date) -> Iterator[Period]:
    """The periods of a feed that end from the first day to the last, of those that it is promised for."""
    arrives = feed.file.arrives
    period = contracts.period_of(first, arrives.every)
    while period.end <= last:
        promised = (not arrives.first or period.start >= arrives.first.start) and (
            not arrives.last or period.end <= arrives.last.end
        )
        if promised:
            yield feed.period(period.label)
        period = contracts.period_of(period.end + timedelta(days=1), arrives.every)
