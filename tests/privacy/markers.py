"""Deliveries of every feed in which each value can be recognised: whoever finds one elsewhere has found a leak.

A passing row keeps every rule of its contract, so its values are recognisable as far as the rules allow: free text
carries a word of its own, dates are days before 1920, NHS numbers and postcodes are made for this. One failing row
carries a word of its own in every column, codes and dates included; and for each column there is a row that fails
in that column alone, and so goes as far as it can.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from cares import contracts
from cares.contracts import Column, Feed, Period, Table

PASSING_ROWS = 60  # enough to keep the delivery below the share of rows set aside at which it is held
PASSING_WORD, FAILING_WORD = "Passleak", "Failleak"

_LETTERS = "ABCDEFGHJKLMNPQRSTUWXYZ"


class Markers:
    """Makes recognisable values, and remembers every one that nothing else can be mistaken for."""

    def __init__(self) -> None:
        self.made: set[str] = set()
        self._numbers = itertools.count(1)
        days = (date(1851, 1, 1) + timedelta(days=number) for number in range(25_000))
        # The day that Access gives a time without one stands in our own SQL.
        self._days = itertools.cycle(day for day in days if day != date(1899, 12, 30))

    def write_feed(
        self, feed: Feed, folder: Path, version: str, passing_rows: int = PASSING_ROWS, *, has_failing_rows: bool = True
    ) -> None:
        """One file for each table of a feed: passing rows, rows that fail in one column, and one that fails in all."""
        folder.mkdir(parents=True)
        tables = [table for table in feed.format.tables.values() if table.in_version(table.file, version)]
        passing: dict[str, list[dict[str, str]]] = {}
        for table in _referred_to_first(tables):
            passing[table.name] = [self._passing_row(table, version, row, passing) for row in range(passing_rows)]
        for table in tables:
            headers = list(table.columns(version))
            with (folder / f"{table.name}.csv").open("w", newline="", encoding=feed.files.encoding) as stream:
                writer = csv.DictWriter(stream, headers, delimiter=feed.files.delimiter, lineterminator="\n")
                if feed.files.has_header:
                    writer.writeheader()
                writer.writerows(passing[table.name])
                if not has_failing_rows:
                    continue
                can_fail = [header for header in headers if _may_fail(table.file.columns[header])]
                for number, header in enumerate(can_fail):
                    row = self._passing_row(table, version, number % passing_rows, passing)
                    self.made.discard(row[header])
                    writer.writerow({**row, header: self._word(FAILING_WORD)})
                row = self._passing_row(table, version, 0, passing)
                self.made.difference_update(row[header] for header in can_fail)
                writer.writerow({**row, **{header: self._word(FAILING_WORD) for header in can_fail}})

    def word(self) -> str:
        """A word that stands for any value of somebody's, for names of files and whatever else has no column."""
        return self._word(FAILING_WORD)

    def found_in(self, text: str) -> set[str]:
        """The markers that stand in a text."""
        found = set(re.findall(rf"(?:{PASSING_WORD}|{FAILING_WORD})\d+", text))
        tokens = set(re.findall(r"[A-Za-z0-9/-]+", text)) | set(re.findall(r"[A-Z]{2}\d [0-9][A-Z]{2}", text))
        return found | (tokens & self.made)

    def _passing_row(self, table: Table, version: str, row: int, rows_of: dict[str, list[dict[str, str]]]) -> dict[str, str]:
        values: dict[str, str] = {}
        for header, column in table.columns(version).items():
            values[header] = self._passing_value(table, column, version, row, rows_of)
        return values

    def _passing_value(
        self, table: Table, column: Column, version: str, row: int, rows_of: dict[str, list[dict[str, str]]]
    ) -> str:
        longest = None
        for rule in column.we_expect:
            if rule.refers_to:
                other, _, header = rule.refers_to.partition(".")
                if other in rows_of:
                    return rows_of[other][row][header]
            if rule.one_of:
                return table.codes(rule.one_of, version)[0]
            if rule.between:
                return f"{rule.between[0]:g}"
            if rule.at_most_characters:
                longest = rule.at_most_characters
            pattern = table.patterns.get(rule.expect or "")
            if pattern and pattern.dates:
                return self._day(pattern.dates[0])
            if pattern and pattern.check == "nhs_number":
                return self._remember(_nhs_number(next(self._numbers)))
            if pattern and pattern.means.startswith("a whole British postcode"):
                return self._postcode()
            if pattern:
                return pattern.looks_like.replace(" ", "")
        word = f"{PASSING_WORD}{next(self._numbers):06d}"
        return self._remember(word) if longest is None or len(word) <= longest else word[-longest:]

    def _word(self, word: str) -> str:
        return self._remember(f"{word}{next(self._numbers):06d}")

    def _day(self, written: str) -> str:
        # Not the first of a month: that is how a month is written where days are generalised.
        day = next(day for day in self._days if day.day > 1)
        self.made.add(day.isoformat())
        return self._remember(
            written.replace("YYYY", f"{day.year}").replace("MM", f"{day.month:02d}").replace("DD", f"{day.day:02d}")
        )

    def _postcode(self) -> str:
        number = next(self._numbers)
        inward = f"{number % 10}{_LETTERS[number // 10 % len(_LETTERS)]}{_LETTERS[number // 200 % len(_LETTERS)]}"
        self.made.add(f"QX9{inward}")
        return self._remember(f"QX9 {inward}")

    def _remember(self, marker: str) -> str:
        self.made.add(marker)
        return marker


def one_feed_of_each_format() -> list[Feed]:
    """The first feed of each format."""
    feeds = {feed.format.name: feed for feed in reversed(contracts.load().feeds.values())}
    return [feeds[name] for name in contracts.load().formats]


def periods_of(feed: Feed) -> Iterator[Period]:
    """The periods that a feed may send, the first ones from February 2019 on."""
    first = feed.file.arrives.first
    begins = max(date(2019, 2, 1), first.start) if first else date(2019, 2, 1)
    while begins < date.today():
        period = contracts.period_of(begins, feed.file.arrives.every)
        begins = period.end + timedelta(days=1)
        with contextlib.suppress(contracts.ContractError):  # no version of the format governs it
            feed.version(period)
            yield period


def break_file(file: Path, number: int) -> None:
    """Make a file that cannot be taken in: bytes of another encoding, or a quotation mark that does not close."""
    header, first, *rest = file.read_bytes().splitlines(keepends=True)
    broken = first.replace(PASSING_WORD.encode(), b"\xe9" + PASSING_WORD.encode()) if number % 2 else b'"' + first
    file.write_bytes(b"".join([header, broken, *rest]))


def add_column(file: Path, header: str, values: str, delimiter: str) -> None:
    """Give a file a last column that its contract does not know, with the same value in each of its rows."""
    first, *rows = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([first + delimiter + header, *(row + delimiter + values for row in rows)]) + "\n", encoding="utf-8")


def _referred_to_first(tables: list[Table]) -> list[Table]:
    """Tables in an order in which those that others refer to come first, as far as there is one."""
    left = {table.name: table for table in tables}
    ordered: list[Table] = []

    def place(table: Table) -> None:
        for column in table.file.columns.values():
            for rule in column.we_expect:
                if rule.refers_to and (other := left.pop(rule.refers_to.partition(".")[0], None)):
                    place(other)
        ordered.append(table)

    while left:
        place(left.pop(next(iter(left))))
    return ordered


def _may_fail(column: Column) -> bool:
    """Whether a wrong value in the column costs its row at most, and not the whole delivery."""
    return all((rule.if_broken or column.if_broken) != "reject the delivery" for rule in column.we_expect)


def _nhs_number(number: int) -> str:
    """A valid NHS number of the range 999, which is never issued."""
    while True:
        nine = f"999{number:06d}"
        check = 11 - sum(int(digit) * weight for digit, weight in zip(nine, range(10, 1, -1), strict=True)) % 11
        if check != 10:
            return nine + str(check % 11)
        number += 400_000
