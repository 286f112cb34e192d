"""Sharing agreements: the legal gates. Who may send what, for which purpose, from when to when."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from cares import contracts, warehouse
from cares.governance import certificates

COLUMNS = ("agreement", "feed", "purposes", "signed_on", "in_force_from", "in_force_until", "on_ending")
PURPOSES = ("direct care", "planning", "board reporting")
ON_ENDING = ("stop", "keep until", "delete")


class AgreementError(Exception):
    """An agreement that cannot be recorded: says where, what was found and what is expected."""


@dataclass(frozen=True)
class Agreement:
    """One sharing agreement over one feed; without an end date it runs until it is ended."""

    agreement: str
    feed: str
    purposes: tuple[str, ...]
    signed_on: date
    in_force_from: date
    in_force_until: date | None = None
    on_ending: str = "stop"
    kept_until: date | None = None
    body: str | None = None
    succeeds: str | None = None
    most_rows_lost_percent: float | None = None
    because: str | None = None

    def state(self, today: date) -> str:
        """What it lets happen to its data on a day: not yet in force, in force, kept, ended, or to be deleted."""
        if today < max(self.signed_on, self.in_force_from):
            return "not yet in force"
        if self.in_force_until is None or today <= self.in_force_until:
            return "in force"
        if self.kept_until and today <= self.kept_until:
            return "ended, kept"
        return "ended, to be deleted" if self.on_ending == "delete" or self.kept_until else "ended"


@dataclass(frozen=True)
class Recorded:
    """An agreement as it stands in the warehouse, or stood once: when it was recorded, and by whom."""

    agreement: Agreement
    at: datetime
    by: str
    act: str = "recorded"


@dataclass(frozen=True)
class Ending:
    """What ending or novating an agreement did: its certificate and where that is kept, and what becomes of the data."""

    certificate_id: int
    path: Path
    agreement: Agreement
    what: str


_STORED = (
    "agreement", "feed", "purposes", "signed_on", "in_force_from", "in_force_until", "on_ending", "kept_until", "body", "succeeds",
    "most_rows_lost_percent", "because",
)  # fmt: skip


def sign(*agreements: Agreement) -> None:
    """Record agreements, each in place of what was recorded under its name for its feed; all or none.

    Who is logged in to the operating system is recorded with it, and what stood before stays in the history. Raises
    AgreementError that names every problem: an empty name, an unknown feed, purpose or ending, a signature in the future,
    or an end before the start.
    """
    if problems := [problem for agreement in agreements for problem in _problems(agreement)]:
        raise AgreementError("\n".join(problems))
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        for agreement in agreements:
            _record(connection, agreement)


def end(name: str, feed: str, last_day: date, because: str) -> Ending:
    """End an agreement over one feed with a last day in force; what its data then are is decided by its own `on_ending`.

    Certified (see `certificates`). Raises AgreementError where there is no such agreement, it has ended, or it had not begun
    on that day.
    """
    because = _one_line(because)
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        agreement = _in_the_books(connection, name, feed)
        if last_day < agreement.in_force_from:
            raise AgreementError(
                f"{name} is in force from {agreement.in_force_from}, so that {last_day} cannot be its last day; name a day from "
                "then on"
            )
        ended = replace(agreement, in_force_until=last_day, because=because)
        if problems := _problems(ended):
            raise AgreementError("\n".join(problems))
        _record(connection, ended)
        return _certified(connection, "end of agreement", ended, _what_is_ended(ended), because)


def novate(name: str, feed: str, successor: Agreement, because: str) -> Ending:
    """Let a successor body's agreement take the place of another over one feed, from the successor's first day on.

    The earlier one ends the day before, so that not a day lies between the two, and nothing of its `on_ending` is done: the
    data stay under the successor's agreement. Certified. Raises AgreementError where there is no such agreement, it had not begun
    by then or has ended earlier, or the successor's agreement is itself at fault.
    """
    because = _one_line(because)
    taken_over = replace(successor, feed=feed, succeeds=name, because=because)
    problems = _problems(taken_over)
    if not taken_over.body or not taken_over.body.strip():
        problems.append("body: is empty; name the body that takes the agreement over")
    if taken_over.agreement == name:
        problems.append(f"agreement: {name} cannot succeed itself; write the reference of the successor's own agreement")
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        before = _in_the_books(connection, name, feed)
        if wider := sorted(set(taken_over.purposes) - set(before.purposes)):
            problems.append(f"purposes: {name} does not cover {', '.join(wider)}; a wider agreement is signed, not taken over")
        last_day = taken_over.in_force_from - timedelta(days=1)
        if last_day < before.in_force_from:
            problems.append(
                f"in_force_from: {name} is itself in force from {before.in_force_from}; its successor's must begin later than that"
            )
        if problems:
            raise AgreementError("\n".join(problems))
        ended = replace(before, in_force_until=last_day, because=because)
        _record(connection, ended)
        _record(connection, taken_over)
        what = (
            f"From {taken_over.in_force_from} on, {taken_over.agreement} with {taken_over.body} takes its place for "
            f"{', '.join(taken_over.purposes)}; the data stay under it."
        )
        return _certified(connection, "novation", ended, what, because)


def read(path: Path) -> list[Agreement]:
    """The agreements of a CSV file with the columns `COLUMNS`, purposes separated by semicolons.

    Raises AgreementError with file, line and remedy of every problem, one a line.
    """
    found: dict[tuple[str, str], int] = {}
    agreements, problems = [], []
    for line, row in _rows(path):
        agreement, wrong = _agreement(row)
        if agreement:
            wrong = _problems(agreement)
            before = found.setdefault((agreement.agreement, agreement.feed), line)
            if before != line:
                wrong.append(f"line {before} records this agreement for {agreement.feed} already; remove one of them")
            agreements.append(agreement)
        problems += [f"{path.name}: line {line}: {problem}" for problem in wrong]
    if problems:
        raise AgreementError("\n".join(problems))
    if not agreements:
        raise AgreementError(f"{path.name}: line 2: no agreement follows the header; write one a line")
    return agreements


def recorded() -> list[Recorded]:
    """All recorded agreements as they stand, by feed and date."""
    return _read_books("sharing_agreement", "recorded_at", "recorded_by", "'recorded'", "feed, in_force_from, agreement")


def history() -> list[Recorded]:
    """Each time that an agreement was recorded, changed or removed, the first one first."""
    return _read_books("sharing_agreement_recording", "at", '"by"', "act", "recording_id")


def _read_books(table: str, at: str, by: str, act: str, order: str) -> list[Recorded]:
    query = f"select {at}, {by}, {act}, {', '.join(_STORED)} from governance.{table} order by {order}"
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(query.encode()).fetchall()
    return [Recorded(_as_stored(stored), when, who, what) for when, who, what, *stored in rows]


def _as_stored(values: Sequence[Any]) -> Agreement:
    named = dict(zip(_STORED, values, strict=True))
    bar = named["most_rows_lost_percent"]
    return Agreement(
        **named | {"purposes": tuple(named["purposes"]), "most_rows_lost_percent": None if bar is None else float(bar)}
    )


def _record(connection: psycopg.Connection[Any], agreement: Agreement) -> None:
    values = {name: getattr(agreement, name) for name in _STORED} | {"purposes": list(agreement.purposes)}
    query = f"""insert into governance.sharing_agreement ({", ".join(_STORED)}, recorded_by)
        values ({", ".join(f"%({name})s" for name in _STORED)}, %(who)s || ' (' || current_user || ')')
        on conflict (agreement, feed) do update
        set {", ".join(f"{name} = excluded.{name}" for name in _STORED[2:])}, recorded_at = clock_timestamp(),
            recorded_by = excluded.recorded_by"""
    connection.execute(query.encode(), values | {"who": warehouse.who_is_at_work()})


def _in_the_books(connection: psycopg.Connection[Any], name: str, feed: str) -> Agreement:
    row = connection.execute(
        f"select {', '.join(_STORED)} from governance.sharing_agreement where agreement = %s and feed = %s for update".encode(),
        (name, feed),
    ).fetchone()
    if not row:
        raise AgreementError(f"no agreement {name!r} covers {feed}; see: cares agreement list")
    agreement = _as_stored(row)
    if agreement.in_force_until and agreement.in_force_until < date.today():
        raise AgreementError(f"{name} over {feed} has ended already, on {agreement.in_force_until}")
    return agreement


def _what_is_ended(agreement: Agreement) -> str:
    after = {
        "stop": "From the next day on nothing more is taken, and nobody is shown what was sent under it.",
        "keep until": f"From the next day on nothing more is taken; what was sent is kept and shown until {agreement.kept_until}, "
        "then deleted.",
        "delete": "From the next day on nothing more is taken, nobody is shown what was sent under it, and it is deleted.",
    }
    return after[agreement.on_ending]


def _certified(connection: psycopg.Connection[Any], act: str, agreement: Agreement, what: str, because: str) -> Ending:
    counts = dict(
        connection.execute(
            """select 'deliveries', count(*) from ledger.delivery
               where feed = %(feed)s and state in ('accepted', 'superseded', 'held')
               union all
               select 'accepted rows', coalesce(sum(accepted_rows), 0)
               from ledger.delivery_file join ledger.delivery using (delivery_id)
               where feed = %(feed)s and state in ('accepted', 'superseded')""",
            {"feed": agreement.feed},
        ).fetchall()
    )
    certificate_id, path = certificates.write(
        connection,
        act,
        f"{agreement.agreement}, over {agreement.feed}: signed on {agreement.signed_on}, in force from {agreement.in_force_from} "
        f"until {agreement.in_force_until}, on ending: {agreement.on_ending}. {what}",
        because,
        {name: int(count) for name, count in counts.items()},
    )
    return Ending(certificate_id, path, agreement, what)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    if not line:
        raise AgreementError("because: is empty; say why in a few words, without anybody's name")
    return line


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with its line."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise AgreementError(f"{path.name}: line {line}: a byte is not UTF-8; save the file as CSV in UTF-8") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if tuple(next(rows, ())) != COLUMNS:
            raise AgreementError(f"{path.name}: line 1: expected the columns {','.join(COLUMNS)} and nothing else")
        for row in rows:
            if any(value.strip() for value in row):
                yield rows.line_num, [value.strip() for value in row]
    except csv.Error as error:
        raise AgreementError(f"{path.name}: line {rows.line_num}: not a line of CSV ({error}); correct its quotes") from None


def _agreement(row: list[str]) -> tuple[Agreement | None, list[str]]:
    """The agreement of one row, or what stops it from being one."""
    if len(row) != len(COLUMNS):
        return None, [f"found {len(row)} values, expected {len(COLUMNS)}: {', '.join(COLUMNS)}"]
    named = dict(zip(COLUMNS, row, strict=True))
    days = {column: _day(named[column]) for column in ("signed_on", "in_force_from", "in_force_until")}
    signed_on, starts, until = days.values()
    if signed_on is None or starts is None or (until is None and named["in_force_until"]):
        wrong = [column for column, day in days.items() if day is None and (named[column] or column != "in_force_until")]
        return None, [f"{column}: write a day that exists, like 2019-03-31" for column in wrong]
    purposes = tuple(purpose.strip() for purpose in named["purposes"].split(";"))
    on_ending, kept_until = ending(named["on_ending"])
    return Agreement(named["agreement"], named["feed"], purposes, signed_on, starts, until, on_ending, kept_until), []


def ending(text: str) -> tuple[str, date | None]:
    """What `stop`, `keep until 2030-03-31` or `delete` says: the ending, and the day until which data are kept."""
    if (words := text.removeprefix("keep until ")) != text and (day := _day(words.strip())):
        return "keep until", day
    return text, None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) else None
    except ValueError:
        return None


def _problems(agreement: Agreement) -> list[str]:
    problems = []
    if not agreement.agreement.strip() or not agreement.agreement.isprintable():
        problems.append("agreement: is empty or has a character that cannot be printed; write the agreement's own reference")
    known = contracts.load().feeds
    if agreement.feed not in known:
        problems.append(f"feed: there is no feed {agreement.feed!r}; use one of {', '.join(sorted(known))}")
    if not agreement.purposes or not set(agreement.purposes) <= set(PURPOSES):
        found = ", ".join(repr(purpose) for purpose in agreement.purposes if purpose not in PURPOSES) or "none"
        problems.append(f"purposes: found {found}; use {', '.join(PURPOSES)}")
    if agreement.signed_on > date.today():
        problems.append(f"signed_on: {agreement.signed_on} is in the future; record the agreement once it is signed")
    if agreement.in_force_until and agreement.in_force_until < agreement.in_force_from:
        problems.append("in_force_until: the agreement ends before it begins; correct in_force_from or in_force_until")
    if agreement.on_ending not in ON_ENDING:
        problems.append(f"on_ending: found {agreement.on_ending!r}; use {', '.join(ON_ENDING)}")
    elif (agreement.on_ending == "keep until") != (agreement.kept_until is not None):
        problems.append("on_ending: keep until needs a day, and nothing else has one; write it like: keep until 2030-03-31")
    elif agreement.kept_until and agreement.in_force_until and agreement.kept_until < agreement.in_force_until:
        problems.append("on_ending: data cannot be kept until a day before the agreement ends; correct one of the two")
    if agreement.most_rows_lost_percent is not None and not 0 <= agreement.most_rows_lost_percent <= 100:
        problems.append(f"most_rows_lost_percent: found {agreement.most_rows_lost_percent:g}; use 0 to 100")
    return problems
