"""Sheets: the columns of one file before they are written, and how they become its lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np

from cares.contracts import FileShape


@dataclass
class Sheet:
    """One table of a delivery: each header's values as text (one text for all rows where they agree).

    A header that is not given is blank.
    """

    rows: int
    columns: dict[str, np.ndarray | str] = field(default_factory=dict)

    def values(self, header: str) -> np.ndarray:
        """The column, one text a row; not to be changed."""
        column = self.columns.get(header, "")
        return np.full(self.rows, column, dtype=object) if isinstance(column, str) else column

    def put(self, header: str, row: int, value: str) -> None:
        """Write one value. The column may be shared with what the sheet was made from, so it is copied first."""
        column = self.values(header).astype(object)
        column[row] = value
        self.columns[header] = column

    def without(self, row: int) -> Sheet:
        """The same sheet with one row left out."""
        kept = np.arange(self.rows) != row
        columns = {header: column if isinstance(column, str) else column[kept] for header, column in self.columns.items()}
        return Sheet(self.rows - 1, columns)

    def line_numbers(self, shape: FileShape) -> np.ndarray:
        """The number of the line on which each row begins, the first being 1: values may hold line breaks."""
        numbers = np.arange(self.rows) + (2 if shape.has_header else 1)
        for column in self.columns.values():
            if not isinstance(column, str) and "\n" in "".join(column.tolist()):
                breaks = np.array([value.count("\n") for value in column])
                numbers += np.cumsum(breaks) - breaks
        return numbers

    def lines(self, headers: Iterable[str], shape: FileShape) -> list[str]:
        """The file's rows as text, the header first where it has one, with quotation marks only where a value needs them.

        Raises ValueError if the sheet has a column that is not among `headers`: the contract does not know it.
        """
        headers = list(headers)
        unknown = [header for header in self.columns if header not in headers]
        if unknown:
            raise ValueError(f"the contract has no column {unknown[0]!r}")
        # Columns that are the same in all rows stand together in one text, so that a row is joined from few.
        parts: list[list[str] | str] = []
        for header in headers:
            column = self.columns.get(header, "")
            if not isinstance(column, str):
                parts.append(_all_quoted(column, shape))
            elif parts and isinstance(parts[-1], str):
                parts[-1] += shape.delimiter + _quoted(column, shape)
            else:
                parts.append(_quoted(column, shape))
        first = [shape.delimiter.join(_quoted(header, shape) for header in headers)] if shape.has_header else []
        if len(parts) == 1 and isinstance(parts[0], str):
            return [*first, *repeat(parts[0], self.rows)]
        together = zip(*(repeat(part) if isinstance(part, str) else part for part in parts), strict=False)
        return [*first, *map(shape.delimiter.join, together)]


def _needs_quotes(text: str, shape: FileShape) -> bool:
    return shape.quote != "none" and (shape.delimiter in text or shape.quote in text or "\n" in text)


def _quoted(value: str, shape: FileShape) -> str:
    if not _needs_quotes(value, shape):
        return value
    return shape.quote + value.replace(shape.quote, shape.quote * 2) + shape.quote


def _all_quoted(column: np.ndarray, shape: FileShape) -> list[str]:
    values = column.tolist()
    return [_quoted(value, shape) for value in values] if _needs_quotes("".join(values), shape) else values
