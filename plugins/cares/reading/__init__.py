"""The files that organisations send, read record by record: text of rows, workbooks, XML. Nothing in them is guessed or run.

A file can hold one table or several. Whoever reads a table of it is given its columns, each record with its place, and
how many records there are, counted in another way than they are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from cares import contracts
from cares.contracts import Table

LONGEST_VALUE = 131_072
TOO_LONG = f"holds a value longer than {LONGEST_VALUE:,} characters"


class FileProblem(Exception):
    """A file that cannot be taken in: the message names the line and what to do, never a value."""


@dataclass(frozen=True)
class Header:
    """The columns of a file: the contract's header of each (None: unknown), and at which byte the data start."""

    fields: tuple[str | None, ...]
    data_starts_at: int = 0

    @property
    def unknown(self) -> list[int]:
        """The positions of the columns that the contract does not know, the first being 1."""
        return [number for number, header in enumerate(self.fields, 1) if header is None]


@dataclass(frozen=True)
class Record:
    """One record: the line on which it starts, its values in the order of the header, or why it cannot be read."""

    line: int
    values: list[str]
    problem: str | None = None


@dataclass(frozen=True)
class Source:
    """A table as a workbook or an XML file holds it; `counted` is how many records there are, counted on their own.

    `left_out`, asked when the records were read, says what of it the contract does not know. `is_nil` where the sender
    says by a header without rows that there are none.
    """

    header: Header
    records: Iterator[Record]
    counted: int
    left_out: Callable[[], str | None]
    is_nil: bool


class Container(Protocol):
    """A file that can hold several tables; `part` names one of them, as the file itself does."""

    def source(self, part: str | None, table: Table, version: str) -> Source:
        """One table of it, to be read."""

    def count(self, part: str | None, table: str) -> int:
        """How many rows of a table it holds, for a table that no contract describes."""


def match_header(names: list[str], table: Table, version: str, line: int = 1, data_starts_at: int = 0) -> Header:
    """The columns that the names in a header are by the contract (case, spaces and punctuation aside).

    Raises FileProblem for a header given twice, or a mandatory one missing.
    """
    matched = [table.headers.get(contracts.normalised(name)) for name in names]
    twice = [header for header, count in Counter(h for h in matched if h).items() if count > 1]
    if twice:
        raise FileProblem(f"line {line}: the header {twice[0]} is given twice; keep one")
    missing = [header for header in table.must_be_present(version) if header not in matched]
    if missing:
        raise FileProblem(
            f"line {line}: the mandatory column {missing[0]} is missing"
            + (f" (and {len(missing) - 1} more)" if len(missing) > 1 else "")
            + "; send the file with every column that the contract marks as mandatory"
        )
    return Header(tuple(matched), data_starts_at)


def unknown_columns(header: Header) -> str | None:
    """What is said of columns that the contract does not know, by their positions; None where there is none."""
    positions = ", ".join(map(str, header.unknown))
    return f"the contract does not know the column(s) at position {positions}" if positions else None
