"""Sheets: the columns of one file before they are written, and how they become lines of CSV."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


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
        column = self.values(header).copy()
        column[row] = value
        self.columns[header] = column

    def without(self, row: int) -> Sheet:
        """The same sheet with one row left out."""
        kept = np.arange(self.rows) != row
        columns = {header: column if isinstance(column, str) else column[kept] for header, column in self.columns.items()}
        return Sheet(self.rows - 1, columns)

    def lines(self, headers: list[str]) -> list[str]:
        """The file's lines, header first, with quotation marks only where a value needs them.

        Raises ValueError if the sheet has a column that is not among `headers`: the contract does not know it.
        """
        unknown = [header for header in self.columns if header not in headers]
        if unknown:
            raise ValueError(f"the contract has no column {unknown[0]!r}")
        varying, template = [], []
        for header in headers:
            column = self.columns.get(header, "")
            if isinstance(column, str):
                template.append(_quoted(column).replace("%", "%%"))
            else:
                template.append("%s")
                varying.append(_all_quoted(column))
        row = ",".join(template)
        first = ",".join(_quoted(header) for header in headers)
        if not varying:
            return [first, *[row.replace("%%", "%")] * self.rows]
        return [first, *(row % values for values in zip(*varying, strict=True))]


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if "," in value or '"' in value else value


def _all_quoted(column: np.ndarray) -> list[str]:
    values = column.tolist()
    together = "".join(values)
    return [_quoted(value) for value in values] if "," in together or '"' in together else values
