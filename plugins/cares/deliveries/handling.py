"""What people do with deliveries and rows: hold, release, withdraw, reject, replay; each with who, when and why.

Every action can be asked what it would touch before it is done: it is then carried out, looked at, and rolled back.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from cares import contracts, english, landing, settings, warehouse
from cares.deliveries import manifest
from cares.deliveries.decision import Decision, count_rows, decide_anew, refresh_superseded, settle
from cares.deliveries.events import DeliveryError, one_at_a_time, record
from cares.deliveries.receiving import Progress, feed_and_period, take_in
from cares.deliveries.registration import Incoming, add_file
from cares.deliveries.sent_files import parts_of

_LONGEST_REASON = 500


@dataclass(frozen=True)
class Change:
    """A delivery that an action changes: its state and how many of its rows are in use, before and after."""

    delivery_id: int
    feed: str
    period: str
    state: str
    state_after: str
    rows: int
    rows_after: int

    @property
    def is_none(self) -> bool:
        """Whether it only names the delivery, and nothing of it changes."""
        return (self.state, self.rows) == (self.state_after, self.rows_after)


@dataclass(frozen=True)
class Row:
    """A row as it was sent: `delivery/table/line`, the header being line 1."""

    delivery_id: int
    table: str
    line: int

    @classmethod
    def parse(cls, text: str) -> Row:
        """The row that `12/episodes/41` names; raises DeliveryError for anything else."""
        found = re.fullmatch(r"([0-9]{1,15})/([a-z][a-z0-9_]*)/([0-9]{1,15})", text)
        if not found:
            raise DeliveryError("A row is named as delivery/table/line, for example 12/episodes/41 (as in the returns file)")
        return cls(int(found[1]), found[2], int(found[3]))

    def __str__(self) -> str:
        return f"{self.delivery_id}/{self.table}/{self.line}"


@dataclass(frozen=True)
class Action:
    """One thing that can be done with a delivery: in which states, what it does, and how it is undone."""

    states: tuple[str, ...]
    does: str
    undone_by: str
    carry_out: Callable[[psycopg.Connection, int, str, str], object]


def act(action: str, delivery_id: int, reason: str, by: str | None = None, only_look: bool = False) -> list[Change]:
    """Do one of `ACTIONS` with a delivery, and return every delivery whose state or rows in use change by it.

    `by` is who does it, by default who runs this process. With `only_look` no delivery is changed, and no sender told.
    Raises DeliveryError when the delivery is in no state for it, or the reason is empty or too long.
    """
    _refuse_bad_reason(reason)
    chosen = ACTIONS[action]
    if action == "release":
        _make_sure_it_was_checked(delivery_id)
    with one_at_a_time(delivery_id) as connection:
        state = connection.execute("select state from ledger.delivery where delivery_id = %s", (delivery_id,)).fetchone()[0]
        if state not in chosen.states:
            others = [name for name, other in ACTIONS.items() if state in other.states]
            raise DeliveryError(
                f"Delivery {delivery_id} is {state}: to {action} it, it must be {english.any_of(chosen.states)}. "
                f"Possible now: {english.any_of(others) if others else 'replay'}. See: cares delivery show {delivery_id}"
            )
        changes = _changes(
            connection,
            delivery_id,
            lambda: chosen.carry_out(connection, delivery_id, reason, by or warehouse.who_is_at_work()),
            only_look,
        )
    return changes if only_look else _with_letters(changes)


def _hold(connection: psycopg.Connection, delivery_id: int, reason: str, by: str) -> None:
    settle(connection, delivery_id, "held", reason, by, "a person")
    refresh_superseded(connection, delivery_id)


def _release(connection: psycopg.Connection, delivery_id: int, reason: str, by: str) -> None:
    record(connection, delivery_id, "released", reason, by)
    decide_anew(connection, delivery_id, by)


def _withdraw(connection: psycopg.Connection, delivery_id: int, reason: str, by: str) -> None:
    settle(connection, delivery_id, "withdrawn", reason, by)
    refresh_superseded(connection, delivery_id)


def _reject(connection: psycopg.Connection, delivery_id: int, reason: str, by: str) -> None:
    settle(connection, delivery_id, "rejected", reason, by)


ACTIONS = {
    "hold": Action(
        ("received", "accepted", "superseded"),
        "its rows are out of use until somebody releases it; what it replaced is in use again",
        "cares delivery release",
        _hold,
    ),
    "release": Action(
        ("held", "withdrawn", "rejected"),
        "it is decided again, and neither rows set aside nor an unusual volume hold it; what a rule rejects stays rejected",
        "cares delivery hold",
        _release,
    ),
    "withdraw": Action(
        ("held", "accepted", "superseded"),
        "it counts as if it had never come, from the next build on; what it replaced is in use again",
        "cares delivery release",
        _withdraw,
    ),
    "reject": Action(
        ("received", "held"), "it is not taken; the sender is asked to send it again", "cares delivery release", _reject
    ),
}


REPLAY_DOES = (
    "its original files are taken in anew, under today's contract, as a new delivery; "
    "it stays as it is unless that one is accepted, and is withdrawn then; rows of it that were released are set aside anew"
)


def replay(delivery_id: int, reason: str, by: str | None = None, progress: Progress | None = None) -> Decision:
    """Land, check and decide a delivery's originals anew, under today's contract, as a new delivery in its place.

    The replayed one stays as it is unless the new one is accepted; then it is withdrawn. A replay that was interrupted
    is gone on with. Raises DeliveryError when there is no such delivery or its originals are gone.
    """
    _refuse_bad_reason(reason)
    by = by or warehouse.who_is_at_work()
    landing.prepare()
    with one_at_a_time(delivery_id) as connection:
        unfinished = connection.execute(
            "select delivery_id from ledger.delivery where replays = %s and state = 'received'", (delivery_id,)
        ).fetchone()
        new_id = unfinished[0] if unfinished else _copy_delivery(connection, delivery_id)
        record(connection, new_id, "replayed", f"delivery {delivery_id} is taken in anew: {reason}", by)
    return take_in(new_id, progress)


def _copy_delivery(connection: psycopg.Connection, delivery_id: int) -> int:
    feed_slug, period_label = connection.execute(
        "select feed, period from ledger.delivery where delivery_id = %s", (delivery_id,)
    ).fetchone()
    feed = contracts.load().feed(feed_slug)
    version = feed.version(feed.period(period_label))
    new_id: int = connection.execute(
        """insert into ledger.delivery (organisation, feed, format, format_version, period, period_start, period_end,
                                        state, received_at, fingerprint, source, replays)
           select organisation, feed, %s, %s, period, period_start, period_end, 'received', received_at, fingerprint,
                  'replay of delivery ' || delivery_id, delivery_id
           from ledger.delivery where delivery_id = %s returning delivery_id""",
        (feed.format.name, version, delivery_id),
    ).fetchone()[0]
    store = settings.var_folder("store")
    files = connection.execute(
        """select stored_as, file_name, sha256, bytes from ledger.delivery_file
           where delivery_id = %s and (stored_as <> '' or problem is not null or table_name = any(%s))
           group by 1, 2, 3, 4 order by min(file_id)""",
        (delivery_id, list(feed.format.tables)),
    ).fetchall()
    # Before any is copied: what no delivery of the ledger names would be kept for ever. What was only counted was not
    # kept, so that it cannot be counted where it could not be then, nor be taken in where today a purpose needs it.
    if not all((store / stored_as).is_file() for stored_as, *_ in files):
        raise _originals_are_gone(delivery_id)
    for stored_as, name, sha256, size in files:
        with (store / stored_as).open("rb") as stream:
            parts, left_out = parts_of(feed, version, name, stream)
        file = Incoming(name, parts, left_out, sha256, size, store / stored_as)
        if copy := add_file(connection, new_id, feed, version, file):
            shutil.copyfile(store / stored_as, copy)
            copy.chmod(0o600)
    # Of what was only counted there is no original, so that the count stands.
    connection.execute(
        """insert into ledger.delivery_file (delivery_id, table_name, part, file_name, sha256, bytes, stored_as, received_rows,
                                             not_needed_rows, landed_rows, unreadable_rows, accepted_rows, set_aside_rows)
           select %s, table_name, part, file_name, sha256, bytes, stored_as, received_rows,
                  not_needed_rows, landed_rows, unreadable_rows, accepted_rows, set_aside_rows
           from ledger.delivery_file where delivery_id = %s and stored_as = '' order by file_id""",
        (new_id, delivery_id),
    )
    manifest.keep_again(connection, delivery_id, new_id)
    return new_id


def rows_that_break(delivery_id: int, rule: str) -> list[Row]:
    """The rows of a delivery that are set aside because they break a rule, such as `episodes.LS.one_of`."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        found = connection.execute(
            """select distinct finding.table_name, finding.line_number
               from ledger.finding join ledger.set_aside_row using (file_id, line_number)
               where finding.delivery_id = %s and finding.rule = %s and finding.if_broken = 'set the row aside' order by 1, 2""",
            (delivery_id, rule),
        ).fetchall()
    return [Row(delivery_id, table, line) for table, line in found]


def release_rows(rows: Sequence[Row], reason: str, by: str | None = None, only_look: bool = False) -> list[Change]:
    """Let rows of one delivery in although a rule sets them aside; values that are set aside stay out.

    Returns what changes, as `act` does, which also says what `by` and `only_look` are. Raises DeliveryError when a row is not
    set aside; then none is let in.
    """

    def let_in(connection: psycopg.Connection, row: Row, file_id: int, by: str) -> None:
        aside = connection.execute(
            "select from ledger.set_aside_row where file_id = %s and line_number = %s", (file_id, row.line)
        ).fetchone()
        if aside is None:
            raise DeliveryError(f"Row {row} is not set aside. To see what became of it: cares why {row}")
        connection.execute(
            "insert into ledger.row_release (file_id, line_number, released_by, reason) values (%s, %s, %s, %s)",
            (file_id, row.line, by, reason),
        )

    return _change_rows(rows, reason, by, only_look, "row released", let_in)


def set_rows_aside(rows: Sequence[Row], reason: str, by: str | None = None, only_look: bool = False) -> list[Change]:
    """Take back the release of rows of one delivery: they are set aside again; else as `release_rows`."""

    def take_back(connection: psycopg.Connection, row: Row, file_id: int, by: str) -> None:
        ended = connection.execute(
            """update ledger.row_release set ended_at = clock_timestamp(), ended_by = %s, end_reason = %s
               where file_id = %s and line_number = %s and ended_at is null returning release_id""",
            (by, reason, file_id, row.line),
        ).fetchone()
        if not ended:
            raise DeliveryError(f"Row {row} was not released by anybody. To see what became of it: cares why {row}")

    return _change_rows(rows, reason, by, only_look, "row set aside", take_back)


def _change_rows(
    rows: Sequence[Row],
    reason: str,
    by: str | None,
    only_look: bool,
    event: str,
    change: Callable[[psycopg.Connection, Row, int, str], None],
) -> list[Change]:
    _refuse_bad_reason(reason)
    by = by or warehouse.who_is_at_work()
    if len({row.delivery_id for row in rows}) != 1:
        raise DeliveryError("Name at least one row, and only rows of one delivery.")
    delivery_id = rows[0].delivery_id
    with one_at_a_time(delivery_id) as connection:
        files = dict(
            connection.execute(
                "select table_name, file_id from ledger.delivery_file where delivery_id = %s", (delivery_id,)
            ).fetchall()
        )

        def carry_out() -> None:
            for row in rows:
                if row.table not in files:
                    raise DeliveryError(
                        f"Delivery {delivery_id} has no table {row.table}; it has {english.all_of(sorted(files))}."
                    )
                change(connection, row, files[row.table], by)
            count_rows(connection, delivery_id)
            # Staging takes the rows of a delivery again when its revision rises.
            connection.execute("update ledger.delivery set revision = revision + 1 where delivery_id = %s", (delivery_id,))
            named = ", ".join(f"{row.table}/{row.line}" for row in rows[:20])
            more = f" and {len(rows) - 20} more" if len(rows) > 20 else ""
            record(connection, delivery_id, event, f"{named}{more}: {reason}", by)

        changes = _changes(connection, delivery_id, carry_out, only_look)
    return changes if only_look else _with_letters(changes)


def _with_letters(changes: list[Change]) -> list[Change]:
    """The changes, after what is written to the senders has been brought up to date."""
    from cares.reports import returns

    for change in changes:
        # The changes are made; of a feed that is not promised any more nobody is written to.
        with suppress(contracts.ContractError):
            returns.write(change.delivery_id)
    return changes


def _changes(connection: psycopg.Connection, delivery_id: int, carry_out: Callable[[], object], only_look: bool) -> list[Change]:
    """What `carry_out` changes among the deliveries of a delivery's feed; rolled back with `only_look`."""
    before = _rows_in_use(connection, delivery_id)
    with connection.transaction() as transaction:
        carry_out()
        after = _rows_in_use(connection, delivery_id)
        if only_look:
            raise psycopg.Rollback(transaction)
    return [
        Change(number, feed, period, state, after[number][2], rows, after[number][3])
        for number, (feed, period, state, rows) in before.items()
        if after[number] != before[number] or number == delivery_id
    ]


def _rows_in_use(connection: psycopg.Connection, delivery_id: int) -> dict[int, tuple[str, str, str, int]]:
    """Feed, period, state and rows in use of each delivery of a delivery's feed."""
    return {
        number: (feed, period, state, rows)
        for number, feed, period, state, rows in connection.execute(
            """select delivery_id, feed, period, state,
                      (select coalesce(sum(case when state = 'accepted' then accepted_rows end), 0)::bigint
                       from ledger.delivery_file as file where file.delivery_id = delivery.delivery_id)
               from ledger.delivery where feed = (select feed from ledger.delivery where delivery_id = %s)
               order by delivery_id""",
            (delivery_id,),
        )
    }


def _make_sure_it_was_checked(delivery_id: int) -> None:
    """A delivery that was held or rejected on its way, before it was landed and checked, is so before it is let in."""
    from cares import checks

    feed_and_period(delivery_id)
    try:
        landing.land(delivery_id)
    except FileNotFoundError:
        raise _originals_are_gone(delivery_id) from None
    checks.check([delivery_id])


def _originals_are_gone(delivery_id: int) -> DeliveryError:
    return DeliveryError(
        f"The original files of delivery {delivery_id} are not kept any more, so that it cannot be taken in. "
        "Ask the sender for the period again."
    )


def _refuse_bad_reason(reason: str) -> None:
    if not reason.strip() or not reason.isprintable() or len(reason) > _LONGEST_REASON:
        raise DeliveryError(f"Give a reason of 1 to {_LONGEST_REASON} characters on one line, without anything about a person.")
