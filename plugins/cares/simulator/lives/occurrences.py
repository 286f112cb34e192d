"""When things happen: events drawn over the days of a calendar at a rate of each subject, and the days that changed much."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from cares.simulator.days import YEAR, day, weekday_of

# Urgent Treatment Centre and IV therapy go from Bridgewater to the hospital trust, looked-after children's health to the mental
# health trust.
SERVICES_MOVED = day(date(2019, 12, 1))
CONTACT_CARES_BEGINS = day(date(2019, 4, 1))  # assumed, as in the contracts of its feed and of the feed before it
LOCKDOWN = day(date(2020, 3, 23))
EASING, ALL_WORK_BACK = day(date(2020, 7, 1)), day(date(2021, 4, 1))  # assumed


def calendar(first: int, last: int) -> np.ndarray:
    """The days from the first to the last."""
    return np.arange(first, last + 1)


def winter(days: np.ndarray, more: float) -> np.ndarray:
    """The weight of each day where mid-January has `more` than the year's mean (0.3: 30 %)."""
    return 1 + more * np.cos(2 * np.pi * (days - 15) / YEAR)


def on_weekdays(days: np.ndarray) -> np.ndarray:
    """1 from Monday to Friday, with a little more on Mondays; 0 at the weekend."""
    weekday = weekday_of(days)
    return np.where(weekday >= 5, 0.0, np.where(weekday == 0, 1.15, 1.0))


def next_weekday(days: Any) -> Any:
    """The same days, with the Monday after it for a day of a weekend."""
    weekday = weekday_of(days)
    return days + np.where(weekday >= 5, 7 - weekday, 0)


def lockdown(days: np.ndarray, stays: float = 0.0) -> np.ndarray:
    """How much of what lockdown did is still so on each day: all of it until July 2020, half for the winter, then what `stays`."""
    return np.select([days < LOCKDOWN, days < EASING, days < ALL_WORK_BACK], [0.0, 1.0, 0.5], stays)


def drawn(rng: np.random.Generator, per_year: np.ndarray, days: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Events of each subject at its rate a year: the subject and the day of each, in the order of days.

    `weight` is that of each day; 1 is an average day.
    """
    subject = np.arange(len(per_year)).repeat(rng.poisson(np.maximum(per_year, 0) * weight.sum() / YEAR))
    shares = np.cumsum(weight)
    when = days[np.searchsorted(shares, rng.random(len(subject)) * shares[-1], "right").clip(max=len(days) - 1)]
    order = np.argsort(when, kind="stable")
    return subject[order], when[order]


def drawn_evenly(
    rng: np.random.Generator, per_year: np.ndarray, days: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Like `drawn`, but as many as expected, and evenly over the days.

    Of work that fills the diary of a team, and of what is so rare in a very small borough that its months would stand out
    by chance.
    """
    rate = np.maximum(per_year, 0)
    size = round(float(rate.sum() * weight.sum() / YEAR))
    at, shares = np.cumsum(rate), np.cumsum(weight)
    evenly = (np.arange(size) + rng.random(size)) / max(size, 1)
    when = days[np.searchsorted(shares, evenly * shares[-1], "right").clip(max=len(days) - 1)]
    subject = np.searchsorted(at, rng.random(size) * (at[-1] if len(at) else 0.0), "right").clip(max=len(rate) - 1)
    return subject, when
