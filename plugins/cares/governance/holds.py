"""Legal holds: what a court or an inquiry may ask for is neither erased nor let expire while a hold is on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from cares import contracts, reasons, warehouse

_LONGEST_REASON = 300


class HoldError(Exception):
    """A legal hold that cannot be made or ended: says why, naming nobody."""


@dataclass(frozen=True)
class Hold:
    """One legal hold, on a person by one of their records, or on a feed."""

    hold_id: int
    person_record_id: str | None
    feed: str | None
    reason: str
    held_at: datetime
    held_by: str
    ended_at: datetime | None
    ended_by: str | None
    ended_because: str | None


def add(what: str, because: str) -> int:
    """Put a hold on a person, named by a record, or on a feed; returns its number.

    Raises HoldError where there is neither such a record nor such a feed.
    """
    because = reasons.one_line(because, HoldError, _LONGEST_REASON, " It may name nobody.")
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        is_feed = what in contracts.load().feeds
        is_record = connection.execute(
            "select exists (select from person_index.membership where person_record_id = %s)", (what,)
        ).fetchone()[0]
        if not is_feed and not is_record:
            raise HoldError(
                "There is no such feed and no such person record. Name a feed as organisation/name, or a record as "
                "organisation/source/the sender's own number."
            )
        number: int = connection.execute(
            """insert into governance.legal_hold (person_record_id, feed, reason, held_by) values (%s, %s, %s, %s)
               returning hold_id""",
            (None if is_feed else what, what if is_feed else None, because, warehouse.who_is_at_work()),
        ).fetchone()[0]
    return number


def remove(hold_id: int, because: str) -> None:
    """End a hold. Raises HoldError where there is none of that number in force."""
    because = reasons.one_line(because, HoldError, _LONGEST_REASON, " It may name nobody.")
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        ended = connection.execute(
            """update governance.legal_hold set ended_at = now(), ended_by = %s, ended_because = %s
               where hold_id = %s and ended_at is null""",
            (warehouse.who_is_at_work(), because, hold_id),
        ).rowcount
    if not ended:
        raise HoldError(f"There is no legal hold {hold_id} in force. See: cares hold list")


def recorded() -> list[Hold]:
    """All holds, the latest first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return (
            connection.cursor(row_factory=class_row(Hold))
            .execute("select * from governance.legal_hold order by hold_id desc")
            .fetchall()
        )


def on(connection: psycopg.Connection, records: list[str], feeds: list[str]) -> list[int]:
    """The holds in force on any of these feeds, or on any record of a person who has or had one of these records."""
    return [
        number
        for (number,) in connection.execute(
            """select hold_id from governance.legal_hold
               where ended_at is null and (
                   feed = any(%(feeds)s) or person_record_id = any(%(records)s)
                   or exists (
                       select from person_index.membership as held
                       join person_index.membership as asked using (person_id)
                       where held.person_record_id = legal_hold.person_record_id and asked.person_record_id = any(%(records)s)))
               order by hold_id""",
            {"records": records, "feeds": feeds},
        )
    ]
