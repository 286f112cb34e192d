"""Stays in hospital: admissions with their seasons, births, falls, last illnesses, and their episodes."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cares.simulator.chance import pick, stream
from cares.simulator.days import NEVER, age, day
from cares.simulator.residents import YEAR, Borough

BORN_AT_THIS_TRUST_SHARE = 0.9  # assumed, like the other shares here
DIES_IN_HOSPITAL_SHARE = 0.47
EPISODES_IN_A_STAY = {1: 0.80, 2: 0.155, 3: 0.045}  # of stays of three nights or more
READY_BEFORE_LEAVING_SHARE = 0.3  # of stays of people of 75 or more: fit to leave some days before they leave
SECONDARY_DIAGNOSES = 12
FRAILTY_CODES = {"R54X": 0.25, "Z740": 0.2, "R296": 0.15, "F059": 0.12, "R418": 0.1, "L891": 0.06}


@cache
def reasons() -> dict[str, Any]:
    """The reasons of `hospital.yml`, as they stand there."""
    return yaml.safe_load(resources.files(__package__).joinpath("hospital.yml").read_text(encoding="utf-8"))


def stays(seed: int, borough: Borough) -> pd.DataFrame:
    """All stays, one row each, in order of discharge.

    Columns: person, reason, admitted, discharged, ready (fit to leave; NEVER when not recorded), method,
    source, destination, discharge_method, specialty, function, primary, cause, procedure, first_seen_as,
    is_planned, is_day_case, born_here, and the numbers of mothers and of the babies delivered (-1: none).
    """
    every = [
        _stays_for(stream(seed, f"hospital {name}"), borough, name, reason)
        for name, reason in reasons().items()
        if name != "planned_work_stops"
    ]
    rng = stream(seed, "hospital stays")
    every += [*_births(rng, borough), _last_illnesses(rng, borough)]
    found = pd.concat(every, ignore_index=True)
    text = ("procedure", "cause", "first_seen_as")
    found = found.fillna({**dict.fromkeys(text, ""), "is_planned": False, "baby": -1, "mother": -1})
    found = found.astype({"is_planned": bool, "baby": int, "mother": int})
    return _consistent(rng, borough, found)


def _stays_for(rng: np.random.Generator, borough: Borough, name: str, reason: dict[str, Any]) -> pd.DataFrame:
    people = borough.people
    born = people["born"].to_numpy()
    years = age(born, (borough.begins + borough.ends) // 2)
    rate = np.zeros(len(people))
    for start, per_1000 in reason["per_1000_a_year"].items():
        rate[years >= start] = per_1000 / 1000
    if reason.get("frail"):
        rate = rate * np.where(years >= 18, people["frailty"].to_numpy(), 1.0)

    calendar = np.arange(borough.begins, borough.ends + 1)
    weight = 1 + reason.get("winter", 0) * np.cos(2 * np.pi * (calendar - 10) / YEAR)
    if only := reason.get("only"):
        weight = np.where((calendar >= day(only["from"])) & (calendar <= day(only["until"])), YEAR / 100, 0.0)
    if reason.get("planned"):
        stop = reasons()["planned_work_stops"]
        working = (calendar + 3) % 7 < 5
        weight = weight * np.where(calendar >= day(stop["from"]), stop["share_left"], 1.0) * np.where(working, 1.35, 0.1)
    number = rng.poisson(rate * weight.sum() / YEAR)
    person = np.arange(len(people)).repeat(number)
    size = len(person)
    admitted = pick(rng, calendar, weight, size).astype(int) if size else np.zeros(0, dtype=int)
    years = age(born[person], admitted)

    nights = np.zeros(size)
    for start, mean in reason["nights"].items():
        nights[years >= start] = mean
    nights = np.where(nights > 0, rng.gamma(0.9, np.maximum(nights, 0.01) / 0.9), 0).astype(int)
    primary = pick(rng, list(reason["diagnoses"]), list(reason["diagnoses"].values()), size)
    if young := reason.get("young_diagnoses"):
        primary = np.where(years < 16, pick(rng, list(young), list(young.values()), size), primary)
    causes = reason.get("causes", {"": 1})
    method = pick(rng, list(reason["method"]), list(reason["method"].values()), size)
    main, function = reason["specialty"]
    child = (years < 16) & (years >= 0)
    procedures = reason.get("procedures", {})
    return pd.DataFrame(
        {
            "person": person,
            "reason": name,
            "admitted": admitted,
            "discharged": admitted + nights,
            "method": method,
            "source": np.where(method == "2A", "51", "19"),
            "specialty": np.where(child, "420", main),
            "function": np.where(child, "420", np.where((years >= 80) & (main == "300"), "430", function)),
            "primary": primary,
            "cause": pick(rng, list(causes), list(causes.values()), size),
            "procedure": [procedures.get(code, "") for code in primary],
            "first_seen_as": reason.get("first_seen_as", ""),
            "is_planned": reason.get("planned", False),
        }
    )


def _births(rng: np.random.Generator, borough: Borough) -> list[pd.DataFrame]:
    people = borough.people
    born, mothers = people["born"].to_numpy(), people["mother"].to_numpy()
    here = (born > borough.begins + 2) & (born <= borough.ends) & (mothers >= 0)
    here &= rng.random(len(people)) < BORN_AT_THIS_TRUST_SHARE
    baby = np.flatnonzero(here)
    caesarean = rng.random(len(baby)) < 0.27
    home = born[baby] + rng.integers(1, 3, len(baby)) + np.where(caesarean, 2, 0)
    babies = pd.DataFrame(
        {
            "person": baby,
            "reason": "birth",
            "admitted": born[baby],
            "discharged": home,
            "method": "82",
            "source": "79",
            "specialty": "420",
            "function": "424",
            "primary": "Z380",
            "mother": mothers[baby],
        }
    )
    deliveries = pd.DataFrame(
        {
            "person": mothers[baby],
            "reason": "delivery",
            "admitted": born[baby] - rng.integers(0, 2, len(baby)),
            "discharged": home,
            "method": "31",
            "source": "19",
            "specialty": "501",
            "function": "501",
            "primary": np.where(caesarean, "O829", pick(rng, ["O800", "O809", "O814"], [60, 28, 12], len(baby))),
            "procedure": np.where(caesarean, "R182", "R249"),
            "baby": baby,
        }
    ).drop_duplicates("person")  # twins are one delivery
    return [deliveries, babies]


def _last_illnesses(rng: np.random.Generator, borough: Borough) -> pd.DataFrame:
    died = borough.people["died"].to_numpy()
    person = np.flatnonzero((died < NEVER) & (rng.random(len(died)) < DIES_IN_HOSPITAL_SHARE))
    size = len(person)
    return pd.DataFrame(
        {
            "person": person,
            "reason": "last illness",
            "admitted": np.maximum(died[person] - rng.gamma(1.2, 7, size).astype(int), borough.people["born"].to_numpy()[person]),
            "discharged": died[person],
            "method": pick(rng, ["21", "22", "28"], [85, 10, 5], size),
            "source": "19",
            "specialty": "300",
            "function": np.where(age(borough.people["born"].to_numpy()[person], died[person]) >= 75, "430", "300"),
            "primary": pick(rng, ["J189", "A419", "I639", "C349", "I500", "J440", "N179"], [26, 16, 12, 16, 12, 10, 8], size),
            "first_seen_as": "R53X",
        }
    )


def _consistent(rng: np.random.Generator, borough: Borough, found: pd.DataFrame) -> pd.DataFrame:
    """Stays that can all be true: of the living, one at a time, and ended by a death on its day."""
    born, died = (borough.people[column].to_numpy()[found["person"]] for column in ("born", "died"))
    admitted = found["admitted"].to_numpy()
    certain = found["reason"].isin(["birth", "delivery", "last illness"]).to_numpy()
    fits = (admitted >= born) & (certain | (admitted > born)) & (admitted < died) | certain
    found = found[fits].assign(order=~certain[fits])
    found["discharged"] = np.minimum(found["discharged"], died[fits])
    # Earlier stays win, and births, deliveries and last illnesses win over everything that they meet.
    found = found.sort_values(["person", "order", "admitted"], kind="stable").drop(columns="order")
    found = found.sort_values(["person", "admitted"], kind="stable").reset_index(drop=True)
    while True:
        person = found["person"].to_numpy()
        meets = (person[1:] == person[:-1]) & (found["admitted"].to_numpy()[1:] <= found["discharged"].to_numpy()[:-1])
        if not meets.any():
            break
        certain = found["reason"].isin(["birth", "delivery", "last illness"]).to_numpy()
        drop = np.zeros(len(found), dtype=bool)
        later_goes = meets & ~(certain[1:] & ~certain[:-1])
        drop[1:] |= later_goes
        drop[:-1] |= meets & ~later_goes
        found = found[~drop].reset_index(drop=True)

    person, discharged = found["person"].to_numpy(), found["discharged"].to_numpy()
    years = age(borough.people["born"].to_numpy()[person], discharged)
    dies = borough.people["died"].to_numpy()[person] == discharged
    found["discharge_method"] = np.where(dies, "4", pick(rng, ["1", "2"], [98.4, 1.6], len(found)))
    in_care_home = borough.residences.on(person, discharged) >= borough.first_care_home
    found["destination"] = np.where(dies, "79", np.where(in_care_home, "85", "19"))
    delayed = (years >= 75) & ~dies & ~found["is_planned"] & (discharged - found["admitted"] > 4)
    delayed &= rng.random(len(found)) < READY_BEFORE_LEAVING_SHARE
    wait = np.minimum(1 + rng.gamma(1.0, 3.5, len(found)).astype(int), discharged - found["admitted"] - 2)
    found["ready"] = np.where(delayed, discharged - wait, NEVER)
    found["is_day_case"] = (found["reason"] == "day case").to_numpy()
    return found.sort_values(["discharged", "person"], kind="stable").reset_index(drop=True)


def episodes(seed: int, borough: Borough, found: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The consultant episodes of stays: one row each, and their secondary diagnoses (a matrix of ICD-10 codes).

    Columns: stay (place in `found`), number, is_last, starts, ends, primary.
    """
    rng = stream(seed, "episodes")
    nights = (found["discharged"] - found["admitted"]).to_numpy()
    several = (nights >= 3) & ~found["is_planned"].to_numpy()
    wanted = pick(rng, list(EPISODES_IN_A_STAY), list(EPISODES_IN_A_STAY.values()), len(found)).astype(int)
    number = np.where(several, wanted, 1)
    stay = np.arange(len(found)).repeat(number)
    last = np.append(stay[1:] != stay[:-1], True) if len(stay) else np.zeros(0, dtype=bool)
    first = np.insert(last[:-1], 0, True) if len(stay) else last
    place = np.arange(len(stay)) - np.flatnonzero(first).repeat(number)
    admitted, discharged = found["admitted"].to_numpy()[stay], found["discharged"].to_numpy()[stay]
    # The first episode is short (the admissions unit); the others share what is left.
    cut = admitted + np.where(place == 0, 1, 1 + (nights[stay] - 1) * place // np.maximum(number[stay] - 1, 1))
    ends = np.where(last, discharged, cut)
    starts = np.where(first, admitted, np.concatenate([[0], ends[:-1]]) if len(ends) else ends)
    primary = found["primary"].to_numpy()[stay]
    symptom = found["first_seen_as"].to_numpy()[stay]
    primary = np.where(first & ~last & (symptom != "") & (rng.random(len(stay)) < 0.5), symptom, primary)
    table = pd.DataFrame({"stay": stay, "number": place + 1, "is_last": last, "starts": starts, "ends": ends, "primary": primary})
    return table, _secondary(rng, borough, found, table)


def _secondary(rng: np.random.Generator, borough: Borough, found: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    stay = table["stay"].to_numpy()
    person = found["person"].to_numpy()[stay]
    filled = np.zeros(len(stay), dtype=int)
    codes = np.full((len(stay), SECONDARY_DIAGNOSES), "", dtype=object)

    def add(chosen: np.ndarray, code: np.ndarray | str) -> None:
        rows = np.flatnonzero(chosen & (filled < SECONDARY_DIAGNOSES) & (table["primary"].to_numpy() != code))
        codes[rows, filled[rows]] = code[rows] if isinstance(code, np.ndarray) else code
        filled[rows] += 1

    cause = found["cause"].to_numpy()[stay]
    add(cause != "", cause)
    grown = ~found["reason"].isin(["birth"]).to_numpy()[stay]
    for code in borough.conditions:
        add(borough.conditions[code].to_numpy()[person] & grown & (rng.random(len(stay)) < 0.85), code)
    years = age(borough.people["born"].to_numpy()[person], table["starts"].to_numpy())
    frail = (years >= 75) & ~found["is_planned"].to_numpy()[stay]
    frailty = np.clip(borough.people["frailty"].to_numpy()[person], 0, 2.5)
    for code, share in FRAILTY_CODES.items():
        add(frail & (rng.random(len(stay)) < share * frailty), code)
    add((found["reason"] == "delivery").to_numpy()[stay], "Z370")
    return codes
