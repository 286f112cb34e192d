"""What was due: the periods a feed promised, beside what arrived for each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cares.contracts import Feed, Period, PeriodKind
from cares.reports.facts import Delivery


@dataclass(frozen=True)
class Horizon:
    """How far the calendar runs: to a day, and for data that stand still also no further than the latest period."""

    day: date
    latest_start: date = date.max
    latest_end: date = date.max

    def covers(self, period: Period, due_on: date) -> bool:
        """Whether a period should have arrived by then."""
        return due_on < self.day and period.start <= self.latest_start and period.end <= self.latest_end


@dataclass(frozen=True)
class DuePeriod:
    """One period of one feed: when it was due, and the deliveries that came for it, the oldest first."""

    period: Period
    due_on: date
    was_due: bool
    deliveries: tuple[Delivery, ...]

    @property
    def accepted(self) -> tuple[Delivery, ...]:
        """The deliveries whose rows the build sees; a later one may bring some of the tables only."""
        return tuple(delivery for delivery in self.deliveries if delivery.in_build)

    @property
    def state(self) -> str:
        """What became of it: accepted as soon as one delivery was, else the state of the last one, else missing."""
        if self.accepted:
            return "accepted"
        return self.deliveries[-1].state if self.deliveries else "missing"


def due_periods(feed: Feed, deliveries: Sequence[Delivery], horizon: Horizon) -> list[DuePeriod]:
    """Every period from the first that arrived to the last that was due or arrived, in order."""
    came: dict[Period, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        came[Period(delivery.period, delivery.period_start, delivery.period_end)].append(delivery)
    grace = timedelta(days=feed.file.arrives.due_days_after_period)
    periods = set(came)
    if came:
        for period in _from(min(came, key=lambda period: period.start), feed):
            if not horizon.covers(period, period.end + grace):
                break
            periods.add(period)
    return [
        DuePeriod(period, period.end + grace, horizon.covers(period, period.end + grace), tuple(came[period]))
        for period in sorted(periods, key=lambda period: (period.end, period.label))
    ]


def _from(period: Period, feed: Feed) -> Iterator[Period]:
    while True:
        yield period
        period = feed.period(_label(period.end + timedelta(days=1), feed.file.arrives.every))


def _label(first_day: date, kind: PeriodKind) -> str:
    match kind:
        case "month":
            return f"{first_day:%Y-%m}"
        case "quarter":
            return f"{first_day.year}-Q{(first_day.month + 2) // 3}"
        case "financial year":
            return f"{first_day.year}-{(first_day.year + 1) % 100:02}"
        case "day":
            return first_day.isoformat()
