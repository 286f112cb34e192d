"""Stays in hospital: admissions with their seasons, births, falls, last illnesses, and their episodes."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cares.simulator.chance import pick, stream
from cares.simulator.days import MINUTES_IN_A_DAY, NEVER, YEAR, age, by_age, date_of, day, weekday_of
from cares.simulator.lives import delayed_transfers
from cares.simulator.residents import Borough

BORN_AT_THIS_TRUST_SHARE = 0.9  # assumed, like the other shares here
DIES_IN_HOSPITAL_SHARE = 0.47
EPISODES_IN_A_STAY = {1: 0.80, 2: 0.155, 3: 0.045}  # of stays of three nights or more
READY_BEFORE_LEAVING_SHARE = {65: 0.125, 75: 0.25}  # of longer stays, by age: fit to leave some days before they leave
GOES_TO_A_CARE_HOME_SHARE = 0.13  # of those over 75 who waited when fit to leave: homes that they pay for themselves
NOT_AT_THE_WEEKEND_SHARE = 0.4  # of those who might have left then: who leave on the Friday before or the Monday after
SECONDARY_DIAGNOSES = 12
_HALF_A_YEAR = 182  # days
FRAILTY_CODES = {"R54X": 0.25, "Z740": 0.2, "R296": 0.15, "F059": 0.12, "R418": 0.1, "L891": 0.06}


@cache
def reasons() -> dict[str, Any]:
    """The reasons of `hospital.yml`, as they stand there."""
    return yaml.safe_load(resources.files(__package__).joinpath("hospital.yml").read_text(encoding="utf-8"))


def stays(seed: int, borough: Borough) -> pd.DataFrame:
    """All stays, one row each, in order of discharge. Some of the oldest go to live in a care home from there in `borough`.

    Columns: person, reason, admitted, discharged, ready (fit to leave; NEVER when not recorded), method,
    source, destination, discharge_method, specialty, function, primary, cause, procedure, first_seen_as,
    is_planned, is_day_case, decided (planned stays: the day on which the admission was decided; else NEVER),
    admitted_minute and discharged_minute (of the day), and the numbers of mothers and of the babies delivered (-1: none).
    """
    every = [
        _stays_for(stream(seed, f"hospital {name}"), borough, name, reason)
        for name, reason in reasons().items()
        if "per_1000_a_year" in reason
    ]
    rng = stream(seed, "hospital stays")
    every += [*_births(rng, borough), _last_illnesses(rng, borough)]
    found = pd.concat(every, ignore_index=True)
    text = ("procedure", "cause", "first_seen_as")
    found = found.fillna({**dict.fromkeys(text, ""), "is_planned": False, "baby": -1, "mother": -1})
    found = found.astype({"is_planned": bool, "baby": int, "mother": int})
    return _consistent(rng, borough, found)


def _stays_for(rng: np.random.Generator, borough: Borough, name: str, reason: dict[str, Any]) -> pd.DataFrame:
    born = borough.people["born"].to_numpy()
    middle = borough.middle
    days_between = [*range(borough.begins, borough.ends, _HALF_A_YEAR), borough.ends]
    # More than enough are drawn; those stay whom their age and frailty of the day bring in. An infant is one for a year only.
    most = np.max([_rate(borough, reason, borough.everybody, on) for on in days_between], axis=0)
    young = age(born, middle) < 16
    groups = (
        [(np.flatnonzero(young), True), (np.flatnonzero(~young), False)]
        if "young_months" in reason
        else [(borough.everybody, False)]
    )
    persons, days = [], []
    for group, is_young in groups:
        calendar, weight = _calendar(borough, reason, is_young)
        persons.append(group.repeat(rng.poisson(most[group] * weight.sum() / YEAR)))
        days.append(pick(rng, calendar, weight, len(persons[-1])))
    person, admitted = np.concatenate(persons), np.concatenate(days).astype(int)
    comes = rng.random(len(person)) * most[person] < _rate(borough, reason, person, admitted)
    person, admitted = person[comes], admitted[comes]
    size = len(person)
    years = age(born[person], admitted)

    nights = by_age(years, reason["nights"])
    nights = np.where(nights > 0, rng.gamma(0.9, np.maximum(nights, 0.01) / 0.9), 0).astype(int)
    weekday = weekday_of(admitted + nights)
    moved = (nights > 0) & (rng.random(size) < NOT_AT_THE_WEEKEND_SHARE)
    nights = nights + np.select([moved & (weekday == 5), moved & (weekday == 6)], [-1, 1], 0)
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


def _rate(borough: Borough, reason: dict[str, Any], people: np.ndarray, on: np.ndarray | int) -> np.ndarray:
    """How many stays for a reason people have a year at the age and frailty that they have on a day."""
    years = age(borough.people["born"].to_numpy()[people], on)
    rate = by_age(years, reason["per_1000_a_year"]) / 1000
    return rate * np.where(years >= 18, borough.frailty(people, on), 1.0) if reason.get("frail") else rate


def between(days: np.ndarray, levels: dict[date, float]) -> np.ndarray:
    """What holds on each day where it is known for some days only; before the first and after the last it stays."""
    return np.interp(days, [day(of) for of in levels], list(levels.values()))


def month_of(days: np.ndarray) -> np.ndarray:
    """The month of each day: 0 is January."""
    first = int(days.min()) if len(days) else 0
    months = np.array([date_of(number).month - 1 for number in range(first, int(days.max()) + 1)]) if len(days) else days
    return months[days - first]


def _calendar(borough: Borough, reason: dict[str, Any], is_young: bool) -> tuple[np.ndarray, np.ndarray]:
    """Every day of the story, and how many times the usual number of people come on it."""
    calendar = np.arange(borough.begins, borough.ends + 1)
    if levels := reason.get("level"):
        return calendar, between(calendar, levels)
    if months := reason.get("young_months" if is_young else "months"):
        weight = np.array(months)[month_of(calendar)]
    else:
        weight = 1 + reason.get("winter", 0) * np.cos(2 * np.pi * (calendar - 10) / YEAR)
    if reason.get("planned"):
        stop = reasons()["planned_work_stops"]
        stops = np.where(calendar >= day(stop["from"]), stop["share_left"], 1.0)
        return calendar, weight * stops * np.where(weekday_of(calendar) < 5, 1.35, 0.1)
    return calendar, weight * between(calendar, reasons()["fewer_come"]) * np.where(
        weekday_of(calendar) < 5, 1.0, reason.get("weekend", 1.0)
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
    share = np.select(
        [years >= start for start in sorted(READY_BEFORE_LEAVING_SHARE, reverse=True)],
        sorted(READY_BEFORE_LEAVING_SHARE.values(), reverse=True),
        0.0,
    )
    delayed = ~dies & ~found["is_planned"] & (discharged - found["admitted"] > 4)
    delayed &= rng.random(len(found)) < share * delayed_transfers.trend(discharged)
    wait = np.minimum(1 + rng.gamma(1.0, 5.0, len(found)).astype(int), discharged - found["admitted"] - 2)
    found["ready"] = np.where(delayed, discharged - wait, NEVER)
    goes = np.flatnonzero(delayed & (years >= 75) & (rng.random(len(found)) < GOES_TO_A_CARE_HOME_SHARE))
    goes = goes[borough.residences.on(person[goes], discharged[goes]) < borough.first_care_home]
    goes = goes[np.unique(person[goes], return_index=True)[1]]
    settled = borough.residences.on(person[goes], discharged[goes]) == borough.residences.on(person[goes], borough.ends)
    goes = goes[settled]  # whoever moves with the family later does not go to a care home now
    borough.move(person[goes], discharged[goes], borough.care_homes_for(rng, person[goes]))
    in_care_home = borough.residences.on(person, discharged) >= borough.first_care_home
    found["destination"] = np.where(dies, "79", np.where(in_care_home, "85", "19"))
    found["is_day_case"] = (found["reason"] == "day case").to_numpy()
    decided = found["admitted"] - 14 - rng.gamma(1.6, 38, len(found)).astype(int)
    decided = np.minimum(np.maximum(decided, borough.people["born"].to_numpy()[person] + 1), found["admitted"])
    found["decided"] = np.where(found["is_planned"], decided, NEVER)
    found["admitted_minute"], found["discharged_minute"] = _clock(rng, found)
    return found.sort_values(["discharged", "person"], kind="stable").reset_index(drop=True)


def _clock(rng: np.random.Generator, found: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """At which minute of its day each stay begins and ends: planned ones in the morning, emergencies mostly after noon."""
    size = len(found)
    planned, day_case = found["is_planned"].to_numpy(), found["is_day_case"].to_numpy()
    afternoon = np.where(day_case & (rng.random(size) < 0.4), 300, 0)
    by_list = 430 + afternoon + rng.integers(0, 80, size)
    emergency = (rng.normal(16.5 * 60, 300, size).astype(int)) % MINUTES_IN_A_DAY
    begins = np.where(planned, by_list, np.where(rng.random(size) < 0.75, emergency, rng.integers(0, MINUTES_IN_A_DAY, size)))
    same_day = (found["admitted"] == found["discharged"]).to_numpy()
    begins = np.where(same_day, np.minimum(begins, 1320), begins)
    by_day = np.clip(rng.normal(15.2 * 60, 130, size), 8 * 60, 22 * 60).astype(int)
    ends = np.where(found["discharge_method"] == "4", rng.integers(0, MINUTES_IN_A_DAY, size), by_day)
    soon = begins + 60 + (rng.random(size) * np.minimum(1439 - begins - 60, 420)).astype(int)
    return begins, np.where(same_day, soon, ends)


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
    frailty = np.clip(borough.frailty(person, table["starts"].to_numpy()), 0, 2.5)
    for code, share in FRAILTY_CODES.items():
        add(frail & (rng.random(len(stay)) < share * frailty), code)
    add((found["reason"] == "delivery").to_numpy()[stay], "Z370")
    return codes
