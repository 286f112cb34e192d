"""Workbooks (.xlsx) with a sheet for each table. A value is what the cell shows it to be: of a formula, its last result.

A formula without a result is blank, numbers lose no digit and gain none, and dates are written as their column has them.
"""

from __future__ import annotations

import posixpath
import re
import struct
import warnings
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl

from cares.contracts import Table, normalised
from cares.reading import LONGEST_VALUE, TOO_LONG, FileProblem, Header, Record, Source, match_header, unknown_columns
from cares.reading.safe_xml import Listener, chunks, tell_all

# The header may stand below a title.
_ROWS_ABOVE_THE_DATA = 20
_MOST_COLUMNS = 1_000
_MOST_ROWS = 1 << 20
_WORKBOOK = "xl/workbook.xml"


class Workbook:
    """A workbook that was found harmless as a zip file; `file` is its path, or a stream of it."""

    def __init__(self, file: Path | BinaryIO) -> None:
        self._file = file

    @cached_property
    def sheets(self) -> dict[str, str]:
        """The name of each sheet of cells, and where it lies in the workbook."""
        with self._unpacked() as archive:
            targets = _Targets()
            tell_all(targets, chunks(archive.open("xl/_rels/workbook.xml.rels")))
            named = _Sheets()
            tell_all(named, chunks(archive.open(_WORKBOOK)))
        return {
            name: posixpath.normpath(posixpath.join("/xl", targets.of_id[id])).lstrip("/")
            for name, id in named.id_of.items()
            if id in targets.of_id
        }

    def source(self, part: str | None, table: Table, version: str) -> Source:
        """The table on a sheet. The header is the row that names most columns, among the first ones; a line is a row's number."""
        filled = self._filled(part)
        names, starts_on = self._header(part, table)
        header = match_header(names, table, version, starts_on)
        counted = sum(row > starts_on for row in filled.rows)
        records = self._records(part, table, header, starts_on, filled)
        return Source(header, records, counted, lambda: unknown_columns(header), is_nil=counted == 0)

    def count(self, part: str | None, table: str) -> int:
        """How many rows a sheet has below the first one, which is its header."""
        return max(0, len(self._filled(part).rows) - 1)

    def _called(self, sheet: str | None) -> str:
        """What a sheet is called; None is the only one, whose name may be anybody's and is not kept."""
        return next(iter(self.sheets), "") if sheet is None else sheet

    def _filled(self, sheet: str | None) -> _Filled:
        """Which rows of a sheet hold a value, from its own XML."""
        filled = _Filled()
        with self._unpacked() as archive:
            tell_all(filled, chunks(archive.open(self.sheets[self._called(sheet)])))
        return filled

    def _header(self, sheet: str | None, table: Table) -> tuple[list[str], int]:
        best, starts_on, most = list[str](), 1, 0
        for number, values in islice(self._rows(sheet, _MOST_COLUMNS), _ROWS_ABOVE_THE_DATA):
            names = [_written(value, "YYYY-MM-DD") for value in values]
            known = len({table.headers[normalised(name)] for name in names if normalised(name) in table.headers})
            if known > most:
                best, starts_on, most = names, number, known
        while best and not best[-1]:
            best.pop()
        if not best:
            raise FileProblem(
                f"none of its first {_ROWS_ABOVE_THE_DATA} rows names a column of {table.name}; write the header above the data"
            )
        return best, starts_on

    def _records(self, sheet: str | None, table: Table, header: Header, starts_on: int, filled: _Filled) -> Iterator[Record]:
        writings = [_writing_of_dates(table, name) for name in header.fields]
        widths = dict(zip(filled.rows, filled.widths, strict=True))
        for number, cells in self._rows(sheet, len(writings)):
            if number <= starts_on or number not in widths:
                continue
            values = [_written(cell, writing) for cell, writing in zip(cells, writings, strict=False)]
            values += [""] * (len(writings) - len(values))
            problem = None
            if widths[number] > len(writings):
                problem = "holds a value outside the columns of the header"
            elif any(len(value) > LONGEST_VALUE for value in values):
                problem = TOO_LONG
            elif any("\x00" in value for value in values):
                problem = "holds a character that no text has (NUL)"
            yield Record(number, values, problem)

    def _rows(self, sheet: str | None, columns: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Each row of a sheet with its number, so many columns wide."""
        with _reading():
            cells = self._book[self._called(sheet)]
            cells.reset_dimensions()
            rows = enumerate(cells.iter_rows(max_col=columns, values_only=True), 1)
        while True:
            with _reading():
                row = next(rows, None)
            if row is None:
                return
            yield row

    @cached_property
    def _book(self) -> Any:
        with self._unpacked() as archive:
            for name in archive.namelist():
                # Sheets are looked at one by one, before each is read.
                if name.endswith((".xml", ".rels")) and name not in self.sheets.values():
                    tell_all(Listener(), chunks(archive.open(name)))
        # A kept file has no ending, and by its path openpyxl would take no other.
        stream = self._file.open("rb") if isinstance(self._file, Path) else self._file
        return openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)

    @contextmanager
    def _unpacked(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self._file) as archive:
                yield archive
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, struct.error, ValueError):
            raise _damaged() from None


def _damaged() -> FileProblem:
    return FileProblem("is not a workbook that can be read, or is damaged; save it again as .xlsx and send it again")


@contextmanager
def _reading() -> Iterator[None]:
    """What the reader of workbooks says in warnings and errors, of which it has all kinds, can quote the data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (FileProblem, FileNotFoundError):
            raise
        except Exception:
            raise _damaged() from None


def _writing_of_dates(table: Table, header: str | None) -> str:
    """How a column has its dates written, by the first pattern of dates that it expects."""
    rules = table.file.columns[header].we_expect if header else ()
    patterns = (table.patterns[rule.expect] for rule in rules if rule.expect in table.patterns)
    return next((writing for pattern in patterns for writing in pattern.dates), "YYYY-MM-DD")


def _written(value: Any, writing_of_dates: str) -> str:
    """A cell as text."""
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case datetime() if value.time() != time():
            return f"{_written(value.date(), writing_of_dates)} {value:%H:%M:%S}"
        case date():
            parts = {"YYYY": f"{value.year:04}", "MM": f"{value.month:02}", "DD": f"{value.day:02}"}
            return re.sub("YYYY|MM|DD", lambda part: parts[part[0]], writing_of_dates)
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case _:
            return str(value)


class _Targets(Listener):
    """Where the sheets of cells lie, by the ids that the workbook has for them."""

    def __init__(self) -> None:
        super().__init__()
        self.of_id: dict[str, str] = {}

    def begins(self, attributes: Any) -> None:
        if self.path[-1] == "Relationship" and attributes.get("Type", "").endswith("/worksheet"):
            self.of_id[attributes.get("Id", "")] = attributes.get("Target", "")


class _Sheets(Listener):
    """The ids of the sheets, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.id_of: dict[str, str] = {}

    def begins(self, attributes: Any) -> None:
        if self.path[-2:] == ["sheets", "sheet"]:
            if attributes.get("name", "") in self.id_of:
                raise _damaged()
            id = next((value for name, value in attributes.items() if name.endswith(":id")), "")
            self.id_of[attributes.get("name", "")] = id


@dataclass
class _Place:
    row: int = 0
    column: int = 0


class _Filled(Listener):
    """The rows of a sheet in which a cell has a value, and the last column that has one in each."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = array("L")
        self.widths = array("L")
        self._at = _Place()

    def begins(self, attributes: Any) -> None:
        match self.path[-1]:
            case "row":
                number = attributes.get("r", str(self._at.row + 1))
                self._at = _Place(int(number)) if number.isdecimal() else self._at
                if self._at.row > _MOST_ROWS or self.rows and self._at.row <= self.rows[-1]:
                    raise _damaged()
            case "c":
                letters = "".join(filter(str.isalpha, attributes.get("r", "")))
                self._at.column = _column(letters) if letters else self._at.column + 1
            case "is":
                self._holds_a_value()

    def says(self, text: str) -> None:
        if self.path[-1] == "v":
            self._holds_a_value()

    def _holds_a_value(self) -> None:
        if self.rows and self.rows[-1] == self._at.row:
            self.widths[-1] = max(self.widths[-1], self._at.column)
        else:
            self.rows.append(self._at.row)
            self.widths.append(self._at.column)


def _column(letters: str) -> int:
    """The number of a column by its letters: A is 1, AA is 27."""
    number = 0
    for letter in letters[:4].upper():
        number = 26 * number + ord(letter) - ord("A") + 1
    return number
