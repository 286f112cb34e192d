"""From a number of people and a seed to an outbox and its answer key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import numpy as np

from cares import contracts
from cares.contracts import Feed, Period, Purpose, Table
from cares.simulator import faults, files, identifiers, outbox, records, truth
from cares.simulator.chance import stream
from cares.simulator.days import iso
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
MOST_PEOPLE = 500_000  # with the fringe they nearly use up the NHS numbers of the series kept for tests
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
PROFILES = tuple(records.profiles())
TRANSFERS = ("same", "worse")


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

    Deliveries are those of the periods that end in these months. `people` live in St Helens; those of the fringe
    (`residents.FRINGE`) come on top. `la_code` is the council's code in adult social care, which is not publicly known.
    `profile`: how often things go wrong, as in `error_rates.yml`. `transfer`: whether services that went over to another
    trust on 1 December 2019 get "worse" by it or stay the "same". Raises SimulationError for a borough that cannot be made.
    """

    def __init__(
        self,
        people: int,
        seed: int,
        first: str = "2018-10",
        last: str = "2020-06",
        la_code: str = "999",
        profile: str = "realistic",
        transfer: str = "same",
    ) -> None:
        if people < FEWEST_PEOPLE:
            raise SimulationError(f"a borough needs at least {FEWEST_PEOPLE} people, not {people}")
        if people > MOST_PEOPLE:
            raise SimulationError(f"there are NHS numbers for at most {MOST_PEOPLE:,} people, not for {people:,}; ask for fewer")
        try:
            self.first, self.last = contracts.parse_period(first, "month").start, contracts.parse_period(last, "month").end
        except contracts.ContractError as error:
            raise SimulationError(str(error)) from None
        if self.last > LATEST:
            raise SimulationError(f"the borough's story can be told until {LATEST:%Y-%m}, not until {last}")
        if self.first > self.last:
            raise SimulationError(f"the first month, {first}, comes after the last, {last}")
        for what, asked, known in (("profile", profile, PROFILES), ("transfer", transfer, TRANSFERS)):
            if asked not in known:
                raise SimulationError(f"there is no {what} {asked!r}; take one of: {', '.join(known)}")
        self.seed, self.times = seed, records.profiles()[profile]
        self.how = (
            f"people: {people}, seed: {seed}, from: {first}, until: {last}, code of the council: {la_code}, "
            f"profile: {profile}, transfer: {transfer}"
        )
        self.story = Story(Told(people, seed, self.first, self.last, la_code, profile, transfer == "worse"))
        self.senders = [sender for organisation in ORGANISATIONS for sender in organisation.feeds(self.story)]
        self.feeds = contracts.load().feeds

    def due(self) -> list[tuple[Sender, Feed, Period, int]]:
        """Every delivery that is due, in the order in which their periods end; the number is its place in its feed."""
        due = []
        for sender in self.senders:
            feed = self.feeds[sender.slug]
            first = self._first_day_of(feed)
            due += [(sender, feed, period, place) for place, period in enumerate(_periods(feed, first, self.last))]
        return sorted(due, key=lambda each: (each[2].end, each[1].slug))

    def number_of_deliveries(self) -> int:
        """How many deliveries `write` will make at most, those sent again among them."""
        return sum(1 + faults.is_sent_again(faults.planned(feed, place, self.times)) for _, feed, _, place in self.due())

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
            for attempt in self._attempts(sender, feed, period, place):
                folder = f"{period.label}{attempt.suffix}"
                outbox.deliver(out, feed.slug, folder, files.packed(feed, attempt.tables))
                for fault in attempt.faults:
                    where = [fault.table, fault.file, fault.line, fault.column]
                    planted.append([feed.slug, period.label, folder, *where, fault.fault, fault.expected, fault.rule])
                totals += _totals(feed, period, folder, attempt)
                yield Delivered(feed.slug, folder, sum(attempt.rows_written.values()), attempt.expected)
        key = out / "answer_key"
        outbox.write_table(key / "faults.csv", "feed period folder table file line column fault expected rule".split(), planted)
        outbox.write_table(key / "totals.csv", TOTALS, totals)
        outbox.write_table(key / "persons.csv", "organisation source local_person_id person".split(), self._who_is_who())
        adopted = self.story.borough.adopted
        assert adopted is not None
        in_words = zip(adopted["person"], adopted["identity"], iso(adopted["on"].to_numpy()), strict=True)
        outbox.write_table(key / "adoptions.csv", "person person_afterwards adopted_on".split(), in_words)
        outbox.write_table(key / "truth.csv", truth.HEADERS, truth.counted(self.story))

    def _attempts(self, sender: Sender, feed: Feed, period: Period, place: int) -> list[faults.Attempt]:
        version = feed.version(period)
        tables = {name: table for name, table in feed.format.tables.items() if table.in_version(table.file, version)}
        sent = sender.sheets(period, tables)
        sheets = {name: sheet for name, sheet in sent.items() if name in tables}
        rng = stream(self.seed, f"faults {feed.slug} {period.label}")
        found = [
            fault
            for name, sheet in sheets.items()
            for fault in faults.plant_in_values(rng, sheet, tables[name], feed, version, self.times)
        ]
        planned = faults.planned(feed, place, self.times)
        attempts = faults.attempts(rng, planned, sheets, feed, version, found)
        # Of a table that is only counted the contract knows the name alone, so that it has no faults and no totals.
        for name, sheet in sent.items():
            if name in feed.format.file.counted_only:
                lines = sheet.lines(sheet.columns, feed.files)
                for attempt in attempts:
                    attempt.tables[name] = files.content(lines, feed.files, files.line_end(feed))
        return attempts

    def _who_is_who(self) -> Iterator[list[object]]:
        for register in self.story.registers:
            used = np.flatnonzero(register.is_used)
            named = dict(zip(register.local_id[used], register.person[used], strict=True))
            yield from ([register.organisation, register.source, local_id, int(of)] for local_id, of in named.items())

    def _first_day_of(self, feed: Feed) -> date:
        if feed.slug == nhs_england.NationalDataOptOuts.slug:
            return self.story.told.first_answer
        return self.story.told.first_daily if feed.file.arrives.every == "day" else self.first

    def _write_agreements(self, out: Path) -> None:
        rows = []
        for feed in (self.feeds[sender.slug] for sender in self.senders):
            starts = self._first_day_of(feed) - timedelta(days=0 if feed.file.arrives.every == "day" else 30)
            signed = starts - timedelta(days=30)
            what = [f"SIMULATED {feed.file.allowed_by}", feed.slug, ";".join(_purposes(feed))]
            rows.append([*what, signed, starts, "", f"keep until {starts.year + 20}-12-31"])
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
    """One row a table: what was written, and how much of it should not pass."""
    version = feed.version(period)
    for name, sheet in attempt.sheets.items():
        here = [fault for fault in attempt.faults if fault.table == name]
        aside = {fault.row for fault in here if fault.expected == "set the row aside"}
        planted = {(fault.row, fault.column) for fault in here if fault.expected == "set the value aside"}
        missing = failing = 0
        for header, numbers in _nhs_numbers(feed.format.tables[name], version, sheet):
            blank, wrong = np.flatnonzero(numbers == ""), _failing_the_check(numbers)
            missing, failing = missing + len(blank), failing + len(wrong)
            for rule in faults.rules(feed.slug, name, version):
                rows = {"filled": blank, "nhs_number": wrong}.get(rule.kind) if rule.header == header else None
                if rows is not None and rule.if_broken == "set the row aside":
                    aside.update(rows.tolist())
                if rows is not None and rule.if_broken == "set the value aside":
                    planted.update((row, header) for row in rows.tolist())
        unreadable = sum(fault.expected == "line set aside" for fault in here)
        counts = [attempt.rows_written[name], unreadable, len(aside), len(planted), missing, failing]
        yield [feed.slug, period.label, folder, name, files.name_of(feed, name), attempt.expected, *counts]


def _nhs_numbers(table: Table, version: str, sheet: Sheet) -> Iterator[tuple[str, np.ndarray]]:
    """The columns of a sheet that hold NHS numbers, by the contract; of each the header and the values."""
    for header, column in table.columns(version).items():
        patterns = (table.patterns.get(expectation.expect or "") for expectation in column.we_expect)
        if any(pattern is not None and pattern.check == "nhs_number" for pattern in patterns):
            yield header, sheet.values(header)


def _failing_the_check(numbers: np.ndarray) -> np.ndarray:
    """The places of the NHS numbers that are written and cannot be right."""
    filled = np.flatnonzero(numbers != "")
    return filled[identifiers.wrong_nhs_numbers(numbers[filled])]


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
