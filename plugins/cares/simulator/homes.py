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
NO_FIXED_ABODE = ("No fixed abode", "ZZ99 3VZ")  # address and pseudo postcode (NHS Data Dictionary: POSTCODE)
TENURES = {"owned": 0.62, "private": 0.17, "social": 0.21}  # assumed; in St Helens the social landlord is Torus


@cache
def places() -> dict[str, Any]:
    """The lists of `places.yml`, as they stand there."""
    return yaml.safe_load(resources.files(__package__).joinpath("places.yml").read_text(encoding="utf-8"))


@cache
def practices() -> pd.DataFrame:
    """The GP practices, those of St Helens first: columns name, code (right in shape, invented) and council."""
    councils = {name: council for council, names in places()["gp_practices"].items() for name in names.split()}
    codes = [f"Y99{number:03d}" for number in range(1, len(councils) + 1)]
    names = [name.replace("_", " ") for name in councils]
    return pd.DataFrame({"name": names, "code": codes, "council": list(councils.values())}, dtype=object)


def practice_codes() -> np.ndarray:
    """The codes of the GP practices, by number."""
    return practices()["code"].to_numpy()


def build(rng: np.random.Generator, council: np.ndarray, sheltered: np.ndarray) -> pd.DataFrame:
    """A home for each council given, then for each council a row for those without one, then the care homes.

    `sheltered` says which homes are flats of a sheltered scheme, all of them Torus's. Columns: uprn, address, postcode,
    tenure (owned, private, torus, social: of another landlord, none: no fixed abode, care home), is_sheltered,
    care_home_name, property_reference, council.
    """
    count = len(council)
    streets = _streets(rng, council)
    street = np.zeros(count, dtype=int)
    for name in places()["areas"]:
        of_council = np.flatnonzero((streets["council"] == name).to_numpy())
        here = council == name
        street[here] = of_council[rng.integers(0, len(of_council), here.sum())]
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
    tenure = np.where(sheltered | ((tenure == "social") & (council == "st_helens")), "torus", tenure)

    care = [(name, of) for of, names in places()["care_homes"].items() for name in names]
    first_street = {name: int((streets["council"] == name).to_numpy().argmax()) for name in places()["areas"]}
    care_street = np.array([first_street[of] + number % 2 for number, (_, of) in enumerate(care)])
    care_names = [name for name, _ in care]
    councils = list(places()["areas"])
    without = [""] * len(councils)
    homes = pd.DataFrame(
        {
            "uprn": [*identifiers.uprns(count), *without, *identifiers.uprns(count + len(care))[count:]],
            "address": [
                *address,
                *[NO_FIXED_ABODE[0]] * len(councils),
                *(f"{name}, {streets['place'].iloc[at]}" for name, at in zip(care_names, care_street, strict=True)),
            ],
            "postcode": [*postcode, *[NO_FIXED_ABODE[1]] * len(councils), *streets["postcode"].to_numpy()[care_street]],
            "tenure": [*tenure, *["none"] * len(councils), *["care home"] * len(care)],
            "is_sheltered": np.concatenate([sheltered, np.zeros(len(councils) + len(care), dtype=bool)]),
            "care_home_name": [*[""] * count, *without, *care_names],
            "council": [*council, *councils, *(of for _, of in care)],
        }
    )
    homes["property_reference"] = "P" + (100_000 + np.arange(len(homes))).astype(str).astype(object)
    text = ("uprn", "address", "postcode", "tenure", "care_home_name", "property_reference", "council")
    return homes.astype(dict.fromkeys(text, object))


def _streets(rng: np.random.Generator, council: np.ndarray) -> pd.DataFrame:
    """The streets of each council, as many as its homes need."""
    needed = {name: int((council == name).sum()) // HOMES_IN_A_STREET + 2 for name in places()["areas"]}
    return pd.concat([_streets_of(rng, name, number) for name, number in needed.items()], ignore_index=True)


def _streets_of(rng: np.random.Generator, council: str, count: int) -> pd.DataFrame:
    known = places()
    areas = known["areas"][council]
    area = pick(rng, range(len(areas)), [entry["share"] for entry in areas], count).astype(int)
    outward = np.array([entry["outward"] for entry in areas], dtype=object)[area]
    place = np.array([f"{entry['locality']}, {entry['town']}" for entry in areas], dtype=object)[area]
    words = pick(rng, known["street_words"].split(), [1] * len(known["street_words"].split()), count)
    kinds = pick(rng, known["street_kinds"].split(), [9, 8, 7, 4, 5, 4, 3, 2], count)
    streets = {"street": words + " " + kinds, "place": place, "postcode": identifiers.postcodes(rng, outward)}
    return pd.DataFrame(streets | {"council": council}, dtype=object)
