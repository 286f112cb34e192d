"""Sharing agreements: the legal gates. Who may send what, for which purpose, from when to when."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from cares import contracts, warehouse

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


@dataclass(frozen=True)
class Recorded:
    """An agreement as it stands in the warehouse: when it was recorded, and by whom."""

    agreement: Agreement
    at: datetime
    by: str


def sign(*agreements: Agreement) -> None:
    """Record agreements, each in place of what was recorded under its name for its feed; all or none.

    Who is logged in to the operating system is recorded with it. Raises AgreementError that names every problem: an
    empty name, an unknown feed, purpose or ending, a signature in the future, or an end before the start.
    """
    if problems := [problem for agreement in agreements for problem in _problems(agreement)]:
        raise AgreementError("\n".join(problems))
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection, connection.cursor() as cursor:
        cursor.executemany(
            """insert into governance.sharing_agreement
                 (agreement, feed, purposes, signed_on, in_force_from, in_force_until, on_ending, recorded_by)
               values (%s, %s, %s, %s, %s, %s, %s, %s || ' (' || current_user || ')')
               on conflict (agreement, feed) do update
               set purposes = excluded.purposes, signed_on = excluded.signed_on, in_force_from = excluded.in_force_from,
                   in_force_until = excluded.in_force_until, on_ending = excluded.on_ending,
                   recorded_at = now(), recorded_by = excluded.recorded_by""",
            [
                (
                    a.agreement,
                    a.feed,
                    list(a.purposes),
                    a.signed_on,
                    a.in_force_from,
                    a.in_force_until,
                    a.on_ending,
                    warehouse.who_is_at_work(),
                )
                for a in agreements
            ],
        )


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
    """All recorded agreements, by feed and date."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            """select recorded_at, recorded_by, agreement, feed, purposes, signed_on, in_force_from, in_force_until, on_ending
               from governance.sharing_agreement order by feed, in_force_from"""
        ).fetchall()
    return [Recorded(Agreement(name, feed, tuple(purposes), *rest), at, by) for at, by, name, feed, purposes, *rest in rows]


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
    return Agreement(named["agreement"], named["feed"], purposes, signed_on, starts, until, named["on_ending"]), []


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
    return problems
