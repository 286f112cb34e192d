"""XML files that hold all tables of a format, as `xml` in its format.yml says. Bounded memory: one outermost row at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from cares import english
from cares.contracts import Format, Table, XmlFile, XmlRow, normalised
from cares.reading import LONGEST_VALUE, TOO_LONG, FileProblem, Header, Record, Source
from cares.reading.safe_xml import Listener, chunks, tell, tell_all

_MOST_ROWS_IN_ONE = 100_000
_MOST_UNKNOWN = 1_000
# The same few names come again and again.
_name = lru_cache(maxsize=1_000)(normalised)


class XmlRows:
    """An XML file of a format. Where its rows stand is looked up by table, as one element may be a row of several."""

    def __init__(self, path: Path, format: Format, shape: XmlFile) -> None:
        self._path = path
        self._tables = format.tables
        self._rows = shape.rows
        self._shape = shape

    def source(self, part: str | None, table: Table, version: str) -> Source:
        """A table of it. A line is that on which a row begins, or, where several begin on one, the next one that is free."""
        fields = tuple(table.columns(version))
        rows = _Rows(self._shape, table)
        return Source(
            Header(fields),
            self._records(rows, table, fields),
            self._counted[table.name],
            lambda: self._unknown(rows, table),
            # A table of which there is no row is just not mentioned.
            is_nil=False,
        )

    def count(self, part: str | None, table: str) -> int:
        """How many rows of a table it holds."""
        return self._counted[table]

    @cached_property
    def _counted(self) -> dict[str, int]:
        counts = _Counts(self._rows)
        with self._path.open("rb") as stream:
            tell_all(counts, _not_empty(stream))
        if not any(counts.of_table.values()):
            places = english.any_of(sorted({row.each for row in self._rows.values()}))
            raise FileProblem(f"holds no row in any of the places where the contract has them ({places}); send the return itself")
        return counts.of_table

    def _records(self, rows: _Rows, table: Table, fields: tuple[str, ...]) -> Iterator[Record]:
        names = {header: [normalised(name) for name in table.names_of(header)] for header in fields}
        line = 0
        with self._path.open("rb") as stream:
            for _ in tell(rows, _not_empty(stream)):
                for row in rows.finished:
                    line = max(line + 1, row.line)
                    yield Record(line, [row.value(names[header]) for header in fields], row.problem)
                rows.finished.clear()

    def _unknown(self, rows: _Rows, table: Table) -> str | None:
        """What is said of elements that no table knows, by the first table of their row."""
        of_row = [name for name, row in self._rows.items() if row.each == self._rows[table.name].each]
        known = {name for one in of_row if one in self._tables for name in self._tables[one].headers}
        known |= {normalised(row.that_has) for row in self._rows.values() if row.that_has}
        unknown = rows.names - known if of_row[0] == table.name else set()
        nowhere = rows.nowhere if next(iter(self._rows)) == table.name else set()
        count = len(unknown) + len(nowhere)
        return f"the contract does not know {count} kind(s) of element in the file" if count else None


def _not_empty(stream: Any) -> Iterator[bytes]:
    pieces = chunks(stream)
    first = next(pieces, b"")
    if not first:
        raise FileProblem("is empty (0 bytes); send the file again")
    yield first
    yield from pieces


@dataclass
class _Row:
    """An element that is a row: the line on which it begins, its values by name, and the row around it."""

    path: str
    line: int
    around: _Row | None
    values: dict[str, str] = field(default_factory=dict)
    problem: str | None = None

    def value(self, names: list[str]) -> str:
        """The value that has one of some names, its own before that of the rows around it."""
        own = next((self.values[name] for name in names if name in self.values), None)
        if own is not None:
            return own
        return self.around.value(names) if self.around else ""


class _Rows(Listener):
    """Gathers the rows of one table; they are finished when the outermost row around them is, and all values are known."""

    def __init__(self, shape: XmlFile, table: Table) -> None:
        super().__init__()
        self.finished: list[_Row] = []
        self.names: set[str] = set()
        self.nowhere: set[str] = set()
        self._wanted = shape.rows[table.name]
        self._wanted_names = {*table.headers, normalised(self._wanted.that_has or "")}
        self._paths = {row.each for row in shape.rows.values()}
        self._header_of = {normalised(element): normalised(header) for element, header in shape.names.items()}
        self._open: list[_Row] = []
        self._waiting: list[_Row] = []
        self._text: list[str] = []
        self._length = 0
        self._is_innermost = False

    def begins(self, attributes: Any) -> None:
        self._text, self._length, self._is_innermost = [], 0, True
        path = self.place
        if path in self._paths:
            row = _Row(path, self.line, self._open[-1] if self._open else None)
            self._open.append(row)
            if path == self._wanted.each:
                self._waiting.append(row)
                if len(self._waiting) > _MOST_ROWS_IN_ONE:
                    raise FileProblem(f"line {self.line}: more than {_MOST_ROWS_IN_ONE:,} rows stand in one; send a plain file")

    def says(self, text: str) -> None:
        self._length += len(text)
        if self._length <= LONGEST_VALUE:
            self._text.append(text)

    def ends(self) -> None:
        is_innermost, self._is_innermost = self._is_innermost, False
        path = self.place
        if self._open and path == self._open[-1].path:
            self._open.pop()
            if not self._open:
                needed = normalised(self._wanted.that_has or "")
                self.finished += [row for row in self._waiting if not needed or row.values.get(needed)]
                self._waiting.clear()
        elif is_innermost:
            self._keep_value(path)

    def _keep_value(self, path: str) -> None:
        if not self._open:
            if len(self.nowhere) < _MOST_UNKNOWN:
                self.nowhere.add(path)
            return
        row, element = self._open[-1], _name(self.path[-1])
        name = self._header_of.get(element, element)
        if row.path == self._wanted.each and len(self.names) < _MOST_UNKNOWN:
            self.names.add(name)
        if name not in self._wanted_names:
            return
        if self._length > LONGEST_VALUE:
            row.problem = row.problem or TOO_LONG
        elif name in row.values:
            row.problem = row.problem or "holds two values of one name"
        else:
            row.values[name] = "".join(self._text).strip()


class _Counts(Listener):
    """Counts the rows of each table by where their elements begin, and by whether what they must hold has a text in them."""

    def __init__(self, rows: Mapping[str, XmlRow]) -> None:
        super().__init__()
        self.of_table = dict.fromkeys(rows, 0)
        self._rows = rows
        self._tables_at: dict[str, list[str]] = {}
        for name, row in rows.items():
            self._tables_at.setdefault(row.each, []).append(name)
        self._depth_of: list[tuple[str, int]] = []
        self._still_to_hold: dict[str, str] = {}

    def begins(self, attributes: Any) -> None:
        path = self.place
        tables = self._tables_at.get(path, [])
        if tables:
            self._depth_of.append((path, len(self.path)))
        for name in tables:
            if needed := self._rows[name].that_has:
                self._still_to_hold[name] = normalised(needed)
            else:
                self.of_table[name] += 1

    def says(self, text: str) -> None:
        if self._still_to_hold and self._depth_of and text.strip():
            within = self._depth_of[-1][0]
            for name in [name for name, needed in self._still_to_hold.items() if needed == _name(self.path[-1])]:
                if self._rows[name].each == within:
                    self.of_table[name] += 1
                    del self._still_to_hold[name]

    def ends(self) -> None:
        if self._depth_of and self._depth_of[-1][1] == len(self.path):
            self._depth_of.pop()
