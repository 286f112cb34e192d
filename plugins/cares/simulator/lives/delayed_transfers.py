"""Delayed transfers of care: who waited in a hospital bed though fit to leave, why, and who was answerable for it.

How many days, for what reasons and with whom to answer for them follows England's published figures, which stand in
`delayed_transfers.yml`; what is assumed beside them is said here.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cares.simulator.chance import pick, stream
from cares.simulator.days import NEVER, date_of
from cares.simulator.residents import Borough

RESPONSIBLE = ("NHS", "Social Care", "Both")
LEAVES_AT_ONCE_FROM = date(2020, 3, 19)  # the hospital discharge requirements of England
STILL_DELAYED_THEN = 0.35  # of the delays before; assumed
ENGLAND = 56_000_000  # people in 2018-19, rounded
MENTAL_HEALTH_SHARE = 0.3  # of delays outside acute beds; assumed
DAYS_OF_A_DELAY = 24  # on average, in a bed for mental health care; assumed


@cache
def england() -> dict[str, Any]:
    """The figures of `delayed_transfers.yml`, as they stand there."""
    return yaml.safe_load(resources.files(__package__).joinpath("delayed_transfers.yml").read_text(encoding="utf-8"))


def trend(days: np.ndarray, beds: str = "acute_beds") -> np.ndarray:
    """How many times as many beds were taken up by delays in England at the time of each day as in 2018-19 on average.

    By month where the figures of the kind of `beds` are known, before that by year; after them the last month goes on
    until discharges changed in March 2020.
    """
    if not len(days):
        return np.zeros(0)
    span = range(int(days.min()), int(days.max()) + 1)
    return np.array([_level(date_of(number), beds) for number in span])[np.asarray(days) - span.start]


@cache
def _level(on: date, beds: str) -> float:
    figures, by_year, starts = england()[beds], england()["beds_by_year"], england()["first_month"]
    if on >= LEAVES_AT_ONCE_FROM:
        return STILL_DELAYED_THEN
    month = (on.year - starts.year) * 12 + on.month - starts.month
    if month < 0:
        first = on.year - (on.month < 4)
        known = {int(year[:4]): number for year, number in by_year.items()}
        return float(known[max(first, min(known))] / by_year["2018-19"])
    return float(figures[min(month, len(figures) - 1)] / np.mean(figures[:12]))


def delays(seed: int, borough: Borough, stays: pd.DataFrame, social_care: pd.DataFrame) -> pd.DataFrame:
    """The delays of stays in hospital, one row each, in order of the day on which the patient left.

    Columns: stay (place in `stays`), person, ready, left, reason, responsible, council. A delay fits what came after it:
    whoever went home with help waited for it, or for its assessment; whoever went to live in a care home waited for that.
    """
    rng = stream(seed, "delayed transfers")
    place = np.flatnonzero(stays["ready"].to_numpy() < NEVER)
    chosen = stays.iloc[place]
    person, left = chosen["person"].to_numpy(), chosen["discharged"].to_numpy()
    lived, lives = (
        borough.residences.on(person, on) >= borough.first_care_home for on in (chosen["admitted"].to_numpy(), left + 14)
    )
    services = social_care[social_care["kind"] == "Service"]
    with_help = _key(person, left)
    helped = np.isin(with_help, _key(services["person"].to_numpy(), services["starts"].to_numpy()))
    reasons, answerable, weights = _cells("acute_days")
    which = np.zeros(len(place), dtype=int)
    home, equipment = np.isin(reasons, ["Di", "Dii"]), np.isin(reasons, ["A", "E", "F"])
    for chosen_rows, fits in (
        (lives & ~lived, home),
        (helped & ~(lives & ~lived), equipment),
        (~helped & ~(lives & ~lived), ~home),
    ):
        rows = np.flatnonzero(chosen_rows)
        cells = np.flatnonzero(fits)
        which[rows] = pick(rng, cells, weights[cells], len(rows)).astype(int)
    council = borough.people["council"].to_numpy()[person]
    return pd.DataFrame(
        {
            "stay": place,
            "person": person,
            "ready": chosen["ready"].to_numpy(),
            "left": left,
            "reason": reasons[which],
            "responsible": answerable[which],
            "council": council,
        }
    )


def delays_in_mental_health_beds(seed: int, borough: Borough) -> pd.DataFrame:
    """Delays in beds for mental health care, one row each: columns ready, left, reason, responsible, council.

    As many as England's figures give for as many people. Which patients they were is not told.
    """
    rng = stream(seed, "delayed transfers of mental health care")
    calendar = np.arange(borough.begins, borough.ends + 1)
    beds = np.mean(england()["other_beds"][:12]) * len(borough.people) / ENGLAND * MENTAL_HEALTH_SHARE
    began = calendar.repeat(rng.poisson(beds / DAYS_OF_A_DELAY * trend(calendar, "other_beds")))
    size = len(began)
    reasons, answerable, weights = _cells("other_days")
    which = pick(rng, range(len(reasons)), weights, size).astype(int)
    return pd.DataFrame(
        {
            "ready": began,
            "left": began + 1 + rng.exponential(DAYS_OF_A_DELAY - 1, size).astype(int),
            "reason": reasons[which],
            "responsible": answerable[which],
            "council": borough.people["council"].to_numpy()[rng.integers(0, len(borough.people), size)],
        }
    )


def _cells(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reason, who is answerable, and England's delayed days, one entry for each pair of them that occurs."""
    cells = [
        (reason, who, number)
        for reason, numbers in england()[name].items()
        for who, number in zip(RESPONSIBLE, numbers, strict=True)
        if number
    ]
    reasons, who, number = (np.array(column, dtype=object) for column in zip(*cells, strict=True))
    return reasons, who, number.astype(float)


def _key(persons: np.ndarray, days: np.ndarray) -> np.ndarray:
    return persons.astype(np.int64) * NEVER + days
