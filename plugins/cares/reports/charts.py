"""Trends as statistical process control (XmR) charts: the numbers, and where they stand in a small drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

POINTS_NEEDED = 12
_RUN = 7

WIDTH, HEIGHT = 300, 110
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 8, 10, 20


@dataclass(frozen=True)
class Limits:
    """The mean, the natural process limits, and the places of the points that signal a change."""

    mean: float
    lower: float
    upper: float
    signals: frozenset[int]


def limits(values: Sequence[float]) -> Limits | None:
    """Mean plus or minus 2.66 x mean moving range, and the signals among the values; None below 12 values.

    A signal: outside the limits; seven on one side of the mean; seven rising or falling; two of three near
    the same limit.
    """
    if len(values) < POINTS_NEEDED:
        return None
    mean = sum(values) / len(values)
    reach = 2.66 * sum(abs(b - a) for a, b in pairwise(values)) / (len(values) - 1)
    return Limits(mean, mean - reach, mean + reach, frozenset(_signals(values, mean, reach)))


def _signals(values: Sequence[float], mean: float, reach: float) -> set[int]:
    away = [value - mean for value in values]
    steps = [b - a for a, b in pairwise(values)]
    found = {at for at, distance in enumerate(away) if abs(distance) > reach}
    for sign in (1, -1):
        for end in range(_RUN, len(values) + 1):
            if all(sign * distance > 0 for distance in away[end - _RUN : end]):
                found.update(range(end - _RUN, end))
            if all(sign * step > 0 for step in steps[end - _RUN : end - 1]):
                found.update(range(end - _RUN, end))
        for end in range(3, len(values) + 1):
            near = [at for at in range(end - 3, end) if sign * away[at] > reach * 2 / 3]
            if len(near) >= 2:
                found.update(near)
    return found


@dataclass(frozen=True)
class Point:
    """One value in the drawing: its period, what it reads, where it stands, whether it signals a change."""

    label: str
    reads: str
    x: float
    y: float
    signals: bool


@dataclass(frozen=True)
class Chart:
    """A small line chart, ready to be drawn: runs of points without a gap, level lines, and its words."""

    title: str
    note: str
    runs: tuple[tuple[Point, ...], ...]
    mean: float | None
    lower: float | None
    upper: float | None
    top: str
    base: float
    first: str
    last: str

    @property
    def summary(self) -> str:
        """The chart in one sentence, for those who do not see it."""
        points = [point for run in self.runs for point in run]
        if not points:
            return "No value can be shown."
        return f"{len(points)} values, from {points[0].reads} in {points[0].label} to {points[-1].reads} in {points[-1].label}."


def chart(title: str, values: Sequence[tuple[str, float | None]], unit: str = "") -> Chart:
    """A chart of values by period, in their order; None leaves a gap, which is not zero.

    The values must already be fit to be read: where a point stands tells as much as its number.
    """
    present = [value for _, value in values if value is not None]
    found = limits(present)
    greatest = max([*present, found.upper if found else 0, 1])
    base = HEIGHT - _BOTTOM

    def height(value: float) -> float:
        return round(base - max(value, 0) / greatest * (base - _TOP), 1)

    runs: list[list[Point]] = [[]]
    nth = 0
    for at, (label, value) in enumerate(values):
        if value is None:
            runs.append([])
            continue
        x = _LEFT + (WIDTH - _LEFT - _RIGHT) * (at / (len(values) - 1) if len(values) > 1 else 0.5)
        signals = found is not None and nth in found.signals
        reads = f"{value:,}" if isinstance(value, int) else f"{value:.1f}"
        runs[-1].append(Point(label, reads + unit, round(x, 1), height(value), signals))
        nth += 1
    if found is None:
        note = f"{len(present)} {'point' if len(present) == 1 else 'points'}: no limits are drawn before {POINTS_NEEDED}."
    elif found.signals:
        note = "A diamond marks a change that chance does not explain."
    else:
        note = "Within its limits: no sign of a change."
    return Chart(
        title,
        note,
        tuple(tuple(run) for run in runs if run),
        height(found.mean) if found else None,
        height(found.lower) if found and found.lower > 0 else None,
        height(found.upper) if found else None,
        f"{greatest:,.0f}{unit}",
        base,
        values[0][0] if values else "",
        values[-1][0] if len(values) > 1 else "",
    )
