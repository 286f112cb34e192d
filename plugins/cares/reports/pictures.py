"""The picture of one feed: what was due, what came, what was wrong with the latest delivery, and its trend."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from cares.calendar import Horizon, Promised, promised_periods
from cares.contracts import Contracts, Feed, Period
from cares.reports import wording
from cares.reports.charts import Chart, chart
from cares.reports.disclosure import percent, rounded, rounded_total
from cares.reports.facts import Check, Delivery, Facts, File
from cares.reports.scores import item_score, quality_score

_GRAVEST_FIRST = (wording.REJECT, wording.SET_ASIDE, wording.VALUE_ASIDE, wording.WARN)
_COUNTED_WHERE_HIDDEN = 5


@dataclass(frozen=True)
class DuePeriod:
    """One period of one feed that was due or came: what is to be said of it, and its deliveries, the oldest first."""

    promised: Promised
    is_overdue: bool
    state: str
    deliveries: tuple[Delivery, ...]

    @property
    def period(self) -> Period:
        """The period itself."""
        return self.promised.period

    @property
    def accepted(self) -> tuple[Delivery, ...]:
        """The deliveries whose rows the build sees; a later one may bring some of the tables only."""
        return tuple(delivery for delivery in self.deliveries if delivery.in_build)


@dataclass(frozen=True)
class FeedPicture:
    """One feed as the report shows it; `latest` is the last period whose rows the build sees."""

    feed: Feed
    name: str
    deliveries: tuple[Delivery, ...]
    due: tuple[DuePeriod, ...]
    latest: DuePeriod | None
    period_before: str | None
    files: tuple[File, ...]
    checks: tuple[Check, ...]
    checks_before: dict[str, Check]
    charts: tuple[Chart, ...]
    score: float | None

    @property
    def ended(self) -> Period | None:
        """The last period promised, where the feed has ended."""
        return self.feed.file.arrives.last

    @property
    def landed_rows(self) -> int:
        """Rows of the latest period that landed."""
        return _total(self.files, lambda file: file.landed_rows)

    @property
    def set_aside_rows(self) -> int:
        """Rows of the latest period that are set aside."""
        return _total(self.files, lambda file: file.set_aside_rows)

    @property
    def set_aside_limit_percent(self) -> float:
        """The share of rows set aside above which a delivery waits for a person."""
        return self.feed.file.hold_when_set_aside_above_percent

    @property
    def broken(self) -> list[Check]:
        """The rules that the latest period breaks, the gravest and the most frequent first."""
        return [check for check in self.checks if check.rows_broken]

    @property
    def no_data_since(self) -> date | None:
        """The day after the latest period in use where a later one is overdue; None while nothing is."""
        later = [due for due in self.due if due.is_overdue and self.latest and due.period.start > self.latest.period.end]
        return self.latest.period.end + timedelta(days=1) if later else None

    def in_state(self, state: str) -> list[DuePeriod]:
        """The periods of the calendar that ended in a state."""
        return [due for due in self.due if due.state == state]


def feed_pictures(facts: Facts, promised: Contracts) -> list[FeedPicture]:
    """A picture of every feed that is under a sharing agreement or that came, by organisation.

    The contracts describe others too, which nobody has signed for yet: nothing is expected of them.
    """
    came = {delivery.of for of_feed in facts.deliveries.values() for delivery in of_feed}
    horizon = Horizon.of(facts.build.as_at.date(), came, stand_still=facts.is_simulated)
    return [
        _picture(facts, feed, f"{organisation.file.name}, {feed.file.title}", horizon)
        for organisation in promised.organisations.values()
        for feed in organisation.feeds.values()
        if feed.slug in facts.agreed or facts.deliveries[feed.slug]
    ]


def _picture(facts: Facts, feed: Feed, name: str, horizon: Horizon) -> FeedPicture:
    deliveries = facts.deliveries[feed.slug]
    due = _due_periods(facts, feed, horizon)
    accepted = [period for period in due if period.accepted]
    latest = accepted[-1] if accepted else None
    before = accepted[-2] if len(accepted) > 1 else None
    files, checks = _in_force(facts, latest)
    return FeedPicture(
        feed=feed,
        name=name,
        deliveries=tuple(deliveries),
        due=tuple(due),
        latest=latest,
        period_before=before.period.label if before else None,
        files=tuple(files),
        checks=tuple(sorted(checks, key=_gravest_broken_first)),
        checks_before={check.rule: check for check in _in_force(facts, before)[1]},
        charts=_charts(facts, due),
        score=_score(checks, due),
    )


def _due_periods(facts: Facts, feed: Feed, horizon: Horizon) -> list[DuePeriod]:
    """Every period that was due by the day of the build, and every one that came, in order."""
    came: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in facts.deliveries[feed.slug]:
        came[delivery.period].append(delivery)
    periods = []
    for promised in promised_periods(feed, facts.agreed.get(feed.slug), {one[0].of for one in came.values()}, horizon):
        deliveries = tuple(came[promised.period.label])
        status = promised.status(horizon.day, has_arrived=any(delivery.in_build for delivery in deliveries))
        is_overdue = status in ("late", "missing")
        if deliveries or is_overdue:
            state = "accepted" if status == "arrived" else deliveries[-1].state if deliveries else status
            periods.append(DuePeriod(promised, is_overdue, state, deliveries))
    return periods


def _gravest_broken_first(check: Check) -> tuple[bool, int, int]:
    return check.rows_broken == 0, _GRAVEST_FIRST.index(check.if_broken), -check.rows_broken


def _in_force(facts: Facts, period: DuePeriod | None) -> tuple[list[File], list[Check]]:
    """The files and checks of a period that count: for each table those of the last accepted delivery that has it."""
    files: dict[str | None, File] = {}
    checks: dict[str, list[Check]] = {}
    for delivery in period.accepted if period else ():
        files |= {file.table_name: file for file in facts.files[delivery.delivery_id]}
        checks |= {
            table: list(of_table)
            for table, of_table in groupby(facts.checks[delivery.delivery_id], key=lambda check: check.table_name)
        }
    return list(files.values()), [check for of_table in checks.values() for check in of_table]


def _charts(facts: Facts, due: Sequence[DuePeriod]) -> tuple[Chart, ...]:
    accepted: list[tuple[str, float | None]] = []
    set_aside: list[tuple[str, float | None]] = []
    for period in due:
        files, _ = _in_force(facts, period)
        label = period.period.label
        accepted.append((label, rounded_total([file.accepted_rows or 0 for file in files]) if files else None))
        landed = _total(files, lambda file: file.landed_rows)
        set_aside.append((label, percent(_total(files, lambda file: file.set_aside_rows), landed)))
    return chart("rows accepted", accepted), chart("rows set aside, per cent", set_aside, "%")


def _score(checks: Sequence[Check], due: Sequence[DuePeriod]) -> float | None:
    """The feed's quality score, worked out of rounded counts, so that it tells no more than they do.

    None where no rule was checked.
    """
    broken: dict[tuple[str, str], int] = defaultdict(int)
    records: dict[tuple[str, str], int] = {}
    for check in checks:
        item = (check.table_name, wording.header(check))
        count = rounded(check.rows_broken)
        broken[item] += _COUNTED_WHERE_HIDDEN if count is None else count
        records[item] = rounded(check.rows_checked) or 0
    items = [item_score(rows, max(rows - broken[item], 0)) for item, rows in records.items() if rows]
    return quality_score(items, [float(period.state == "accepted") for period in due]) if items else None


def _total(files: Sequence[File], number: Callable[[File], int | None]) -> int:
    return sum(number(file) or 0 for file in files)
