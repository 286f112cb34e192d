"""Faults that are planted on purpose, each with what should come of it.

A fault in a value breaks a rule of the contract, and the contract says what that leads to: the answer key
repeats nothing that the expectations say. Faults in lines, files and whole deliveries stand in `PLAN`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from cares.contracts import Feed, Pattern, Rule, Table
from cares.simulator import identifiers
from cares.simulator.chance import pick
from cares.simulator.sheets import Sheet

ROWS_WITH_A_FAULT = 0.004  # assumed, like every rate of errors
TOO_SMALL_FOR_FAULTS = 25  # rows: in a smaller table one fault alone would be a large share
FEWEST_ROWS_FOR_PLAN = 3  # a smaller delivery, of a very small borough, is left as it is
WEIGHTS = {"set the row aside": 4, "set the value aside": 2, "warn": 1}

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
    "torus/tenancies": {
        0: "one comma too many",
        1: "a byte-order mark",
        2: "written in cp1252",
        3: "a quotation mark within a value",
        9: "delivered twice",
    },
    "council/adult_social_care": {0: "one comma too many", 1: "text after a closing quotation mark", 4: "corrected afterwards"},
    "council/childrens_person_file": {6: "no rows", 8: "no bytes"},
}


SENT_ONCE = {
    "one comma too many",
    "text after a closing quotation mark",
    "a quotation mark within a value",
    "a byte-order mark",
    "written in cp1252",
}


def is_sent_again(feed: str, place: int) -> bool:
    """Whether the delivery at a place of a feed's sequence comes twice: repeated, corrected, or put right."""
    planned = PLAN.get(feed, {}).get(place)
    return planned is not None and planned not in SENT_ONCE


@dataclass(frozen=True)
class Fault:
    """One planted fault: where it is, what it is, and what should come of it."""

    file: str
    line: int | None
    column: str | None
    fault: str
    expected: str
    rule: str | None = None


@dataclass
class Attempt:
    """One delivery as it goes out: what its files hold, what is wrong with it, and what should become of it."""

    suffix: str
    files: dict[str, bytes]
    sheets: dict[str, Sheet]
    faults: list[Fault] = field(default_factory=list)
    expected: str = "accepted"


def plant_in_values(rng: np.random.Generator, sheet: Sheet, table: Table, feed: Feed, version: str) -> list[Fault]:
    """Break rules of the contract in some rows of a sheet, one rule a row, and say which."""
    if sheet.rows < TOO_SMALL_FOR_FAULTS:
        return []
    columns = table.columns(version)
    breakers = {
        rule: breaker
        for rule in table.rules(version, feed.file.exceptions)
        if rule.if_broken in WEIGHTS and rule.header and columns[rule.header].needed_for and (breaker := _breaker(rule, table))
    }
    rules = list(breakers)
    wanted = rng.binomial(sheet.rows, ROWS_WITH_A_FAULT) if sheet.rows > 1 / ROWS_WITH_A_FAULT else 1
    rows = sorted(int(row) for row in rng.permutation(sheet.rows)[:wanted])
    found = []
    for row, rule in zip(rows, pick(rng, rules, [WEIGHTS[rule.if_broken] for rule in rules], wanted), strict=True):
        value = sheet.values(rule.header)[row]
        broken = breakers[rule](rng, value, sheet, row) if value else None
        if broken is not None and broken != value:
            sheet.put(rule.header, row, broken)
            found.append(Fault(f"{table.name}.csv", row + 2, rule.header, f"breaks: {rule.sentence}", rule.if_broken, rule.id))
    return found


Breaker = Callable[[np.random.Generator, str, Sheet, int], str | None]


def _breaker(rule: Rule, table: Table) -> Breaker | None:
    """How to break a rule, given a filled value that keeps it; None for a rule that is never broken."""
    match rule.kind:
        case "filled":
            return lambda rng, value, sheet, row: ""
        case "one_of":
            return lambda rng, value, sheet, row: "ZZ"
        case "not_before":
            return lambda rng, value, sheet, row: _day_before(table, rule, sheet, row, int(rng.integers(1, 30)))
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


def _day_before(table: Table, rule: Rule, sheet: Sheet, row: int, days: int) -> str | None:
    other = sheet.values(rule.argument)[row]
    for style in ("%d/%m/%Y", "%Y-%m-%d"):
        try:
            return (datetime.strptime(other, style) - timedelta(days=days)).strftime(style)
        except ValueError:
            continue
    return None


def attempts(
    rng: np.random.Generator,
    planned: str | None,
    sheets: dict[str, Sheet],
    headers: dict[str, list[str]],
    faults: list[Fault],
    feed: Feed,
    mandatory: dict[str, list[str]],
    line_end: str,
) -> list[Attempt]:
    """The deliveries of one period: usually one, two where the planned fault is put right or repeated.

    `faults` are those in values; `mandatory` are the headers that each table must have.
    """
    lines = {name: sheet.lines(headers[name]) for name, sheet in sheets.items()}

    def encoded(of: dict[str, list[str]]) -> dict[str, bytes]:
        return {f"{name}.csv": (line_end.join(rows) + line_end).encode() for name, rows in of.items()}

    good = Attempt("", encoded(lines), sheets, faults)
    resent = Attempt("__2", good.files, sheets, faults)
    largest = max(sheets, key=lambda name: sheets[name].rows)
    file = f"{largest}.csv"

    def spoilt(files: dict[str, bytes], fault: str, expected: str, line: int | None = None, column: str | None = None) -> Attempt:
        state = "rejected" if expected == "reject the delivery" else "accepted"
        return Attempt("", good.files | files, sheets, [*faults, Fault(file, line, column, fault, expected)], state)

    if sheets[largest].rows < FEWEST_ROWS_FOR_PLAN:
        return [good]
    match planned:
        case None:
            return [good]
        case "delivered twice":
            told = Fault("", None, None, planned, "duplicate: nothing changes")
            return [good, Attempt("__2", good.files, sheets, [told], "duplicate")]
        case "a mandatory column is missing":
            column = mandatory[largest][-1]
            without = [header for header in headers[largest] if header != column]
            partial = Sheet(
                sheets[largest].rows,
                {header: sheets[largest].columns[header] for header in without if header in sheets[largest].columns},
            )
            return [spoilt(encoded({largest: partial.lines(without)}), planned, "reject the delivery", 1, column), resent]
        case "corrected afterwards":
            return [good, _correction(rng, sheets, headers, faults, largest, encoded)]
        case "a byte-order mark":
            return [spoilt({file: b"\xef\xbb\xbf" + good.files[file]}, planned, "read as if it were not there", 1)]
        case "written in cp1252":
            files = {name: content.decode().encode("cp1252", "replace") for name, content in good.files.items()}
            if files == good.files:
                return [good]
            return [spoilt(files, planned, "reject the delivery")]
        case "no rows":
            nothing = encoded({largest: lines[largest][:1]})
            return [spoilt(nothing, planned, feed.file.a_file_with_no_rows, 1), resent]
        case "no bytes":
            return [spoilt({file: b""}, planned, "reject the delivery"), resent]
    taken = {fault.line for fault in faults if fault.file == file}
    line, changed, expected = _spoil_a_line(rng, planned, lines[largest], taken, feed)
    bad = spoilt(encoded({largest: changed}), planned, expected, line)
    return [bad, resent] if bad.expected == "rejected" else [bad]


NAMES = ("Surname", "Last Name", "Person Family Name")


def _spoil_a_line(
    rng: np.random.Generator, planned: str, lines: list[str], taken: set[int | None], feed: Feed
) -> tuple[int, list[str], str]:
    """One line spoilt as planned: its number, all lines with it, and what should come of it.

    Raises ValueError when no line will do, or for a fault that nobody knows.
    """
    unreadable = "line set aside" if feed.file.lines_that_cannot_be_read == "set aside" else "reject the delivery"
    name = next((place for place, header in enumerate(lines[0].split(",")) if header in NAMES), 0)

    def in_name(text: str) -> str:
        fields = text.split(",")
        fields[name] = f'{fields[name][:1]}"{fields[name][1:]}'
        return ",".join(fields)

    spoil: dict[str, tuple[Callable[[str], str], str]] = {
        "one comma too many": (lambda text: text.replace(",", ",,", 1), unreadable),
        "text after a closing quotation mark": (lambda text: re.sub(r"^([^,]*)", r'"\1" x', text), unreadable),
        "a quotation mark within a value": (in_name, "read as typed"),
        "a quotation mark does not close": (lambda text: ',"'.join(text.rsplit(",", 1)), "reject the delivery"),
    }
    if planned not in spoil:
        raise ValueError(f"no such fault: {planned}")
    change, expected = spoil[planned]
    needs_plain_line = change is in_name
    fit = [number for number, text in enumerate(lines[1:], 2) if number not in taken and not (needs_plain_line and '"' in text)]
    if not fit:
        raise ValueError(f"no line can have the fault: {planned}")
    line = int(rng.choice(fit))
    return line, [*lines[: line - 1], change(lines[line - 1]), *lines[line:]], expected


def _correction(
    rng: np.random.Generator,
    sheets: dict[str, Sheet],
    headers: dict[str, list[str]],
    faults: list[Fault],
    table: str,
    encoded: Callable[[dict[str, list[str]]], dict[str, bytes]],
) -> Attempt:
    """The same delivery again with one row changed and one left out; its rows move up by one from there."""
    file = f"{table}.csv"
    faulty = {fault.line for fault in faults if fault.file == file}
    untouched = [row for row in range(sheets[table].rows) if row + 2 not in faulty]
    changed_row, left_out = (int(row) for row in rng.choice(untouched, 2, replace=False))
    sheet = Sheet(sheets[table].rows, dict(sheets[table].columns))
    sheet.put("Postcode", changed_row, "WA9 9ZZ" if sheet.values("Postcode")[changed_row] != "WA9 9ZZ" else "WA10 9ZZ")
    corrected = sheets | {table: sheet.without(left_out)}

    def moved(line: int | None) -> int | None:
        return line - 1 if line is not None and line > left_out + 2 else line

    kept = [
        Fault(
            fault.file,
            moved(fault.line) if fault.file == file else fault.line,
            fault.column,
            fault.fault,
            fault.expected,
            fault.rule,
        )
        for fault in faults
    ]
    told = [
        Fault(file, moved(changed_row + 2), "Postcode", "a row is corrected", "replaces what was sent before"),
        Fault(file, left_out + 2, None, "a row is left out", "ends the row that was sent before"),
    ]
    return Attempt("__2", encoded({name: one.lines(headers[name]) for name, one in corrected.items()}), corrected, [*kept, *told])
