"""Faults that are planted on purpose, each with what should come of it.

A fault in a value breaks a rule of the contract, and the contract says what that leads to: the answer key
repeats nothing that the expectations say. Faults in lines, files and whole deliveries stand in `PLAN`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

import numpy as np

from cares import contracts
from cares.contracts import Feed, Pattern, Rule, Table
from cares.simulator import files, identifiers
from cares.simulator.chance import pick
from cares.simulator.sheets import Sheet

ROWS_WITH_A_FAULT = 0.004  # assumed, like every rate of errors
TOO_SMALL_FOR_FAULTS = 25  # rows: in a smaller table one fault alone would be a large share
FEWEST_ROWS_FOR_PLAN = 3  # a smaller delivery, of a very small borough, is left as it is
WEIGHTS = {"set the row aside": 4, "set the value aside": 2, "warn": 1}
DATES = ("%d/%m/%Y", "%Y-%m-%d", "%Y%m%d")

# What is wrong with which delivery: feed, its place in the sequence of the feed's periods, and the fault.
# A run of a few periods meets the first of them: mostly accepted deliveries, two rejected ones.
PLAN: dict[str, dict[int, str]] = {
    "sthk/admitted_patient_care": {
        0: "delivered twice",
        1: "a mandatory column is missing",
        2: "corrected afterwards",
        3: "one comma too many",
        7: "a quotation mark does not close",
        12: "corrected afterwards",
    },
    "sthk/emergency_care": {5: "delivered twice"},
    "sthk/outpatients": {6: "corrected afterwards"},
    "torus/tenancies": {
        0: "one comma too many",
        1: "a byte-order mark",
        2: "written in cp1252",
        3: "a quotation mark within a value",
        9: "delivered twice",
    },
    "council/adult_social_care": {0: "one comma too many", 1: "text after a closing quotation mark", 4: "corrected afterwards"},
    "council/childrens_person_file": {6: "no rows", 8: "no bytes"},
    "council/contact_cares": {6: "delivered twice"},
    "ccg/partnership_money": {8: "a byte-order mark"},
    "gp_practices/summary": {6: "delivered twice"},
    "merseyside_police/incidents": {5: "one comma too many"},
    "bridgewater/community_services": {6: "corrected afterwards"},
    "north_west_boroughs/mental_health_services": {8: "a mandatory column is missing"},
}
# In a borough where things often go wrong, every delivery of so many has one of these, beside those above.
HOSTILE_EVERY = 5
HOSTILE = ("delivered twice", "one comma too many", "corrected afterwards", "a quotation mark does not close", "no bytes")


SENT_ONCE = {
    "one comma too many",
    "text after a closing quotation mark",
    "a quotation mark within a value",
    "a byte-order mark",
    "written in cp1252",
}


def planned(feed: Feed, place: int, times: float) -> str | None:
    """What is wrong with the delivery at a place of a feed's sequence, if anything.

    `times` is how many times as often as usual things go wrong.
    """
    if times == 0:
        return None
    usual = PLAN.get(feed.slug, {}).get(place)
    of_feed = zlib.crc32(feed.slug.encode())
    if usual or times == 1 or (place + of_feed) % HOSTILE_EVERY:
        return usual
    return None if files.is_workbook(feed) else HOSTILE[(place + of_feed) // HOSTILE_EVERY % len(HOSTILE)]


def is_sent_again(fault: str | None) -> bool:
    """Whether a delivery with a planned fault comes twice: repeated, corrected, or put right."""
    return fault is not None and fault not in SENT_ONCE


@dataclass(frozen=True)
class Fault:
    """One planted fault: in which table and file, where it is, what it is, and what should come of it."""

    table: str
    file: str
    line: int | None
    column: str | None
    fault: str
    expected: str
    rule: str | None = None
    row: int | None = None


@dataclass
class Attempt:
    """One delivery as it goes out: what is written of each table, what is wrong with it, and what should become of it."""

    suffix: str
    tables: dict[str, bytes]
    sheets: dict[str, Sheet]
    faults: list[Fault] = field(default_factory=list)
    expected: str = "accepted"
    rows_written: dict[str, int] = field(default_factory=dict)


def plant_in_values(
    rng: np.random.Generator, sheet: Sheet, table: Table, feed: Feed, version: str, times: float = 1
) -> list[Fault]:
    """Break rules of the contract in some rows of a sheet, one rule a row, and say which.

    `times` is how many times as often as usual. What other tables refer to is left as it is.
    """
    if sheet.rows < TOO_SMALL_FOR_FAULTS or times == 0:
        return []
    columns = table.columns(version)
    referred_to = _referred_to(feed.slug)
    breakers = {
        rule: breaker
        for rule in rules(feed.slug, table.name, version)
        if rule.if_broken in WEIGHTS
        and rule.header
        and columns[rule.header].needed_for
        and f"{table.name}.{rule.header}" not in referred_to
        and (breaker := _breaker(rule, table))
    }
    can_be_broken = list(breakers)
    if not can_be_broken:
        return []
    share = ROWS_WITH_A_FAULT * times
    wanted = rng.binomial(sheet.rows, share) if sheet.rows > 1 / share else 1
    rows = sorted(int(row) for row in rng.permutation(sheet.rows)[:wanted])
    found = []
    for row, rule in zip(
        rows, pick(rng, can_be_broken, [WEIGHTS[rule.if_broken] for rule in can_be_broken], wanted), strict=True
    ):
        value = sheet.values(rule.header)[row]
        broken = breakers[rule](rng, value, sheet, row) if value else None
        if broken is not None and broken != value:
            sheet.put(rule.header, row, broken)
            said = f"breaks: {rule.sentence}"
            file = files.name_of(feed, table.name)
            found.append(Fault(table.name, file, None, rule.header, said, rule.if_broken, rule.id, row))
    lines = sheet.line_numbers(feed.files) if found else np.zeros(0, dtype=int)
    return [replace(fault, line=int(lines[fault.row])) for fault in found if fault.row is not None]


@cache
def rules(slug: str, table: str, version: str) -> list[Rule]:
    """The rules of a table of a feed in a version, with the feed's exceptions."""
    feed = contracts.load().feed(slug)
    return feed.format.tables[table].rules(version, feed.file.exceptions)


@cache
def _referred_to(slug: str) -> set[str]:
    """The columns of a feed, as table.header, in which values of other tables must be found."""
    expected = (
        expectation
        for table in contracts.load().feed(slug).format.tables.values()
        for column in table.file.columns.values()
        for expectation in column.we_expect
    )
    return {expectation.refers_to for expectation in expected if expectation.refers_to}


Breaker = Callable[[np.random.Generator, str, Sheet, int], str | None]


def _breaker(rule: Rule, table: Table) -> Breaker | None:
    """How to break a rule, given a filled value that keeps it; None for a rule that is never broken."""
    match rule.kind:
        case "filled":
            return lambda rng, value, sheet, row: ""
        case "one_of":
            no_code = next(text for text in ("ZZ", "QQ", "??") if text not in table.code_lists[rule.argument].codes)
            return lambda rng, value, sheet, row: no_code
        case "not_before":
            return lambda rng, value, sheet, row: _day_before(rule, sheet, row, int(rng.integers(1, 30)))
        case kind if kind in table.patterns:
            return _pattern_breaker(table.patterns[kind])
        case _:
            return None


def _pattern_breaker(pattern: Pattern) -> Breaker:
    if pattern.check == "nhs_number":
        return lambda rng, value, sheet, row: identifiers.with_wrong_digit(rng, value.replace(" ", ""))
    if pattern.dates == ("DD/MM/YYYY",):
        return lambda rng, value, sheet, row: (
            f"30/02/{value[-4:]}" if rng.random() < 0.6 else f"{value[-4:]}-{value[3:5]}-{value[:2]}"
        )
    if pattern.dates:
        return lambda rng, value, sheet, row: f"30/02/{value[-4:]}" if "/" in value else f"{value[:4]}-02-30"
    assert pattern.matches
    return lambda rng, value, sheet, row: None if re.fullmatch(pattern.matches, "?") else "?"


def _day_before(rule: Rule, sheet: Sheet, row: int, days: int) -> str | None:
    other = sheet.values(rule.argument)[row]
    for style in DATES:
        try:
            return (datetime.strptime(other, style) - timedelta(days=days)).strftime(style)
        except ValueError:
            continue
    return None


def attempts(
    rng: np.random.Generator,
    planned: str | None,
    sheets: dict[str, Sheet],
    feed: Feed,
    version: str,
    faults: list[Fault],
) -> list[Attempt]:
    """The deliveries of one period: usually one, two where the planned fault is put right or repeated.

    `faults` are those in values. A fault that the delivery cannot have, as it is too small, is left out.
    """
    shape, ends, tables = feed.files, files.line_end(feed), feed.format.tables
    headers = _headers(sheets, feed, version)
    lines = {name: sheet.lines(headers[name], shape) for name, sheet in sheets.items()}
    rows = {name: sheet.rows for name, sheet in sheets.items()}
    good = Attempt("", {name: files.content(text, shape, ends) for name, text in lines.items()}, sheets, faults, "accepted", rows)
    resent = replace(good, suffix="__2")
    table = _largest(sheets, feed)
    file = files.name_of(feed, table)
    if planned is None or sheets[table].rows < FEWEST_ROWS_FOR_PLAN:
        return [good]

    def spoilt(
        text: bytes | list[str], expected: str, line: int | None = None, column: str | None = None, rows_left: int = rows[table]
    ) -> Attempt:
        written = text if isinstance(text, bytes) else files.content(text, shape, ends)
        state = "rejected" if expected == "reject the delivery" else "accepted"
        told = Fault(table, file, line, column, planned, expected)
        return Attempt("", good.tables | {table: written}, sheets, [*faults, told], state, rows | {table: rows_left})

    match planned:
        case "delivered twice":
            told = Fault("", "", None, None, planned, "duplicate: nothing changes")
            return [good, Attempt("__2", good.tables, sheets, [told], "duplicate", rows)]
        case "a mandatory column is missing":
            column = tables[table].must_be_present(version)[-1]
            kept = {header: values for header, values in sheets[table].columns.items() if header != column}
            others = [header for header in headers[table] if header != column]
            return [spoilt(Sheet(rows[table], kept).lines(others, shape), "reject the delivery", 1, column), resent]
        case "corrected afterwards":
            correction = _correction(rng, sheets, feed, version, faults, table)
            return [good, correction] if correction else [good]
        case "a byte-order mark":
            return [spoilt(b"\xef\xbb\xbf" + good.tables[table], "read as if it were not there", 1)]
        case "written in cp1252":
            other = {name: text.decode(shape.encoding).encode("cp1252", "replace") for name, text in good.tables.items()}
            if other == good.tables:
                return [good]
            return [replace(spoilt(other[table], "reject the delivery"), tables=other)]
        case "no rows":
            return [spoilt(lines[table][: 1 if shape.has_header else 0], feed.file.a_file_with_no_rows, 1, None, 0), resent]
        case "no bytes":
            return [spoilt(b"", "reject the delivery", rows_left=0), resent]
    taken = {fault.line for fault in faults if fault.table == table}
    found = _spoil_a_line(rng, planned, lines[table], headers[table], taken, feed)
    if found is None:
        return [good]
    line, changed, expected = found
    bad = spoilt(changed, expected, line)
    return [bad, resent] if bad.expected == "rejected" else [bad]


def _largest(sheets: dict[str, Sheet], feed: Feed) -> str:
    """The table with most rows of those to which no other refers: a row that it loses is missed nowhere else."""
    referred_to = {place.partition(".")[0] for place in _referred_to(feed.slug)}
    free = [name for name in sheets if name not in referred_to] or list(sheets)
    return max(free, key=lambda name: sheets[name].rows)


def _headers(sheets: dict[str, Sheet], feed: Feed, version: str) -> dict[str, list[str]]:
    return {name: list(feed.format.tables[name].columns(version)) for name in sheets}


NAMES = ("Surname", "Last Name", "Person Family Name")


def _spoil_a_line(
    rng: np.random.Generator, planned: str, lines: list[str], headers: list[str], taken: set[int | None], feed: Feed
) -> tuple[int, list[str], str] | None:
    """One line spoilt as planned: its number, all lines with it, and what should come of it; None when no line will do.

    Raises ValueError for a fault that nobody knows.
    """
    shape = feed.files
    sign, mark = shape.delimiter, shape.quote
    unreadable = "line set aside" if feed.file.lines_that_cannot_be_read == "set aside" else "reject the delivery"
    name = next((place for place, header in enumerate(headers) if header in NAMES), 0)

    def in_name(text: str) -> str:
        fields = text.split(sign)
        fields[name] = f"{fields[name][:1]}{mark}{fields[name][1:]}"
        return sign.join(fields)

    spoil: dict[str, tuple[Callable[[str], str], str]] = {
        "one comma too many": (lambda text: text.replace(sign, sign * 2, 1), unreadable),
        "text after a closing quotation mark": (lambda text: f"{mark}{text.replace(sign, f'{mark} x{sign}', 1)}", unreadable),
        "a quotation mark within a value": (in_name, "read as typed"),
        "a quotation mark does not close": (lambda text: f"{sign}{mark}".join(text.rsplit(sign, 1)), "reject the delivery"),
    }
    if planned not in spoil:
        raise ValueError(f"no such fault: {planned}")
    change, expected = spoil[planned]
    first = 2 if shape.has_header else 1
    # A line without quotation marks has all its values side by side.
    fit = [
        number
        for number, text in enumerate(lines[first - 1 :], first)
        if number not in taken
        and sign in text
        and mark not in text
        and (change is not in_name or len(text.split(sign)[name]) > 1)
    ]
    if not fit or any("\n" in text for text in lines):
        return None
    line = int(rng.choice(fit))
    return line, [*lines[: line - 1], change(lines[line - 1]), *lines[line:]], expected


def _correction(
    rng: np.random.Generator,
    sheets: dict[str, Sheet],
    feed: Feed,
    version: str,
    faults: list[Fault],
    table: str,
) -> Attempt | None:
    """The same delivery again with one row changed and one left out; the rows after that move up.

    None where nothing in it can be changed without breaking a rule.
    """
    column = _can_be_corrected(feed.format.tables[table], feed, version)
    faulty = {fault.row for fault in faults if fault.table == table}
    untouched = [row for row in range(sheets[table].rows) if row not in faulty]
    if column is None or len(untouched) < 2:
        return None
    changed_row, left_out = (int(row) for row in rng.choice(untouched, 2, replace=False))
    sheet = Sheet(sheets[table].rows, dict(sheets[table].columns))
    is_postcode = _expects(feed.format.tables[table], column, "postcode")
    new, other = ("WA9 9ZZ", "WA10 9ZZ") if is_postcode else ("corrected", "put right")
    sheet.put(column, changed_row, new if sheet.values(column)[changed_row] != new else other)
    corrected = sheets | {table: sheet.without(left_out)}
    shape, ends = feed.files, files.line_end(feed)

    lines = corrected[table].line_numbers(shape)

    def moved(row: int) -> int:
        return row - (row > left_out)

    kept = [
        replace(fault, line=int(lines[moved(fault.row)]), row=moved(fault.row))
        if fault.table == table and fault.row is not None
        else fault
        for fault in faults
    ]
    where = int(lines[moved(changed_row)]), int(sheet.line_numbers(shape)[left_out])
    file = files.name_of(feed, table)
    told = [
        Fault(table, file, where[0], column, "a row is corrected", "replaces what was sent before"),
        Fault(table, file, where[1], None, "a row is left out", "ends the row that was sent before"),
    ]
    headers = _headers(corrected, feed, version)
    written = {name: files.content(one.lines(headers[name], shape), shape, ends) for name, one in corrected.items()}
    rows = {name: one.rows for name, one in corrected.items()}
    return Attempt("__2", written, corrected, [*kept, *told], "accepted", rows)


def _can_be_corrected(table: Table, feed: Feed, version: str) -> str | None:
    """A column in which another value breaks no rule: a postcode, or else text of which only the length is bounded."""
    keys = {*table.file.key, *(place.partition(".")[2] for place in _referred_to(feed.slug))}
    bound = {header for rule in table.file.rules.values() for header in rule.headers} | keys
    columns = {header: column for header, column in table.columns(version).items() if header not in bound and column.needed_for}
    for header in columns:
        if _expects(table, header, "postcode"):
            return header
    for header, column in columns.items():
        rules = [expectation.rule for expectation in column.we_expect]
        if all(kind == "filled" or (kind == "at_most_characters" and most >= 9) for kind, most in rules):
            return header
    return None


def _expects(table: Table, header: str, pattern: str) -> bool:
    return any(expectation.expect == pattern for expectation in table.file.columns[header].we_expect)
