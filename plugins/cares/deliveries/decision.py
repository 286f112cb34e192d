"""Deciding on a delivery: accepted, held for somebody's word, or rejected, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg

from cares import contracts, english, warehouse
from cares.contracts import Feed
from cares.deliveries import manifest
from cares.deliveries.events import one_at_a_time, record
from cares.deliveries.mending import refresh_cleared


@dataclass(frozen=True)
class Decision:
    """The state of a delivery after the checks, with the reason in one sentence or more."""

    delivery_id: int
    state: str
    reason: str


# How many accepted periods say what is usual, at most and at least.
_MOST_PERIODS, _FEWEST_PERIODS = 12, 3


def decide(delivery_id: int) -> Decision:
    """Accept, hold or reject a delivery that was landed and checked; a decided one keeps its state.

    Rejected: a file could not be taken in, or a rule broke that rejects. Held: the sharing agreement is not in force
    yet, more rows are set aside than the feed's contract takes without a word, or a table has far more or fewer rows
    than usual. What is held is decided again, except where a person holds it: that ends by a person's word. Accepting
    writes the counts of the ledger, and marks earlier deliveries that this one replaces altogether. Raises
    DeliveryError when there is no such delivery.
    """
    with one_at_a_time(delivery_id) as connection:
        state, reason, held_for = connection.execute(
            "select state, reason, held_for from ledger.delivery where delivery_id = %s", (delivery_id,)
        ).fetchone()
        if state not in ("received", "held") or held_for == "a person":
            return Decision(delivery_id, state, reason or "")
        return decide_anew(connection, delivery_id)


def decide_anew(connection: psycopg.Connection, delivery_id: int, by_word_of: str | None = None) -> Decision:
    """Decide on a delivery whatever its state is, inside the transaction of `events.one_at_a_time`.

    `by_word_of` names the person who takes it although it would be held; what no sharing agreement covers, or a rule
    rejects, nobody can take.
    """
    feed_slug, state, reason_before, period_end = connection.execute(
        "select feed, state, reason, period_end from ledger.delivery where delivery_id = %s", (delivery_id,)
    ).fetchone()
    feed = contracts.load().feed(feed_slug)
    count_rows(connection, delivery_id)
    if reason := _why_rejected(connection, delivery_id):
        return settle(connection, delivery_id, "rejected", reason, by_word_of)
    for held_for, why in (
        ("a sharing agreement", _not_yet_allowed(connection, feed)),
        ("rows set aside", None if by_word_of else _too_many_aside(connection, delivery_id, feed)),
        ("an unusual volume", None if by_word_of else _unusual_volume(connection, delivery_id, feed)),
    ):
        if why and (state, reason_before) == ("held", why):
            return Decision(delivery_id, "held", why)
        if why:
            return settle(connection, delivery_id, "held", why, by_word_of, held_for)
    _write_tables(connection, delivery_id, feed, period_end)
    decision = settle(connection, delivery_id, "accepted", _summary(connection, delivery_id, feed), by_word_of)
    _take_the_place_of_the_same_files(connection, delivery_id)
    refresh_superseded(connection, delivery_id)
    return decision


def count_rows(connection: psycopg.Connection, delivery_id: int) -> None:
    """Write into the ledger how many rows of each file are accepted and set aside."""
    connection.execute(
        """update ledger.delivery_file as file
           set set_aside_rows = counted.set_aside, accepted_rows = file.landed_rows - file.erased_rows - counted.set_aside
           from (select one.file_id, count(aside.line_number) as set_aside
                 from ledger.delivery_file as one
                 left join ledger.set_aside_row as aside on aside.file_id = one.file_id
                 where one.delivery_id = %s group by one.file_id) as counted
           where counted.file_id = file.file_id""",
        (delivery_id,),
    )


def _why_rejected(connection: psycopg.Connection, delivery_id: int) -> str | None:
    problems = connection.execute(
        "select problem from ledger.delivery_file where delivery_id = %s and problem is not null order by file_id",
        (delivery_id,),
    ).fetchall()
    told = [*(problem for (problem,) in problems), *manifest.problems(connection, delivery_id)]
    if told:
        return "; ".join(told)
    broken = connection.execute(
        """select table_name, sentence, rows_broken from ledger.check_result
           where delivery_id = %s and if_broken = 'reject the delivery' and rows_broken > 0 order by rule""",
        (delivery_id,),
    ).fetchall()
    return "; ".join(f"{table}: expected that {sentence}; {rows:,} rows break it" for table, sentence, rows in broken) or None


def _not_yet_allowed(connection: psycopg.Connection, feed: Feed) -> str | None:
    starts: date | None = connection.execute(
        """select min(in_force_from) from governance.sharing_agreement
           where feed = %s and signed_on <= current_date and coalesce(in_force_until, current_date) >= current_date""",
        (feed.slug,),
    ).fetchone()[0]
    if starts is None:
        return "no sharing agreement that covers this feed is in force any more"
    if starts > connection.execute("select current_date").fetchone()[0]:
        return f"the sharing agreement is signed and comes into force on {starts}; held until then"
    return None


def _too_many_aside(connection: psycopg.Connection, delivery_id: int, feed: Feed) -> str | None:
    aside, received = connection.execute(
        """select sum(set_aside_rows) + sum(unreadable_rows), sum(received_rows)
           from ledger.delivery_file where delivery_id = %s and not_needed_rows is null""",
        (delivery_id,),
    ).fetchone()
    limit = feed.file.hold_when_set_aside_above_percent
    if received and 100 * aside / received > limit:
        return (
            f"{aside:,} of {received:,} rows are set aside or unreadable, more than the {limit:g} % that the contract "
            "takes without a word; look at the findings, then ask for a correction or release it with a reason"
        )
    return None


def _unusual_volume(connection: psycopg.Connection, delivery_id: int, feed: Feed) -> str | None:
    """Which table has far more or fewer rows than the accepted periods around it, beyond the share of the contract.

    Counts vary by chance by about their root: a difference of less than three roots is never unusual.
    """
    kept = 1 - feed.file.hold_when_rows_differ_from_usual_by_percent / 100
    unusual = connection.execute(
        """with told as (
               select distinct on (file.table_name, delivery.period)
                      file.table_name, delivery.period_end, file.received_rows
               from ledger.delivery join ledger.delivery_file as file using (delivery_id)
               where delivery.feed = %(feed)s and delivery.state in ('accepted', 'superseded')
                 and delivery.delivery_id <> %(delivery)s
               order by file.table_name, delivery.period, delivery.received_at desc, delivery.delivery_id desc),
           recent as (
               select *, row_number() over (partition by table_name order by period_end desc) as place from told),
           usual as (
               select table_name, percentile_cont(0.5) within group (order by received_rows) as rows, count(*) as periods
               from recent where place <= %(most)s group by table_name)
           select file.table_name, file.received_rows, round(usual.rows)::bigint
           from ledger.delivery_file as file join usual using (table_name)
           where file.delivery_id = %(delivery)s and usual.periods >= %(fewest)s and file.not_needed_rows is null
             and abs(file.received_rows - usual.rows) > 3 * sqrt(greatest(usual.rows, 1))
             and (file.received_rows < usual.rows * %(kept)s or file.received_rows * %(kept)s > usual.rows)
           order by file.table_name""",
        {
            "feed": feed.slug,
            "delivery": delivery_id,
            "most": _MOST_PERIODS,
            "fewest": _FEWEST_PERIODS,
            "kept": kept,
        },
    ).fetchall()
    if not unusual:
        return None
    told = "; ".join(f"{table} has {rows:,} rows where {usual:,} are usual" for table, rows, usual in unusual)
    return f"{told}; ask the sender whether that is right, then release it with a reason or ask for the whole delivery again"


def _write_tables(connection: psycopg.Connection, delivery_id: int, feed: Feed, period_end: date) -> None:
    tables = connection.execute(
        "select table_name from ledger.delivery_file where delivery_id = %s and not_needed_rows is null", (delivery_id,)
    ).fetchall()
    for (name,) in tables:
        table = feed.format.tables[name].file
        connection.execute(
            """insert into ledger.delivery_table (delivery_id, table_name, replaces, window_start, window_end)
               values (%(delivery)s, %(table)s, %(replaces)s,
                       (%(end)s::date + 1 - make_interval(months => %(months)s))::date,
                       case when %(months)s::integer is not null then %(end)s::date end)
               on conflict (delivery_id, table_name) do nothing""",
            {
                "delivery": delivery_id,
                "table": name,
                "replaces": table.replaces,
                "end": period_end,
                "months": table.window_months,
            },
        )


def _take_the_place_of_the_same_files(connection: psycopg.Connection, delivery_id: int) -> None:
    """Withdraw the others among a delivery, its replays and theirs: of these only the one that was accepted last counts."""
    replaced = connection.execute(
        """with recursive same_files as (
               select delivery_id, replays from ledger.delivery where delivery_id = %(delivery)s
               union
               select other.delivery_id, other.replays
               from same_files as known
               join ledger.delivery as other on other.delivery_id = known.replays or other.replays = known.delivery_id)
           update ledger.delivery as other set state = 'withdrawn', held_for = null, reason = %(reason)s
           from same_files
           where other.delivery_id = same_files.delivery_id and other.delivery_id <> %(delivery)s
             and other.state in ('held', 'accepted', 'superseded')
           returning other.delivery_id""",
        {"delivery": delivery_id, "reason": f"its files are in use as delivery {delivery_id}"},
    ).fetchall()
    for (other,) in replaced:
        record(connection, other, "withdrawn", f"delivery {delivery_id}, of the same files, was accepted in its place")


def refresh_superseded(connection: psycopg.Connection, because_of: int) -> None:
    """Mark the deliveries of a delivery's feed that later ones replace altogether, and those that none replaces any more.

    The findings of what is replaced are cleared with it.
    """
    changed = connection.execute(
        """with replaced as (
               select delivery_id, count(*) = count(superseded_at) as altogether from ledger.table_in_force
               where feed = (select feed from ledger.delivery where delivery_id = %s) group by delivery_id)
           update ledger.delivery
           set state = case when altogether then 'superseded' else 'accepted' end
           from replaced
           where delivery.delivery_id = replaced.delivery_id
             and state <> case when altogether then 'superseded' else 'accepted' end
           returning delivery.delivery_id, state""",
        (because_of,),
    ).fetchall()
    for delivery_id, state in changed:
        if state == "superseded":
            record(connection, delivery_id, state, f"after delivery {because_of} changed, a later one replaces all of it")
        else:
            record(
                connection, delivery_id, "in force again", f"after delivery {because_of} changed, no later one replaces all of it"
            )
    refresh_cleared(connection, because_of)


def settle(
    connection: psycopg.Connection,
    delivery_id: int,
    state: str,
    reason: str,
    by: str | None = None,
    held_for: str | None = None,
) -> Decision:
    """Give a delivery a state, with the reason and who decided (by default who runs this process)."""
    connection.execute(
        """update ledger.delivery
           set state = %(state)s, reason = %(reason)s, held_for = %(held_for)s, decided_at = clock_timestamp(),
               decided_by = %(by)s, accepted_at = case when %(state)s = 'accepted' then clock_timestamp() else accepted_at end
           where delivery_id = %(delivery)s""",
        {
            "state": state,
            "reason": reason,
            "held_for": held_for,
            "delivery": delivery_id,
            "by": by or warehouse.who_is_at_work(),
        },
    )
    record(connection, delivery_id, state, reason, by)
    return Decision(delivery_id, state, reason)


def _summary(connection: psycopg.Connection, delivery_id: int, feed: Feed) -> str:
    received, accepted, aside, unreadable, not_needed, counted_only, came, version = connection.execute(
        """select sum(received_rows - coalesce(not_needed_rows, 0)), sum(accepted_rows), sum(set_aside_rows), sum(unreadable_rows),
                  sum(not_needed_rows), count(not_needed_rows), array_agg(table_name), min(delivery.format_version)
           from ledger.delivery_file join ledger.delivery using (delivery_id) where delivery_id = %s""",
        (delivery_id,),
    ).fetchone()
    missing = [
        table.name for table in feed.format.tables.values() if table.in_version(table.file, version) and table.name not in came
    ]
    counts = f"{accepted:,} of {received:,} rows accepted, {aside:,} set aside, {unreadable:,} unreadable"
    not_come = [f"no file came for {', '.join(missing)}"] if missing else []
    of_tables = english.counted(counted_only, "table")
    only_counted = (
        [f"{not_needed:,} more, of {of_tables} that no purpose needs, counted and not taken in"] if counted_only else []
    )
    return "; ".join([counts, *only_counted, *not_come, *_the_same_as_another_period(connection, delivery_id)])


def _the_same_as_another_period(connection: psycopg.Connection, delivery_id: int) -> list[str]:
    """A remark where the same files count for another period: a nil return may well be, anything else is a slip."""
    other = connection.execute(
        """select other.delivery_id, other.period from ledger.delivery as own
           join ledger.delivery as other using (feed, fingerprint)
           where own.delivery_id = %s and other.period <> own.period and other.state in ('accepted', 'superseded')
           order by other.delivery_id desc limit 1""",
        (delivery_id,),
    ).fetchone()
    return [f"the same files as delivery {other[0]} for {other[1]}: ask the sender whether that is right"] if other else []
