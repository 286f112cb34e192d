"""The account of one delivery: all that the ledger says of it, without any value of the data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from cares import warehouse
from cares.deliveries.events import no_such_delivery
from cares.deliveries.handling import ACTIONS

_UNREADABLE_LINES_SHOWN = 20


@dataclass(frozen=True)
class File:
    """A file's ledger: received = landed + unreadable, landed = accepted + set aside + erased. None: not counted yet."""

    name: str
    received: int | None
    unreadable: int | None
    landed: int | None
    accepted: int | None
    set_aside: int | None
    erased: int | None


@dataclass(frozen=True)
class BrokenRule:
    """A rule that rows break: how many, of how many nothing has come of it yet, and the first (as `episodes/41`)."""

    rule: str
    sentence: str
    if_broken: str
    rows: int
    still_open: int
    first: str


@dataclass(frozen=True)
class UnreadableLine:
    """A line that is no row, and why."""

    table: str
    line: int
    problem: str


@dataclass(frozen=True)
class Event:
    """What happened to it, who did it, and why."""

    at: datetime
    event: str
    by: str
    reason: str | None


@dataclass(frozen=True)
class _Head:
    delivery_id: int
    feed: str
    period: str
    format: str
    format_version: str
    state: str
    reason: str | None
    received_at: datetime
    replays: int | None


@dataclass(frozen=True)
class Account(_Head):
    """One delivery, with its files, the rules that its rows break, and what happened to it."""

    files: list[File]
    broken: list[BrokenRule]
    unreadable: list[UnreadableLine]
    events: list[Event]

    @property
    def possible(self) -> dict[str, str]:
        """What can be done with it in its state, as a command, and what that does."""
        commands = {
            f"cares delivery {name} {self.delivery_id} --reason '...'": action.does
            for name, action in ACTIONS.items()
            if self.state in action.states
        }
        replay = f"cares delivery replay {self.delivery_id} --reason '...'"
        return {
            **commands,
            replay: "its original files are taken in anew, under today's contract, as a new delivery in its place",
        }


def account(delivery_id: int) -> Account:
    """The account of a delivery. Raises DeliveryError when there is none of that number."""
    with warehouse.safe_errors(), warehouse.connect("engineer") as connection:
        head = (
            connection.cursor(row_factory=class_row(_Head))
            .execute(
                """select delivery_id, feed, period, format, format_version, state, reason, received_at, replays
                   from ledger.delivery where delivery_id = %s""",
                (delivery_id,),
            )
            .fetchone()
        )
        if head is None:
            raise no_such_delivery(delivery_id)
        files = connection.cursor(row_factory=class_row(File)).execute(
            """select coalesce(table_name, file_name) as name, received_rows as received, unreadable_rows as unreadable,
                      landed_rows as landed, accepted_rows as accepted, set_aside_rows as set_aside, erased_rows as erased
               from ledger.delivery_file where delivery_id = %s order by file_id""",
            (delivery_id,),
        )
        broken = connection.cursor(row_factory=class_row(BrokenRule)).execute(
            """select result.rule, result.sentence, result.if_broken, result.rows_broken as rows,
                      count(*) filter (where finding.status = 'open') as still_open,
                      result.table_name || '/' || min(finding.line_number) as first
               from ledger.check_result as result
               join ledger.finding_status as finding on finding.delivery_id = result.delivery_id and finding.rule = result.rule
               where result.delivery_id = %s
               group by result.rule, result.sentence, result.if_broken, result.rows_broken, result.table_name
               order by result.rows_broken desc, result.rule""",
            (delivery_id,),
        )
        unreadable = connection.cursor(row_factory=class_row(UnreadableLine)).execute(
            """select file.table_name as table, line_number as line, line.problem from ledger.unreadable_line as line
               join ledger.delivery_file as file using (file_id) where delivery_id = %s order by 1, 2 limit %s""",
            (delivery_id, _UNREADABLE_LINES_SHOWN),
        )
        events = connection.cursor(row_factory=class_row(Event)).execute(
            "select at, event, by, reason from ledger.delivery_event where delivery_id = %s order by event_id", (delivery_id,)
        )
        return Account(
            **vars(head),
            files=files.fetchall(),
            broken=broken.fetchall(),
            unreadable=unreadable.fetchall(),
            events=events.fetchall(),
        )
