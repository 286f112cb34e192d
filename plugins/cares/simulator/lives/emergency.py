"""Attendances at the emergency department and at the Urgent Treatment Centre: who came, when, how long it took, how it ended.

Whoever is admitted through the emergency department was there first: the times of the attendance fit those of the stay.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cares.simulator.chance import pick, stream
from cares.simulator.days import MINUTES_IN_A_DAY, YEAR, age, by_age, weekday_of
from cares.simulator.lives import hospital
from cares.simulator.lives.occurrences import SERVICES_MOVED
from cares.simulator.lives.spans import Spans
from cares.simulator.residents import Borough

FOUR_HOURS = 240
DEPARTMENT, CENTRE = "department", "centre"
# Assumed, like all shares here.
WEEKDAYS = np.array([1.09, 1.0, 0.98, 0.97, 0.97, 0.98, 1.01])  # Monday first
COMES_OFTEN = 0.7  # shape of how often people come: the smaller, the more of it falls to a few
TIMES_AS_MANY = {DEPARTMENT: 1.22, CENTRE: 1.08}  # of the rates in emergency.yml
OPENS, CLOSES = 7, 22  # hours of the Urgent Treatment Centre
SENT_ON_TO_DEPARTMENT = 0.035
DIES_THERE_SHARE = 0.06  # of deaths outside hospital
LONGER_AFTERWARDS, OVER_FOUR_HOURS_AFTERWARDS = 1.75, 0.07  # at the centre, if its waits get longer
OVER_FOUR_HOURS_AT_CENTRE = 0.012
ACUITY: dict[str, list[float]] = {"admitted": [5, 36, 45, 14, 0], DEPARTMENT: [0.5, 8, 40, 45, 6.5], CENTRE: [0, 1, 14, 65, 20]}
COMES_AGAIN_SHARE = 0.6  # of those who come within a week of the last time: for the same thing

# Codes of ECDS as the contract has them.
COMPLETE, DIED, DEAD_ON_ARRIVAL = "182992009", "75004002", "63238001"
LEFT_AT_ONCE, LEFT_AFTER_ASSESSMENT, LEFT_BEFORE_THE_END = "1066301000000103", "1066311000000101", "1066321000000107"
TO_DEPARTMENT, TO_GP, TO_PHARMACY, TO_MENTAL_HEALTH = (
    "1077781000000101",
    "1077021000000100",
    "1077071000000101",
    "1077041000000107",
)
TO_SAME_DAY_CARE, TO_FALLS_SERVICE, TO_FRAILTY_SERVICE = "1077081000000104", "1077091000000102", "1077101000000105"
HOME, CARE_HOME, MORTUARY, WARD = "306689006", "306691003", "305398007", "306706006"
SHORT_STAY, HIGH_DEPENDENCY, INTENSIVE_CARE = "1066331000000109", "1066361000000104", "1066391000000105"


@cache
def told() -> dict[str, Any]:
    """What stands in `emergency.yml`."""
    return yaml.safe_load(resources.files(__package__).joinpath("emergency.yml").read_text(encoding="utf-8"))


@cache
def codes() -> dict[str, dict[str, str]]:
    """The codes of the terms of each list, in the order of the list.

    They have the shape of a SNOMED CT identifier and are none: no identifier has 99 before its last digit.
    """
    kinds = told()["kinds"].values()
    lists = {
        "chief_complaint": [kind["complaint"] for kind in kinds],
        "diagnosis": [term for kind in kinds for term in kind["diagnoses"]],
        "injury_mechanism": [kind["injury"] for kind in kinds if "injury" in kind],
        **{name: [*terms, *told()["ended"].get(name, {})] for name, terms in told()["lists"].items()},
    }
    return {
        name: {term: f"{number * 1000 + place}99{place % 10}" for place, term in enumerate(dict.fromkeys(terms))}
        for number, (name, terms) in enumerate(lists.items(), 101)
    }


def attendances(seed: int, borough: Borough, stays: pd.DataFrame, since: int, centre_worsens: bool) -> pd.DataFrame:
    """All attendances from the day `since` on, one row each, in order of arrival.

    Columns: person, service (department or centre), kind (its number in `emergency.yml`), arrived (day), minute (of the
    day), assessed, treated, decided and left (minutes after arrival; -1 for what did not happen), stay (the place in
    `stays` of the stay that followed, or -1), status and destination (codes of ECDS), category, diagnosis (a term, blank for
    whoever was not seen), acuity (0 is the most urgent), mode, source (terms of the lists). `centre_worsens`: whether waits
    at the centre get longer when another trust takes it over.
    """
    rng = stream(seed, "emergency care")
    came = _not_admitted(rng, borough, stays, since)
    at_centre = _centre(rng, borough, came[came["service"] == CENTRE].reset_index(drop=True), centre_worsens)
    sent_on = at_centre[at_centre["status"] == TO_DEPARTMENT]
    at_department = pd.concat(
        [
            came[came["service"] == DEPARTMENT].assign(from_centre=False),
            sent_on[["person", "kind", "arrived"]].assign(
                service=DEPARTMENT, stay=-1, from_centre=True, minute=sent_on["minute"] + sent_on["left"] + 35
            ),
            _admitted(rng, borough, stays, since).assign(from_centre=False),
            _died_there(rng, borough, stays, since).assign(from_centre=False),
        ],
        ignore_index=True,
    )
    found = pd.concat([_department(rng, borough, stays, at_department), at_centre], ignore_index=True)
    found = found.sort_values(["arrived", "minute", "person"], kind="stable").reset_index(drop=True)
    found["category"] = _categories(rng, found)
    return found[found["arrived"] >= since].reset_index(drop=True)


def _not_admitted(rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, since: int) -> pd.DataFrame:
    people = borough.people
    calendar = np.arange(since - 8, borough.ends + 1)  # a week more, so that it is known who comes again
    usual = WEEKDAYS[weekday_of(calendar)] * hospital.between(calendar, told()["fewer_come"])
    weekend = weekday_of(calendar) >= 5
    years = age(people["born"].to_numpy(), (since + borough.ends) // 2)
    often = rng.gamma(COMES_OFTEN, 1 / COMES_OFTEN, len(people))
    women = (people["sex"] == "F").to_numpy()
    open_hours = (np.arange(24) >= OPENS) & (np.arange(24) < CLOSES)
    parts = []
    for number, kind in enumerate(told()["kinds"].values()):
        if kind.get("level"):
            weight = hospital.between(calendar, hospital.reasons()["covid-19"]["level"])
        else:
            months = np.array(told()["seasons"][kind["season"]], dtype=float)
            weight = (
                (months / months.mean())[hospital.month_of(calendar)] * usual * np.where(weekend, kind.get("weekend", 1.0), 1.0)
            )
        hours = np.array(told()["hours"]["night" if kind.get("nights") else "day"], dtype=float)
        for service in (DEPARTMENT, CENTRE):
            rate = by_age(years, kind[service]) / 1000 * often * TIMES_AS_MANY[service] * (women if kind.get("women") else 1.0)
            person = borough.everybody.repeat(rng.poisson(rate * weight.sum() / YEAR))
            size = len(person)
            hour = pick(rng, range(24), hours * open_hours if service == CENTRE else hours, size).astype(int)
            parts.append(
                pd.DataFrame(
                    {
                        "person": person,
                        "service": service,
                        "kind": number,
                        "arrived": pick(rng, calendar, weight, size).astype(int),
                        "minute": hour * 60 + rng.integers(0, 60, size),
                    }
                )
            )
    came = pd.concat(parts, ignore_index=True).assign(stay=-1)
    person, arrived = came["person"].to_numpy(), came["arrived"].to_numpy()
    lives = (arrived > people["born"].to_numpy()[person]) & (arrived < people["died"].to_numpy()[person])
    came = came[lives & ~_in_hospital(stays, person, arrived)]
    return came.drop_duplicates(["person", "arrived"])


def _in_hospital(stays: pd.DataFrame, person: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Whether somebody was in hospital on a day, or was to be admitted on it or on the next."""
    known, admitted, discharged = (stays[name].to_numpy() for name in ("person", "admitted", "discharged"))
    return Spans(known, admitted - 1, discharged + 1).cover(person, on)


def _admitted(rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, since: int) -> pd.DataFrame:
    """Those who went from the department to a ward: they left it when their stay began."""
    place = np.flatnonzero((stays["method"] == "21").to_numpy() & (stays["admitted"].to_numpy() >= since - 8))
    stay = stays.iloc[place]
    size = len(stay)
    over = _over_four_hours(stay["admitted"].to_numpy())
    slow = rng.random(size) < np.minimum(2.1 * over, 0.95)
    minutes = np.where(slow, FOUR_HOURS + rng.exponential(60 + 500 * over), 60 + 178 * rng.beta(4, 1.6, size)).astype(int)
    order = np.lexsort((stays["admitted"], stays["person"]))
    before = order[np.maximum(np.argsort(order, kind="stable")[place] - 1, 0)]
    home = (stays["discharged"] * MINUTES_IN_A_DAY + stays["discharged_minute"]).to_numpy()[before]
    was_here = stays["person"].to_numpy()[before] == stay["person"].to_numpy()
    earliest = np.where(
        was_here & (before != place), home + 5, borough.people["born"].to_numpy()[stay["person"]] * MINUTES_IN_A_DAY
    )
    leaves = (stay["admitted"] * MINUTES_IN_A_DAY + stay["admitted_minute"]).to_numpy()
    minutes = np.minimum(minutes, np.maximum(leaves - earliest, 5)).clip(max=MINUTES_IN_A_DAY - 30)
    kinds = {name: number for number, name in enumerate(told()["kinds"])}
    by_reason, by_diagnosis = told()["of_stays"], told()["of_diagnoses"]
    kind = [
        kinds[by_diagnosis.get(code, by_reason[reason]) if reason == "other emergency" else by_reason[reason]]
        for reason, code in zip(stay["reason"], stay["primary"], strict=True)
    ]
    return pd.DataFrame(
        {
            "person": stay["person"].to_numpy(),
            "service": DEPARTMENT,
            "kind": kind,
            "arrived": (leaves - minutes) // MINUTES_IN_A_DAY,
            "minute": (leaves - minutes) % MINUTES_IN_A_DAY,
            "stay": place,
            "left": minutes,
        }
    )


def _died_there(rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, since: int) -> pd.DataFrame:
    died = borough.people["died"].to_numpy()
    person = np.flatnonzero((died >= since) & (died <= borough.ends) & (rng.random(len(died)) < DIES_THERE_SHARE))
    person = person[~_in_hospital(stays, person, died[person])]
    size = len(person)
    return pd.DataFrame(
        {
            "person": person,
            "service": DEPARTMENT,
            "kind": list(told()["kinds"]).index("collapse"),
            "arrived": died[person],
            "minute": rng.integers(0, MINUTES_IN_A_DAY - 90, size),
            "stay": -1,
            "left": rng.integers(10, 90, size),
            "status": pick(rng, [DIED, DEAD_ON_ARRIVAL], [75, 25], size),
        }
    )


def _over_four_hours(days: np.ndarray) -> np.ndarray:
    return hospital.between(days, told()["over_four_hours"])


def _department(rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, came: pd.DataFrame) -> pd.DataFrame:
    """What became of everybody at the emergency department."""
    came = came[came["minute"] < MINUTES_IN_A_DAY - 1].reset_index(drop=True)
    size, arrived, person = len(came), came["arrived"].to_numpy(), came["person"].to_numpy()
    admitted = came["stay"].to_numpy() >= 0
    died = came["status"].notna().to_numpy()
    over = _over_four_hours(arrived)
    slow = rng.random(size) < 0.77 * over
    stayed = np.where(slow, FOUR_HOURS + rng.exponential(70 + 140 * over), 18 + 221 * rng.beta(2.6, 1.7, size)).astype(int)
    left = np.where(came["left"].notna(), came["left"].fillna(0), stayed).astype(int)
    assessed = np.minimum(rng.gamma(2, 8, size) * (1 + 1.5 * over), 0.3 * left).astype(int)
    treated = (assessed + (left - assessed) * rng.beta(2, 3.4, size)).astype(int)
    decided = np.where(admitted, left - ((left - treated) * rng.uniform(0.25, 0.75, size)).astype(int), -1)
    status = np.where(died, came["status"], _endings(rng, borough, came, ~admitted & ~died, treated))
    found = _described(rng, borough, came, status, assessed, treated, left, np.where(admitted, "admitted", DEPARTMENT))
    stay = came["stay"].to_numpy()
    one_day = (stays["admitted"] == stays["discharged"]).to_numpy()[np.maximum(stay, 0)] & admitted
    bed = pick(rng, [WARD, HIGH_DEPENDENCY, INTENSIVE_CARE], [96.5, 2, 1.5], size)
    home = np.where(died, MORTUARY, found["destination"])
    found["destination"] = np.where(admitted, np.where(one_day, SHORT_STAY, bed), home)
    found["decided"] = decided
    ambulance = rng.random(size) < np.where(
        admitted, 0.6, 0.16 + 0.3 * (age(borough.people["born"].to_numpy()[person], arrived) >= 75)
    )
    found["mode"] = np.where(ambulance | died, "Ambulance", found["mode"])
    found["source"] = np.where(
        came["from_centre"], "Urgent treatment centre", np.where(ambulance, "Ambulance service", found["source"])
    )
    return found


def _centre(rng: np.random.Generator, borough: Borough, came: pd.DataFrame, worsens: bool) -> pd.DataFrame:
    """What became of everybody at the Urgent Treatment Centre."""
    size, arrived = len(came), came["arrived"].to_numpy()
    worse = worsens & (arrived >= SERVICES_MOVED)
    busy = 1 + 0.5 * _over_four_hours(arrived)
    assessed = rng.gamma(1.8, 4.5, size) * busy * np.where(worse, LONGER_AFTERWARDS, 1.0)
    treated = assessed + rng.gamma(1.7, 17, size) * busy * np.where(worse, LONGER_AFTERWARDS, 1.0)
    left = treated + 4 + rng.gamma(2, 11, size)
    slow = rng.random(size) < np.where(worse, OVER_FOUR_HOURS_AFTERWARDS, OVER_FOUR_HOURS_AT_CENTRE)
    left = np.where(slow, FOUR_HOURS + rng.exponential(35, size), np.minimum(left, FOUR_HOURS - 1)).astype(int)
    treated = np.where(slow, left * rng.uniform(0.6, 0.9, size), np.minimum(treated, left - 3)).astype(int)
    assessed = np.minimum(assessed, treated).astype(int)
    status = _endings(rng, borough, came, np.ones(size, dtype=bool), treated)
    kinds = list(told()["kinds"].values())
    goes_on = np.array([bool(kind[DEPARTMENT]) for kind in kinds])[came["kind"]] & (rng.random(size) < SENT_ON_TO_DEPARTMENT)
    goes_on &= came["minute"].to_numpy() + left + 35 < MINUTES_IN_A_DAY - 60
    status = np.where(goes_on, TO_DEPARTMENT, status)
    return _described(rng, borough, came, status, assessed, treated, left, np.full(size, CENTRE, dtype=object)).assign(decided=-1)


def _endings(rng: np.random.Generator, borough: Borough, came: pd.DataFrame, of: np.ndarray, treated: np.ndarray) -> np.ndarray:
    """How attendances ended; the longer people wait, the more of them leave. `of`: those of whom it is not known already."""
    size = len(came)
    kind = np.array(list(told()["kinds"]), dtype=object)[came["kind"]]
    years = age(borough.people["born"].to_numpy()[came["person"]], came["arrived"].to_numpy())
    others = pick(rng, [COMPLETE, TO_GP, TO_SAME_DAY_CARE], [92, 5, 3], size)
    at_centre = (came["service"] == CENTRE).to_numpy()
    others = np.where(at_centre & (others == TO_SAME_DAY_CARE), TO_PHARMACY, others)
    chance = rng.random(size)
    others = np.where((kind == "fall") & (years >= 65) & (chance < 0.15), TO_FALLS_SERVICE, others)
    others = np.where((kind == "generally unwell") & (years >= 75) & (chance < 0.2), TO_FRAILTY_SERVICE, others)
    others = np.where((kind == "low mood or distress") & (chance < 0.4), TO_MENTAL_HEALTH, others)
    gone = rng.random(size) < np.clip((treated - 30) / 1100, 0.004, 0.16)
    others = np.where(gone, pick(rng, [LEFT_AT_ONCE, LEFT_AFTER_ASSESSMENT, LEFT_BEFORE_THE_END], [30, 45, 25], size), others)
    return np.where(of, others, COMPLETE)


def _described(
    rng: np.random.Generator,
    borough: Borough,
    came: pd.DataFrame,
    status: np.ndarray,
    assessed: np.ndarray,
    treated: np.ndarray,
    left: np.ndarray,
    group: np.ndarray,
) -> pd.DataFrame:
    """The attendances with what is common to both services; `group` is an entry of `ACUITY` for each."""
    size, person, arrived = len(came), came["person"].to_numpy(), came["arrived"].to_numpy()
    seen = ~np.isin(status, [LEFT_AT_ONCE, LEFT_AFTER_ASSESSMENT])
    terms = [kind["diagnoses"] for kind in told()["kinds"].values()]
    most = max(map(len, terms))
    table = np.array([[*names, *names * most][:most] for names in terms], dtype=object)
    acuity = np.zeros(size, dtype=int)
    for name, weights in ACUITY.items():
        rows = np.flatnonzero(group == name)
        acuity[rows] = pick(rng, range(5), weights, len(rows)).astype(int)
    in_care_home = borough.residences.on(person, arrived) >= borough.first_care_home
    own = pick(rng, ["Own choice", "GP", "Advice by telephone"], [74, 9, 17], size)
    return pd.DataFrame(
        {
            "person": person,
            "service": came["service"].to_numpy(),
            "kind": came["kind"].to_numpy().astype(int),
            "arrived": arrived,
            "minute": came["minute"].to_numpy().astype(int),
            "assessed": np.where(status == LEFT_AT_ONCE, -1, assessed),
            "treated": np.where(seen, treated, -1),
            "left": left,
            "stay": came["stay"].to_numpy().astype(int),
            "status": status,
            "destination": np.where(in_care_home, CARE_HOME, HOME).astype(object),
            "diagnosis": np.where(seen, table[came["kind"].to_numpy().astype(int), rng.integers(0, most, size)], ""),
            "acuity": acuity,
            "mode": pick(rng, ["Own transport", "Walked", "Public transport"], [78, 14, 8], size),
            "source": np.where(in_care_home, "Care home", own),
        }
    )


def _categories(rng: np.random.Generator, found: pd.DataFrame) -> np.ndarray:
    """First attendances, and those of people who come again within seven days: here (2), or having been elsewhere (3)."""
    size = len(found)
    person, arrived = found["person"].to_numpy(), found["arrived"].to_numpy()
    service = (found["service"] == CENTRE).to_numpy()
    order = np.lexsort((found["minute"], arrived, person))
    again, same = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    here, before = order[1:], order[:-1]
    again[here] = (person[here] == person[before]) & (arrived[here] - arrived[before] <= 7)
    same[here] = service[here] == service[before]
    again &= rng.random(size) < COMES_AGAIN_SHARE
    category = np.where(again, np.where(same, "2", "3"), "1")
    return np.where(found["status"] == DEAD_ON_ARRIVAL, "X", category).astype(object)
