"""Who sets a national data opt-out, and when.

In England about one in twenty people has one (NHS Digital's statistics of 2022 have 5.4 per cent; recalled). That it goes
by nothing but age, and when people set it, is assumed.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from cares.simulator.chance import stream
from cares.simulator.days import NEVER, YEAR, day
from cares.simulator.residents import Borough

BEGAN = day(date(2018, 5, 25))
OPTED_OUT_SHARE = 0.05
ON_THE_FIRST_DAY_SHARE = 0.7  # opt-outs that practices had recorded as Type 2 went over on that day
MEAN_YEARS_AFTERWARDS = 0.8


def national(seed: int, borough: Borough) -> np.ndarray:
    """The day on which each person sets a national data opt-out; NEVER for most. It lasts after death."""
    rng, size = stream(seed, "national data opt-outs"), len(borough.people)
    later = rng.random(size) >= ON_THE_FIRST_DAY_SHARE
    on = BEGAN + (later * rng.exponential(MEAN_YEARS_AFTERWARDS * YEAR, size)).astype(int)
    on = np.maximum(on, borough.people["born"].to_numpy())
    sets = (rng.random(size) < OPTED_OUT_SHARE) & (on <= borough.people["died"].to_numpy())
    return np.where(sets, on, NEVER)
