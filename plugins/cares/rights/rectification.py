"""A person says that something held about them is wrong: written down, told to the sender by letter, and followed to its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg
from psycopg.rows import class_row

from cares import contracts, provenance, reasons, warehouse
from cares.deliveries import Row
from cares.governance import rectification
from cares.governance.rectification import RectificationError
from cares.reports import returns
from cares.rights import calendar_months


@dataclass(frozen=True)
class Rectification:
    """One request for a correction and what became of it; `now` is the row that is disputed, or was last."""

    rectification_id: int
    delivery_id: int
    table_name: str
    line_number: int
    column_name: str | None
    now_delivery_id: int
    now_line_number: int
    received_on: date
    due_on: date
    outcome: str | None
    certificate_id: int | None
    is_late: bool

    @property
    def row(self) -> Row:
        """The row that was disputed first."""
        return Row(self.delivery_id, self.table_name, self.line_number)

    @property
    def now(self) -> Row:
        """The row that holds what is disputed now."""
        return Row(self.now_delivery_id, self.table_name, self.now_line_number)


def ask(row: Row, column: str | None, because: str, received_on: date) -> tuple[Rectification, Path]:
    """Write down that a row, or the value of one column of it, is said to be wrong, and tell its sender.

    `column` is a header of the table. From now on the row is disputed. Returns the request and the letter. Raises
    ProvenanceError where there is no such row; RectificationError where there is no such column, the row is in use no
    more, or the same is disputed already.
    """
    because = reasons.one_line(because, RectificationError)
    story = provenance.of_row(row)
    if not story.is_landed:
        raise RectificationError(f"Row {row} is not held here: {story.fate}")
    if story.successor:
        now = story.successor.rows[0] if story.successor.rows else None
        raise RectificationError(
            f"Row {row} was replaced by delivery {story.successor.delivery_id}, and is in use no more. "
            + (f"Dispute row {now} instead, if it is wrong too." if now else "Nothing is left to correct.")
        )
    table = contracts.load().feed(story.feed).format.tables[row.table]
    if column is not None and column not in table.file.columns:
        raise RectificationError(f"{row.table} has no column {column!r}; use one of {', '.join(table.file.columns)}")
    name = table.column_names[column] if column else None
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        today = connection.execute("select current_date").fetchone()[0]
        if received_on > today:
            raise RectificationError(f"{received_on} is in the future; give the day on which the request came")
        found = connection.execute(
            """insert into governance.rectification
                 (delivery_id, table_name, line_number, column_name, now_delivery_id, now_line_number, received_on, due_on,
                  asked_because, recorded_by)
               values (%(delivery)s, %(table)s, %(line)s, %(column)s, %(delivery)s, %(line)s, %(received)s, %(due)s, %(because)s,
                       %(by)s)
               on conflict do nothing returning rectification_id""",
            {
                "delivery": row.delivery_id, "table": row.table, "line": row.line, "column": name, "received": received_on,
                "due": calendar_months.after(received_on, 1), "because": because, "by": warehouse.who_is_at_work(),
            },
        ).fetchone()  # fmt: skip
    if not found:
        raise RectificationError("The same is disputed already. See: cares rectify list")
    letter = returns.write(row.delivery_id)
    if letter is None:
        raise RectificationError(
            f"Delivery {row.delivery_id} is not decided yet, so that no letter was written. Decide on it first."
        )
    return _of(found[0]), letter


def found_right(rectification_id: int, because: str) -> int:
    """End a dispute because the sender looked into it and keeps to its value; returns the certificate's number.

    Raises RectificationError where there is no such dispute, or it is over.
    """
    because = reasons.one_line(because, RectificationError)
    asked = _of(rectification_id)
    if asked.outcome:
        raise RectificationError(f"Request {rectification_id} is over: {asked.outcome}.")
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        certificate_id = rectification.end(connection, rectification_id, "found right", because, None)
    returns.write(asked.now_delivery_id)
    return certificate_id


def requests() -> list[Rectification]:
    """All requests, those that wait first, by the day on which they are due."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return _all(connection, "true")


def _of(rectification_id: int) -> Rectification:
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        found = _all(connection, "rectification_id = %(number)s", rectification_id)
    if not found:
        raise RectificationError(f"There is no request {rectification_id}. See: cares rectify list")
    return found[0]


def _all(connection: psycopg.Connection, condition: str, number: int | None = None) -> list[Rectification]:
    return (
        connection.cursor(row_factory=class_row(Rectification))
        .execute(
            f"""select rectification_id, delivery_id, table_name, line_number, column_name, now_delivery_id, now_line_number,
                       received_on, due_on, outcome, certificate_id, outcome is null and due_on < current_date as is_late
                from governance.rectification where {condition}
                order by outcome is not null, due_on, rectification_id""",
            {"number": number},
        )
        .fetchall()
    )
