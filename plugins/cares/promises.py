"""Promise and lateness: what each feed promised for when, what came of it, and since when a feed has sent no data."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import psycopg
from psycopg.rows import class_row

from cares import contracts, notifications, simulated, warehouse
from cares.calendar import Agreed, Horizon, Promised, Status, promised_periods
from cares.contracts import Feed, Period


@dataclass(frozen=True)
class NotCome:
    """A period that is late or missing, and what came for it without being accepted (None: nothing at all)."""

    period: str
    status: Status
    due_on: date
    days_late: int
    delivery_id: int | None
    delivery_state: str | None


@dataclass(frozen=True)
class Standing:
    """How a feed keeps its promise; `status` is the gravest of its periods: missing, late, or up to date.

    `no_data_since` is the day after the last period with data where a later one is late or missing, or the first day
    that was promised where none ever came; else None.
    """

    feed: str
    status: str
    last_good_period: str | None
    data_until: date | None
    no_data_since: date | None
    not_come: tuple[NotCome, ...]
    checked_on: date


def check(today: date | None = None) -> int:
    """Work out for every feed what is expected, due, late, missing or arrived, and queue who is to be told.

    `today` is by default the day in London, by the database's clock. Returns how many notifications were queued: each
    period is told once for each status. Safe to repeat, and from several processes at once. Raises ContractError or
    `WarehouseError`.
    """
    promised = contracts.load()
    stand_still = simulated.is_simulated()
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('cares.promises'))")
        day: date = today or connection.execute("select current_date").fetchone()[0]
        came = _came(connection)
        agreed = agreed_days(connection)
        horizon = Horizon.of(day, [one.of for arrivals in came.values() for one in arrivals], stand_still)
        rows = [row for feed in promised.feeds.values() for row in _rows(feed, agreed, came[feed.slug], horizon, stand_still)]
        connection.execute("delete from ledger.promise")
        with connection.cursor() as cursor:
            cursor.executemany(
                """insert into ledger.promise (feed, period, period_start, period_end, due_on, missing_after, status,
                                               first_arrived_on, days_late, last_delivery_id, checked_on)
                   values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
                rows,
            )
        return notifications.queue_in(connection)


def standing(feed: str | None = None) -> list[Standing]:
    """How each feed (or one feed, or those of one organisation) keeps its promise, as `check` last found; by name."""
    with (
        warehouse.safe_errors(),
        warehouse.connect("engineer") as connection,
        connection.cursor(row_factory=class_row(_Told)) as cursor,
    ):
        told = cursor.execute(
            """select feed, period, period_start, period_end, due_on, status, days_late, checked_on,
                      last_delivery_id as delivery_id,
                      (select state from ledger.delivery where delivery_id = last_delivery_id) as delivery_state
               from ledger.promise
               where %(feed)s::text is null or feed = %(feed)s or split_part(feed, '/', 1) = %(feed)s
               order by feed, period_end, period""",
            {"feed": feed},
        ).fetchall()
    return [_standing(slug, list(of_feed)) for slug, of_feed in groupby(told, key=lambda one: one.feed)]


def agreed_days(connection: psycopg.Connection[Any]) -> dict[str, Agreed]:
    """For each feed under sharing agreements: from when they are signed and in force, and until when."""
    found = connection.execute(
        """select feed, min(greatest(signed_on, in_force_from)), max(coalesce(in_force_until, '9999-12-31'))
           from governance.sharing_agreement group by feed"""
    ).fetchall()
    return {feed: Agreed(starts, until) for feed, starts, until in found}


@dataclass(frozen=True)
class _Arrival:
    """What came for a period: the last delivery, and the day of the first whose rows count."""

    of: Period
    last_delivery_id: int
    first_arrived_on: date | None


@dataclass(frozen=True)
class _Told:
    feed: str
    period: str
    period_start: date
    period_end: date
    due_on: date
    status: Status
    days_late: int | None
    checked_on: date
    delivery_id: int | None
    delivery_state: str | None


def _came(connection: psycopg.Connection[Any]) -> defaultdict[str, list[_Arrival]]:
    came: defaultdict[str, list[_Arrival]] = defaultdict(list)
    for feed, label, start, end, last_delivery_id, arrived_on in connection.execute(
        """select feed, period, min(period_start), max(period_end),
                  (array_agg(delivery_id order by received_at desc, delivery_id desc))[1],
                  cast(min(received_at) filter (where state in ('accepted', 'superseded')) as date)
           from ledger.delivery group by feed, period"""
    ):
        came[feed].append(_Arrival(Period(label, start, end), last_delivery_id, arrived_on))
    return came


def _rows(
    feed: Feed, agreed: dict[str, Agreed], came: list[_Arrival], horizon: Horizon, stand_still: bool
) -> list[tuple[Any, ...]]:
    arrivals = {one.of.label: one for one in came}
    calendar = promised_periods(feed, agreed.get(feed.slug), [one.of for one in came], horizon)
    return [_row(feed, promised, arrivals.get(promised.period.label), horizon.day, stand_still) for promised in calendar]


def _row(feed: Feed, promised: Promised, arrival: _Arrival | None, day: date, stand_still: bool) -> tuple[Any, ...]:
    period = promised.period
    arrived_on = arrival.first_arrived_on if arrival else None
    status = promised.status(day, arrived_on is not None)
    # Simulated data come years after their time, and that says nothing.
    until = (None if stand_still else arrived_on) if arrived_on else day
    days_late = (until - promised.due_on).days if until and until > promised.due_on else None
    last = arrival.last_delivery_id if arrival else None
    days = (period.start, period.end, promised.due_on, promised.missing_after)
    return (feed.slug, period.label, *days, status, arrived_on, days_late, last, day)


def _standing(feed: str, periods: list[_Told]) -> Standing:
    good = [one for one in periods if one.status == "arrived"]
    not_come = [one for one in periods if one.status in ("late", "missing")]
    data_until = max((one.period_end for one in good), default=None)
    later = [one.period_start for one in not_come if not data_until or one.period_start > data_until]
    since = (data_until + timedelta(days=1) if data_until else min(later)) if later else None
    gravest = next((status for status in ("missing", "late") if any(one.status == status for one in not_come)), "up to date")
    return Standing(
        feed=feed,
        status=gravest,
        last_good_period=good[-1].period if good else None,
        data_until=data_until,
        no_data_since=since,
        not_come=tuple(
            NotCome(one.period, one.status, one.due_on, one.days_late or 0, one.delivery_id, one.delivery_state)
            for one in not_come
        ),
        checked_on=periods[0].checked_on,
    )
