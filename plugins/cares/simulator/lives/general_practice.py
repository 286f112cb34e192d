"""Life with a GP practice in St Helens: registrations, problems, medicines, test results and appointments.

The lists stand in `general_practice.yml`. Every share and rate here is assumed. Of the appointments that a borough has
(in England about five a person a year, as NHS Digital's figures on general practice have it, recalled) about three in ten
are told, and they go to those who are ill: enough to see seasons and the first lockdown, few enough that a borough is made
in minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cares.simulator.chance import pick, stream
from cares.simulator.days import NEVER, YEAR, age, by_age, day
from cares.simulator.lives.occurrences import LOCKDOWN, calendar, drawn, on_weekdays, winter
from cares.simulator.lives.spans import in_hospital
from cares.simulator.residents import Borough

BY_TELEPHONE_FROM = day(date(2020, 3, 17))  # NHS England asked practices for it on 17 and 19 March 2020
REGISTERS_LATE_SHARE = 0.03  # somebody who lived here for a while without a practice
LEAVES_IN_A_YEAR = 0.03  # of tenants of private landlords from 18 to 40
TYPE_1_OPT_OUT_SHARE, TYPE_1_OPT_OUT_IN_A_YEAR, WITHDRAWN_SHARE = 0.028, 0.003, 0.06
ENTERED_BY_MISTAKE_SHARE = 0.002
CHEST_INFECTIONS_A_YEAR = {0: 0.03, 18: 0.012, 65: 0.03, 80: 0.05}
MORE_IN_A_DAMP_HOME = 1.3
URINARY_INFECTIONS_A_YEAR, BACK_PAIN_A_YEAR = {0: 0.003, 65: 0.03}, {18: 0.012, 65: 0.01}
STOPS_IN_A_YEAR = 0.05  # of medicines that are taken for long
APPOINTMENTS_A_YEAR, MORE_FOR_A_CONDITION, MORE_FOR_THE_OLD = 0.6, 0.75, 1.0
APPOINTMENTS_LEFT_IN_LOCKDOWN, TESTS_LEFT_IN_LOCKDOWN = 0.7, 0.55
MODES = {"Face to Face": 82, "Telephone": 13, "Home Visit": 3.5, "Online": 1, "Video": 0.2, "Unknown": 0.3}
MODES_FROM_MARCH_2020 = {"Face to Face": 24, "Telephone": 70, "Home Visit": 1, "Online": 2.5, "Video": 2, "Unknown": 0.5}
PROFESSIONALS = {
    "GP": 52,
    "Nurse": 26,
    "Healthcare Assistant": 11,
    "Pharmacist": 5,
    "Physiotherapist": 2,
    "Link Worker": 1,
    "Other": 3,
}
STATUSES = {"Attended": 90.5, "Did Not Attend": 5, "Cancelled": 3.5, "Unknown": 1}


@cache
def lists() -> dict[str, Any]:
    """The lists of `general_practice.yml`, as they stand there."""
    return yaml.safe_load(resources.files(__package__).joinpath("general_practice.yml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class GeneralPractice:
    """What the practices of St Helens know; NEVER stands where something has not happened.

    registrations: one row a patient, in the order of their numbers: person, starts, leaves (moved away), opted_out,
    withdrew. problems: person, problem (a key of the lists), onset, ended, recorded, taken_back. medicines: person,
    medicine, is_repeat, started, ended, every (days between two issues). results: person, test, on, value, in order of
    their days. appointments: person, on, booked, time, status, mode, professional, in order of their days.
    """

    registrations: pd.DataFrame
    problems: pd.DataFrame
    medicines: pd.DataFrame
    results: pd.DataFrame
    appointments: pd.DataFrame

    def is_away(self, persons: int, on: int) -> np.ndarray:
        """Whether each of the borough's `persons` people has moved away by a day."""
        away = np.zeros(persons, dtype=bool)
        away[self.registrations.loc[self.registrations["leaves"] <= on, "person"]] = True
        return away


def lives(
    seed: int, borough: Borough, stays: pd.DataFrame, is_damp: np.ndarray, last_seen: np.ndarray, told_from: int
) -> GeneralPractice:
    """What practices in St Helens know of their patients; appointments and results from half a year before `told_from` on.

    `last_seen`: the last day on which anybody else has to do with each person: nobody moves away before.
    """
    registrations = _registrations(stream(seed, "registrations"), borough, last_seen)
    person = registrations["person"].to_numpy()
    starts = np.full(len(borough.people), NEVER)
    starts[person] = registrations["starts"]
    until = np.full(len(borough.people), -NEVER)
    until[person] = np.minimum(borough.people["died"].to_numpy()[person], registrations["leaves"])

    def with_practice(table: pd.DataFrame, on: str) -> pd.DataFrame:
        who, when = table["person"].to_numpy(), table[on].to_numpy()
        return table[(when >= starts[who]) & (when < until[who])].reset_index(drop=True)

    problems = with_practice(_problems(stream(seed, "problems"), borough, stays, is_damp), "recorded")
    medicines = with_practice(_medicines(stream(seed, "medicines"), borough, problems), "recorded")
    first = told_from - round(YEAR / 2)
    results = with_practice(_results(stream(seed, "results"), borough, problems, first), "on")
    appointments = _appointments(stream(seed, "appointments"), borough, stays, problems, results, first)
    appointments = with_practice(appointments, "on")
    appointments["booked"] = np.maximum(appointments["booked"], starts[appointments["person"]])
    return GeneralPractice(registrations, problems, medicines, results, appointments)


def _registrations(rng: np.random.Generator, borough: Borough, last_seen: np.ndarray) -> pd.DataFrame:
    people = borough.people
    born, died = people["born"].to_numpy(), people["died"].to_numpy()
    of_st_helens = borough.registered_in("st_helens")
    person = np.flatnonzero(of_st_helens & (born <= borough.ends) & (died > borough.begins - 60))
    size = len(person)
    birth = born[person]
    since = borough.begins - rng.exponential(13 * YEAR, size).astype(int)
    starts = np.where(since > birth + 60, since, birth + rng.integers(4, 45, size))
    late = (rng.random(size) < REGISTERS_LATE_SHARE) & (birth < borough.begins)
    starts = np.where(late, rng.integers(borough.begins, borough.ends, size), starts)

    years = age(birth, borough.begins)
    # Tenants of Torus do not leave: it would go on to tell of them.
    first_home, last_home = (
        borough.homes["tenure"].to_numpy()[borough.residences.on(person, on)] for on in (borough.begins, borough.ends)
    )
    may_leave = (first_home == "private") & (last_home != "torus") & (years >= 18) & (years <= 40) & (died[person] == NEVER)
    told = (borough.ends - borough.begins) / YEAR
    goes_on = rng.integers(borough.begins + 60, borough.ends + 1, size)
    leaves = may_leave & (rng.random(size) < LEAVES_IN_A_YEAR * told) & (goes_on > last_seen[person]) & (goes_on > starts)

    already = (rng.random(size) < TYPE_1_OPT_OUT_SHARE) & (birth < borough.begins)
    later = (rng.random(size) < TYPE_1_OPT_OUT_IN_A_YEAR * told) & ~already
    earlier_day = np.maximum(starts, borough.begins - rng.integers(10, 1500, size))
    opted_out = np.where(already, earlier_day, np.where(later, rng.integers(borough.begins, borough.ends, size), NEVER))
    opted_out = np.where(opted_out >= starts, opted_out, NEVER)
    withdraws = (opted_out < NEVER) & (rng.random(size) < WITHDRAWN_SHARE)
    found = pd.DataFrame(
        {
            "person": person,
            "starts": starts,
            "leaves": np.where(leaves, goes_on, NEVER),
            "opted_out": opted_out,
            "withdrew": np.where(withdraws, opted_out + rng.integers(60, 600, size), NEVER),
        }
    )
    return found[starts < died[person]].reset_index(drop=True)


def _problems(rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, is_damp: np.ndarray) -> pd.DataFrame:
    people, parts = borough.people, []
    born = people["born"].to_numpy()
    for code, problem in lists()["long_term"].items():
        person = np.flatnonzero(borough.conditions[code])
        onset = borough.begins - 10 - rng.exponential(7 * YEAR, len(person)).astype(int)
        onset = np.where(onset > born[person] + 17 * YEAR, onset, (born[person] + borough.begins) // 2)
        parts.append(pd.DataFrame({"person": person, "problem": problem, "onset": onset, "ended": NEVER, "recorded": onset}))

    known = lists()["after_a_stay"]
    coded = stays[stays["primary"].isin(list(known)) & (stays["discharge_method"] != "4")]
    admitted, discharged = coded["admitted"].to_numpy(), coded["discharged"].to_numpy()
    parts.append(
        pd.DataFrame(
            {
                "person": coded["person"].to_numpy(),
                "problem": coded["primary"].map(known).to_numpy(),
                "onset": admitted,
                "ended": NEVER,
                # The hospital's letter takes some days.
                "recorded": discharged + rng.integers(2, 12, len(coded)),
            }
        )
    )
    days = calendar(borough.begins, borough.ends)
    years = age(born, borough.middle)
    damp = is_damp[borough.residences.on(borough.everybody, borough.middle)]
    lungs = borough.has("J449", "J459")
    chest = by_age(years, CHEST_INFECTIONS_A_YEAR) * np.where(damp, MORE_IN_A_DAMP_HOME, 1.0) * np.where(lungs, 3.0, 1.0)
    left = np.where(days >= LOCKDOWN, 0.6, 1.0) * on_weekdays(days) * YEAR / 261
    minor = {
        "chest infection": (chest, winter(days, 0.7)),
        "urinary infection": (by_age(years, URINARY_INFECTIONS_A_YEAR), np.ones(len(days))),
        "back pain": (by_age(years, BACK_PAIN_A_YEAR), np.ones(len(days))),
    }
    for problem, (rate, season) in minor.items():
        person, on = drawn(rng, rate, days, season * left)
        ended = on + rng.integers(7, 40, len(on))
        parts.append(
            pd.DataFrame({"person": person, "problem": problem, "onset": on, "ended": ended, "recorded": on, "seen": True})
        )
    found = pd.concat(parts, ignore_index=True).fillna({"seen": False}).astype({"seen": bool})
    mistaken = (rng.random(len(found)) < ENTERED_BY_MISTAKE_SHARE) & found["seen"].to_numpy()
    found["taken_back"] = np.where(mistaken, found["recorded"] + rng.integers(3, 50, len(found)), NEVER)
    return found.sort_values(["recorded", "person", "problem"], kind="stable").reset_index(drop=True)


def _medicines(rng: np.random.Generator, borough: Borough, problems: pd.DataFrame) -> pd.DataFrame:
    parts = []
    died = borough.people["died"].to_numpy()
    true = problems[problems["taken_back"] == NEVER]
    for problem, medicines in lists()["treatment"].items():
        having = true[true["problem"] == problem]
        for medicine, share in medicines.items():
            chosen = having[rng.random(len(having)) < share]
            person = chosen["person"].to_numpy()
            started = chosen["recorded"].to_numpy() + rng.integers(0, 30, len(chosen))
            # What stopped before the story begins is left out; so are medicines that were begun anew.
            ended = np.maximum(started, borough.begins) + rng.exponential(YEAR / STOPS_IN_A_YEAR, len(chosen)).astype(int) + 14
            ended = np.where((ended < borough.ends) & (ended < died[person]), ended, NEVER)
            part = {"person": person, "medicine": medicine, "is_repeat": True, "started": started, "ended": ended}
            parts.append(pd.DataFrame(part | {"every": pick(rng, [28, 56], [70, 30], len(chosen)).astype(int)}))
    for problem, medicine in lists()["short_treatment"].items():
        chosen = true[(true["problem"] == problem) & true["seen"] & (rng.random(len(true)) < 0.8)]
        started = chosen["recorded"].to_numpy()
        part = {"person": chosen["person"].to_numpy(), "medicine": medicine, "is_repeat": False, "started": started}
        parts.append(pd.DataFrame(part | {"ended": started + 5, "every": NEVER}))
    found = pd.concat(parts, ignore_index=True)
    found = found.sort_values(["started", "person", "medicine"], kind="stable")
    repeated = found["is_repeat"] & found.duplicated(["person", "medicine"])
    return found[~repeated].assign(recorded=lambda table: table["started"]).reset_index(drop=True)


def _results(rng: np.random.Generator, borough: Borough, problems: pd.DataFrame, first: int) -> pd.DataFrame:
    days = calendar(first, borough.ends)
    weight = on_weekdays(days) * YEAR / 261 * np.where(days >= LOCKDOWN, TESTS_LEFT_IN_LOCKDOWN, 1.0)
    parts = []
    for test, of in lists()["tests"].items():
        rate = np.zeros(len(borough.people))
        for problem, per_year in of["who"].items():
            rate[np.unique(problems.loc[problems["problem"] == problem, "person"])] += per_year
        person, on = drawn(rng, rate, days, weight)
        # A person has a level of their own, about which each test varies.
        usual = of["mean"] + of["spread"] * np.sin(person * 12.9898)
        value = np.maximum(usual + rng.normal(0, of["spread"] / 3, len(person)), of["spread"] / 4)
        parts.append(pd.DataFrame({"person": person, "test": test, "on": on, "value": np.round(value, of["decimals"])}))
    return pd.concat(parts, ignore_index=True).sort_values(["on", "person", "test"], kind="stable").reset_index(drop=True)


def _appointments(
    rng: np.random.Generator,
    borough: Borough,
    stays: pd.DataFrame,
    problems: pd.DataFrame,
    results: pd.DataFrame,
    first: int,
) -> pd.DataFrame:
    """Routine appointments, and those in which a problem was found or blood was taken."""
    people = borough.people
    last = borough.ends + 28  # what is booked already when the story ends
    days = calendar(first, last)
    years = age(people["born"].to_numpy(), borough.middle)
    several = np.minimum(borough.conditions.to_numpy().sum(axis=1), 4)
    rate = (
        APPOINTMENTS_A_YEAR + MORE_FOR_A_CONDITION * several + MORE_FOR_THE_OLD * (years >= 75) * np.clip(people["frailty"], 0, 2)
    )
    weight = on_weekdays(days) * YEAR / 261 * winter(days, 0.1)
    weight = weight * np.where(days >= BY_TELEPHONE_FROM, APPOINTMENTS_LEFT_IN_LOCKDOWN, 1.0)
    routine, on = drawn(rng, rate.to_numpy() * 0.75, days, weight)
    acute = problems[problems["seen"] & (problems["recorded"] >= first)]
    blood = results.drop_duplicates(["person", "on"])
    person = np.concatenate([routine, acute["person"].to_numpy(), blood["person"].to_numpy()])
    kind = np.repeat(["routine", "acute", "blood"], [len(routine), len(acute), len(blood)])
    on = np.concatenate([on, acute["recorded"].to_numpy(), blood["on"].to_numpy()])
    size = len(person)
    status = pick(rng, list(STATUSES), list(STATUSES.values()), size)
    status = np.where(kind == "routine", status, "Attended")
    # Nobody comes to the practice from a hospital bed.
    status = np.where((status == "Attended") & (kind != "blood") & in_hospital(stays).cover(person, on), "Cancelled", status)
    mode = np.where(
        on >= BY_TELEPHONE_FROM,
        pick(rng, list(MODES_FROM_MARCH_2020), list(MODES_FROM_MARCH_2020.values()), size),
        pick(rng, list(MODES), list(MODES.values()), size),
    )
    professional = pick(rng, list(PROFESSIONALS), list(PROFESSIONALS.values()), size)
    drawn_by = pick(rng, ["Nurse", "Healthcare Assistant"], [45, 55], size)
    time = np.array([f"{hour:02d}:{minute:02d}" for hour in range(8, 18) for minute in range(0, 60, 10)], dtype=object)
    table = pd.DataFrame(
        {
            "person": person,
            "on": on,
            "booked": on - np.where(kind == "acute", 0, rng.integers(0, 22, size)),
            "time": time[rng.integers(0, len(time), size)],
            "status": status,
            "mode": np.where(kind == "blood", "Face to Face", mode),
            "professional": np.select([kind == "blood", kind == "acute"], [drawn_by, "GP"], professional),
        }
    )
    return table.sort_values(["on", "person", "time"], kind="stable").reset_index(drop=True)
