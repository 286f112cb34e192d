"""Names of the residents, from the lists in `names.yml`."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml

from cares.simulator.chance import by_place, pick
from cares.simulator.days import YEAR


@cache
def lists() -> dict[str, Any]:
    """The lists of `names.yml`, as they stand there."""
    return yaml.safe_load(resources.files(__package__).joinpath("names.yml").read_text(encoding="utf-8"))


def origins(rng: np.random.Generator, size: int) -> np.ndarray:
    """The origins of households."""
    known = lists()["origins"]
    return pick(rng, list(known), [entry["share"] for entry in known.values()], size)


def ethnicities(rng: np.random.Generator, origin: np.ndarray) -> np.ndarray:
    """How people of each origin describe their ethnicity (the keys used in `wording.py`)."""
    described = np.empty(len(origin), dtype=object)
    for name, weights in lists()["ethnicities"].items():
        of_origin = origin == name
        described[of_origin] = pick(rng, list(weights), list(weights.values()), of_origin.sum())
    return described


def surnames(rng: np.random.Generator, origin: np.ndarray) -> np.ndarray:
    """A surname for each origin given, now and then an awkward one."""
    drawn = np.empty(len(origin), dtype=object)
    for name, text in lists()["surnames"].items():
        of_origin = origin == name
        drawn[of_origin] = _draw(rng, text, of_origin.sum())
    awkward = lists()["awkward_surnames"]
    chosen = rng.random(len(origin)) < awkward["share"]
    names = awkward["names"].split()
    drawn[chosen] = pick(rng, names, [1] * len(names), chosen.sum())
    return drawn


def forenames(rng: np.random.Generator, origin: np.ndarray, sex: np.ndarray, born: np.ndarray) -> np.ndarray:
    """A forename for each origin, sex (F or M) and day of birth: names have their generations."""
    drawn = np.empty(len(origin), dtype=object)
    year = np.floor(born / YEAR) + 1970
    for name, by_sex in lists()["forenames"].items():
        for letter, by_era in (("F", by_sex["female"]), ("M", by_sex["male"])):
            starts = [*sorted(by_era), 9999]
            for start, end in zip(starts, starts[1:], strict=False):
                wanted = (origin == name) & (sex == letter) & (year < end)
                wanted &= (year >= start) | (start == starts[0])
                drawn[wanted] = _draw(rng, by_era[start], wanted.sum())
    return drawn


def _draw(rng: np.random.Generator, text: str, size: int) -> np.ndarray:
    options = [name.replace("_", " ") for name in text.split()]
    return pick(rng, options, by_place(len(options)), size)


def nickname(rng: np.random.Generator, forename: str) -> str:
    """What somebody is called; the forename itself where the lists know nothing shorter."""
    known = lists()["nicknames"].get(forename, forename).split()
    return str(known[int(rng.integers(0, len(known)))])
