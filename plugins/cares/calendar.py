"""The calendar of a feed: which periods it promised, when each is due, and what that means on a day. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from cares.contracts import Feed, Period, period_of

Status = Literal["expected", "due", "late", "missing", "arrived"]


@dataclass(frozen=True)
class Agreed:
    """The days on which sharing agreements over a feed are signed and in force, from the first to the last."""

    starts: date
    until: date = date.max


@dataclass(frozen=True)
class Horizon:
    """How far the calendars run: to a day; for data that stand still also from the first period's end to the latest's."""

    day: date
    earliest_end: date = date.min
    latest_start: date = date.max
    latest_end: date = date.max

    @classmethod
    def of(cls, day: date, periods: Collection[Period], stand_still: bool) -> Horizon:
        """The horizon of a day, for the periods of all that came.

        Simulated data stand still in their own years: what lies after their latest period, or before their first, is
        not late.
        """
        if not stand_still:
            return cls(day)
        return cls(
            day,
            min((period.end for period in periods), default=date.max),
            max((period.start for period in periods), default=date.min),
            max((period.end for period in periods), default=date.min),
        )

    def covers(self, period: Period) -> bool:
        """Whether a period has begun and lies within."""
        return (
            period.start <= min(self.day, self.latest_start) and self.earliest_end <= period.end and period.end <= self.latest_end
        )


@dataclass(frozen=True)
class Promised:
    """One period of one feed: the last day on which it is in time, and the last on which it is late and not missing."""

    period: Period
    due_on: date
    missing_after: date

    def status(self, day: date, has_arrived: bool) -> Status:
        """What is to be said of it on a day."""
        if has_arrived:
            return "arrived"
        if day <= self.period.end:
            return "expected"
        if day <= self.due_on:
            return "due"
        return "late" if day <= self.missing_after else "missing"


def promised_periods(feed: Feed, agreed: Agreed | None, came: Iterable[Period], horizon: Horizon) -> list[Promised]:
    """The periods that a feed promised, as far as the horizon, and those that came beside them; in order.

    A feed is promised from the first period that its contract names, else from the first that begins under a sharing
    agreement, or from the first that came where that is earlier; and until the last agreement ends, or the last period that
    its contract names is over. Where nobody signed an agreement and nothing came, nothing is promised.
    """
    periods = {period.label: period for period in came}
    period = _first(feed, agreed, periods.values())
    last_day = min(agreed.until if agreed else date.max, feed.file.arrives.last.end if feed.file.arrives.last else date.max)
    while period and period.start <= horizon.day and period.end <= last_day:
        if horizon.covers(period):
            periods.setdefault(period.label, period)
        period = _after(period, feed)
    return [_promised(period, feed, agreed) for period in sorted(periods.values(), key=lambda one: (one.end, one.label))]


def _first(feed: Feed, agreed: Agreed | None, came: Collection[Period]) -> Period | None:
    if feed.file.arrives.first and (agreed or came):
        return feed.file.arrives.first
    firsts = list(came)
    if agreed:
        begun = period_of(agreed.starts, feed.file.arrives.every)
        firsts.append(begun if begun.start == agreed.starts else _after(begun, feed))
    return min(firsts, key=lambda period: period.start, default=None)


def _after(period: Period, feed: Feed) -> Period:
    return period_of(period.end + timedelta(days=1), feed.file.arrives.every)


def _promised(period: Period, feed: Feed, agreed: Agreed | None) -> Promised:
    # What was over before anybody agreed on anything is due as if it had ended with the signature.
    counts_from = max(period.end, agreed.starts) if agreed else period.end
    due_on = counts_from + timedelta(days=feed.file.arrives.due_days_after_period)
    return Promised(period, due_on, due_on + timedelta(days=feed.file.arrives.missing_days_after_due))
