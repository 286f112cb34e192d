"""Contacts with children's social care: those that came before a child was looked after, and the many others.

Every rate and share here is assumed; none is a published figure.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.simulator.chance import pick, stream
from cares.simulator.days import YEAR, weekday_of
from cares.simulator.lives.looked_after import LookedAfter
from cares.simulator.residents import Borough

PER_1000_CHILDREN_A_YEAR = 70
FAMILIES_DIFFER = 0.3  # the shape of how often families are heard of: the smaller, the more contacts are about few families
SIBLING_IS_NAMED_TOO = 0.45
DAYS_BEFORE_CARE = 60
HOLIDAYS = ((213, 243, 0.55), (358, 369, 0.4))  # days of the year from and until when schools are closed, and contacts left
SOURCES = {  # code of Annex A: share
    "q) 6: Police": 27,
    "e) 2A: Schools": 21,
    "f) 2B: Education services": 3,
    "a) 1A: Individual": 9,
    "b) 1B: Individual": 3,
    "c) 1C: Individual": 1,
    "d) 1D: Individual": 3,
    "g) 3A: Health services": 3,
    "h) 3B: Health services": 4,
    "i) 3C: Health services": 2,
    "j) 3D: Health services": 2,
    "k) 3E: Health services": 6,
    "l) 3F: Health services": 2,
    "m) 4: Housing": 2,
    "n) 5A: LA services": 2,
    "o) 5B: LA services": 2,
    "p) 5C: LA services": 2,
    "p1) 5D: LA services": 3,
    "r) 7: Other legal agency": 2,
    "s) 8: Other": 2,
    "t) 9: Anonymous": 2,
    "u) 10: Unknown": 1,
}


def contacts(seed: int, borough: Borough, looked_after: LookedAfter) -> pd.DataFrame:
    """Every contact about a child of St Helens, in the order of days: columns person, on, source (a code of Annex A).

    A child is contacted about only between its birth and its eighteenth birthday, and no more once it is adopted.
    """
    rng = stream(seed, "children's contacts")
    spells = looked_after.spells
    person, on = _about_families(rng, borough)
    starts = spells["starts"].to_numpy(dtype=int)
    before_care = starts - rng.integers(0, DAYS_BEFORE_CARE, len(spells))
    person = np.concatenate([spells["person"].to_numpy(dtype=int), person])
    born, died = (borough.people[name].to_numpy()[person] for name in ("born", "died"))
    on = np.maximum(np.concatenate([before_care, on]), born)
    told = (
        (on >= borough.begins)
        & (on <= borough.ends)
        & (on < born + 18 * YEAR - 1)
        & (on <= died)
        & (on < borough.adopted_on[person])
    )
    found = pd.DataFrame({"person": person, "on": on, "source": pick(rng, list(SOURCES), list(SOURCES.values()), len(on))})
    # A child is contacted about on one day once: Annex A holds a child, a day and a source once.
    found = found[told].drop_duplicates(["person", "on"])
    return found.sort_values(["on", "person"], kind="stable").reset_index(drop=True)


def _about_families(rng: np.random.Generator, borough: Borough) -> tuple[np.ndarray, np.ndarray]:
    """Contacts about children of the borough, often about brothers and sisters on the same day: persons and days."""
    people = borough.people
    born, household = people["born"].to_numpy(), people["household"].to_numpy()
    is_child = (people["parent"].to_numpy() >= 0) & borough.live_in("st_helens") & (born > borough.begins - 18 * YEAR)
    child = np.flatnonzero(is_child)
    heard_of = rng.gamma(FAMILIES_DIFFER, 1 / FAMILIES_DIFFER, household.max() + 1)[household[child]]
    years = (borough.ends - borough.begins) / YEAR
    chosen = child.repeat(rng.poisson(PER_1000_CHILDREN_A_YEAR / 1000 * years * heard_of))
    calendar = np.arange(borough.begins, borough.ends + 1)
    weight = np.where(weekday_of(calendar) < 5, 1.0, 0.35)
    of_year = calendar % YEAR
    for first, last, left in HOLIDAYS:
        weight = np.where((of_year >= first) & (of_year <= last), weight * left, weight)
    on = pick(rng, calendar, weight, len(chosen)).astype(int)
    # People of a household stand one after another, and so do its children.
    first = np.searchsorted(household[child], household[chosen], "left")
    number = np.searchsorted(household[child], household[chosen], "right") - first
    within = np.arange(number.sum()) - (np.cumsum(number) - number).repeat(number)
    named = child[first.repeat(number) + within]
    is_named = (named == chosen.repeat(number)) | (rng.random(len(named)) < SIBLING_IS_NAMED_TOO)
    on = on.repeat(number)
    alive = born[named] <= on
    return named[is_named & alive], on[is_named & alive]
