"""The made-up map: streets, homes, sheltered schemes and care homes."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cares.simulator import identifiers
from cares.simulator.chance import pick

HOMES_IN_A_STREET = 18
TENURES = {"owned": 0.62, "private": 0.17, "torus": 0.21}  # assumed; Torus is the large social landlord


@cache
def places() -> dict[str, Any]:
    """The lists of `places.yml`, as they stand there."""
    return yaml.safe_load(resources.files(__package__).joinpath("places.yml").read_text(encoding="utf-8"))


def build(rng: np.random.Generator, count: int, sheltered: np.ndarray) -> pd.DataFrame:
    """`count` homes, then the care homes.

    `sheltered` says which homes are flats of a sheltered scheme, all of them Torus's. Columns: uprn,
    address, postcode, tenure (owned, private, torus, care home), is_sheltered, property_reference.
    """
    streets = _streets(rng, count // HOMES_IN_A_STREET + 2)
    street = rng.integers(0, len(streets), count)
    number = (rng.permutation(count) % (HOMES_IN_A_STREET * 4) + 1).astype(str).astype(object)
    flat = np.where(rng.random(count) < 0.08, "Flat " + rng.integers(1, 13, count).astype(str).astype(object) + ", ", "")
    address = flat + number + " " + streets["street"].to_numpy()[street] + ", " + streets["place"].to_numpy()[street]
    postcode = streets["postcode"].to_numpy()[street]
    tenure = pick(rng, list(TENURES), list(TENURES.values()), count)

    schemes = places()["sheltered_schemes"]
    scheme = rng.integers(0, len(schemes), count)
    flats = "Flat " + rng.integers(1, 61, count).astype(str).astype(object) + ", "
    address = np.where(sheltered, flats + np.array(schemes, dtype=object)[scheme] + ", St Helens", address)
    postcode = np.where(sheltered, streets["postcode"].to_numpy()[scheme % len(streets)], postcode)
    tenure = np.where(sheltered, "torus", tenure)

    care = places()["care_homes"]
    care_street = np.arange(len(care)) % len(streets)
    homes = pd.DataFrame(
        {
            "uprn": identifiers.uprns(count + len(care)),
            "address": [*address, *(f"{name}, {streets['place'].iloc[at]}" for name, at in zip(care, care_street, strict=True))],
            "postcode": [*postcode, *streets["postcode"].to_numpy()[care_street]],
            "tenure": [*tenure, *["care home"] * len(care)],
            "is_sheltered": np.concatenate([sheltered, np.zeros(len(care), dtype=bool)]),
            "care_home_name": [*[""] * count, *care],
        }
    )
    homes["property_reference"] = "P" + (100_000 + np.arange(len(homes))).astype(str).astype(object)
    return homes.astype(dict.fromkeys(("uprn", "address", "postcode", "tenure", "care_home_name", "property_reference"), object))


def _streets(rng: np.random.Generator, count: int) -> pd.DataFrame:
    known = places()
    areas = known["areas"]
    area = pick(rng, range(len(areas)), [entry["share"] for entry in areas], count).astype(int)
    outward = np.array([entry["outward"] for entry in areas], dtype=object)[area]
    place = np.array([f"{entry['locality']}, {entry['town']}" for entry in areas], dtype=object)[area]
    words = pick(rng, known["street_words"].split(), [1] * len(known["street_words"].split()), count)
    kinds = pick(rng, known["street_kinds"].split(), [9, 8, 7, 4, 5, 4, 3, 2], count)
    return pd.DataFrame(
        {"street": words + " " + kinds, "place": place, "postcode": identifiers.postcodes(rng, outward)}, dtype=object
    )
