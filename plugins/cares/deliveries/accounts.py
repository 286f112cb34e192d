"""The account of one delivery: all that the ledger says of it, without any value of the data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from cares import warehouse
from cares.deliveries.events import no_such_delivery
from cares.deliveries.handling import ACTIONS, REPLAY_DOES

UNREADABLE_LINES_SHOWN = 20


@dataclass(frozen=True)
class File:
    """A table of a file, and its ledger; None: not counted yet, and not needed: the table is landed.

    Received = landed + unreadable + not needed; landed = accepted + set aside + erased.
    """

    file_name: str
    table_name: str | None
    sha256_start: str
    bytes: int
    received_rows: int | None
    unreadable_rows: int | None
    landed_rows: int | None
    accepted_rows: int | None
    set_aside_rows: int | None
    erased_rows: int
    not_needed_rows: int | None
    problem: str | None

    @property
    def name(self) -> str:
        """The table that it holds, or its own name where that is not known."""
        return self.table_name or self.file_name


@dataclass(frozen=True)
class BrokenRule:
    """A rule that rows break: how many, how many of these findings are still open, and the first row (as `episodes/41`)."""

    rule: str
    sentence: str
    if_broken: str
    findings: int
    open_findings: int
    first_row: str


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
    source: str | None
    received_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    replays: int | None


@dataclass(frozen=True)
class Account(_Head):
    """One delivery, with its files, the rules that its rows break, the first unreadable lines, and what happened to it."""

    files: list[File]
    broken: list[BrokenRule]
    unreadable: list[UnreadableLine]
    events: list[Event]

    @property
    def possible(self) -> dict[str, str]:
        """What can be done with it in its state, as a command, and what that does."""
        does = {name: action.does for name, action in ACTIONS.items() if self.state in action.states} | {"replay": REPLAY_DOES}
        return {f"cares delivery {name} {self.delivery_id} --reason '...'": what for name, what in does.items()}


def account(delivery_id: int) -> Account:
    """The account of a delivery. Raises DeliveryError when there is none of that number."""
    with warehouse.safe_errors(), warehouse.connect("engineer") as connection:
        head = (
            connection.cursor(row_factory=class_row(_Head))
            .execute(
                """select delivery_id, feed, period, format, format_version, state, reason, source, received_at, decided_at,
                          decided_by, replays
                   from ledger.delivery where delivery_id = %s""",
                (delivery_id,),
            )
            .fetchone()
        )
        if head is None:
            raise no_such_delivery(delivery_id)
        files = connection.cursor(row_factory=class_row(File)).execute(
            """select file_name, table_name, left(sha256, 12) as sha256_start, bytes, received_rows, unreadable_rows, landed_rows,
                      accepted_rows, set_aside_rows, erased_rows, not_needed_rows, problem
               from ledger.delivery_file where delivery_id = %s order by file_id""",
            (delivery_id,),
        )
        broken = connection.cursor(row_factory=class_row(BrokenRule)).execute(
            """select result.rule, result.sentence, result.if_broken, result.rows_broken as findings,
                      count(*) filter (where finding.status = 'open') as open_findings,
                      result.table_name || '/' || min(finding.line_number) as first_row
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
            (delivery_id, UNREADABLE_LINES_SHOWN),
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
