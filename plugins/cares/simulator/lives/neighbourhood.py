"""Life in the homes of Torus, and who there is known to many: damp, repairs, neighbours in conflict, adaptations, arrears.

Every share, rate and length here is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cares.simulator import identifiers
from cares.simulator.chance import pick, stream
from cares.simulator.days import NEVER, YEAR, age
from cares.simulator.lives.occurrences import LOCKDOWN, calendar, drawn_evenly, winter
from cares.simulator.residents import Borough

DAMP_SHARE = {"torus": 0.09, "private": 0.12, "social": 0.09, "owned": 0.03}
MORE_DAMP_WHERE_CHESTS_ARE_ILL = 0.6  # who lives in a damp home has somewhat more chest infections, told from its end
REPAIRS_PER_HOME_A_YEAR, DAMP_REPAIRS_PER_DAMP_HOME_A_YEAR = 1.6, 0.7
REPAIRS_LEFT_IN_LOCKDOWN = 0.85
REPAIRS = {
    "Plumbing": 24,
    "Heating and Hot Water": 18,
    "Electrical": 14,
    "Windows and Doors": 14,
    "Roof": 6,
    "Structure": 4,
    "Security": 5,
    "Gas Safety": 5,
    "Other": 10,
}
DAYS_TO_REPAIR = {"Emergency": 0.6, "Urgent": 5, "Routine": 22, "Planned": 70}
CASES_PER_HOME_A_YEAR = 0.055
CATEGORIES = {
    "Noise": 36,
    "Harassment": 12,
    "Hate Incident": 3,
    "Domestic Abuse": 5,
    "Drugs": 10,
    "Vandalism": 6,
    "Violence or Threats": 9,
    "Rubbish": 8,
    "Animals": 5,
    "Vehicles": 3,
    "Exploitation of the Tenant": 1,
    "Other": 2,
}
ADAPTED_AFTER_A_FALL, ADAPTED_AFTER_REABLEMENT, ADAPTED_ALREADY = 0.3, 0.35, 0.3
ADAPTATIONS = {  # weight and days until it is ready
    "Grab Rails": (38, 15),
    "Level Access Shower": (24, 95),
    "Stairlift": (14, 60),
    "Ramp": (8, 70),
    "Door Entry": (7, 30),
    "Sensory Aid": (4, 20),
    "Wider Doors": (2, 110),
    "Adapted Kitchen": (1, 140),
    "Hoist": (1, 50),
    "Through-Floor Lift": (1, 180),
}
BEHIND_WITH_RENT_SHARE = 0.26
KNOWN_TO_MANY_PER_1000 = 2.5  # adults of 22 to 60 with trouble of several kinds at once


@dataclass(frozen=True)
class Neighbourhood:
    """What happens in homes. NEVER stands where something has not ended.

    is_damp: one value a home. known_to_many: persons. repairs: home, category, priority, is_damp, reported, inspected,
    completed, in order of report. cases: number, home, role, category, opened, closed; a row for each home in it.
    adaptations: person, home, kind, requested, completed, removed. alerts: person, code, starts, ends.
    arrears: one row a home of Torus that was ever behind: home, base, swing, phase; see `weeks_behind`.
    """

    is_damp: np.ndarray
    known_to_many: np.ndarray
    repairs: pd.DataFrame
    cases: pd.DataFrame
    adaptations: pd.DataFrame
    alerts: pd.DataFrame
    arrears: pd.DataFrame

    def weeks_behind(self, on: int) -> np.ndarray:
        """How many weeks of rent each row of `arrears` is behind on a day; more from the first lockdown on."""
        table = self.arrears
        swing = 1 + table["swing"] * np.sin(2 * np.pi * on / YEAR + table["phase"])
        weeks = table["base"] * swing + np.where(on > LOCKDOWN + 20, 0.8, 0.0)
        return np.maximum(weeks.to_numpy() - 0.5, 0)


def lives(seed: int, borough: Borough, stays: pd.DataFrame, social_care: pd.DataFrame) -> Neighbourhood:
    """What happens in and around the homes of the borough."""
    torus = np.flatnonzero(borough.homes["tenure"] == "torus")
    is_damp = _damp(stream(seed, "damp homes"), borough, stays)
    known = _known_to_many(stream(seed, "known to many"), borough)
    cases = _cases(stream(seed, "anti-social behaviour"), borough, torus)
    return Neighbourhood(
        is_damp,
        known,
        _repairs(stream(seed, "repairs"), borough, torus, is_damp),
        cases,
        _adaptations(stream(seed, "adaptations"), borough, stays, social_care),
        _alerts(stream(seed, "alerts"), borough, known, cases),
        _arrears(stream(seed, "arrears"), torus),
    )


def _damp(rng: np.random.Generator, borough: Borough, stays: pd.DataFrame) -> np.ndarray:
    share = np.array([DAMP_SHARE.get(tenure, 0.0) for tenure in borough.homes["tenure"]])
    ill = stays[stays["reason"] == "respiratory infection"]
    has_ill = np.zeros(len(share), dtype=bool)
    has_ill[borough.residences.on(ill["person"].to_numpy(), ill["admitted"].to_numpy())] = True
    return rng.random(len(share)) < share * np.where(has_ill, 1 + MORE_DAMP_WHERE_CHESTS_ARE_ILL, 1.0)


def _known_to_many(rng: np.random.Generator, borough: Borough) -> np.ndarray:
    years = age(borough.people["born"].to_numpy(), borough.begins)
    likely = np.where(borough.conditions["F329"], 4.0, 1.0) * np.where(borough.conditions["F171"], 2.0, 1.0)
    fits = (years >= 22) & (years <= 60) & borough.live_in("st_helens")
    share = KNOWN_TO_MANY_PER_1000 / 1000 * likely
    found = np.flatnonzero(fits & (rng.random(len(years)) < share))
    # Even the smallest borough has somebody.
    return found if len(found) > 1 else np.flatnonzero(fits)[:2]


def _repairs(rng: np.random.Generator, borough: Borough, torus: np.ndarray, is_damp: np.ndarray) -> pd.DataFrame:
    days = calendar(borough.begins, borough.ends)
    left = np.where(days >= LOCKDOWN, REPAIRS_LEFT_IN_LOCKDOWN, 1.0)
    ordinary = drawn_evenly(rng, np.full(len(torus), REPAIRS_PER_HOME_A_YEAR), days, winter(days, 0.15) * left)
    rate = np.where(is_damp[torus], DAMP_REPAIRS_PER_DAMP_HOME_A_YEAR, 0.004)
    damp = drawn_evenly(rng, rate, days, winter(days, 0.7) * left)
    at, reported = (np.concatenate(both) for both in zip(ordinary, damp, strict=True))
    size, first_damp = len(at), len(ordinary[0])
    home = torus[at]
    for_damp = np.arange(size) >= first_damp
    category = np.where(for_damp, "Damp and Mould", pick(rng, list(REPAIRS), list(REPAIRS.values()), size))
    usual = pick(rng, list(DAYS_TO_REPAIR), [18, 26, 46, 10], size)
    priority = np.where(category == "Gas Safety", "Emergency", np.where(for_damp & (usual == "Emergency"), "Urgent", usual))
    mean = np.array([DAYS_TO_REPAIR[name] for name in priority])
    took = (rng.gamma(1.4, mean / 1.4) * np.where(for_damp, 1.8, 1.0)).astype(int)
    # Some of what was not urgent when the first lockdown began had to wait for it to end.
    waits = np.isin(priority, ["Routine", "Planned"]) & (reported < LOCKDOWN) & (reported + took >= LOCKDOWN)
    waits &= rng.random(size) < 0.3
    took = np.where(waits, took + 75, took)
    inspects = for_damp | (np.isin(category, ["Roof", "Structure"]) & (rng.random(size) < 0.7))
    inspected = np.where(inspects, reported + np.minimum(rng.integers(0, 21, size), took), NEVER)
    wet = np.isin(category, ["Plumbing", "Roof", "Windows and Doors", "Heating and Hot Water"])
    table = pd.DataFrame(
        {
            "home": home,
            "category": category,
            "priority": priority,
            "is_damp": for_damp | (is_damp[home] & wet & (rng.random(size) < 0.3)),
            "reported": reported,
            "inspected": inspected,
            "completed": np.where(rng.random(size) < 0.985, reported + took, NEVER),
        }
    )
    table = table.sort_values("reported", kind="stable").reset_index(drop=True)
    return table.assign(number=identifiers.in_no_order(rng, "J{:07d}", size))


def _cases(rng: np.random.Generator, borough: Borough, torus: np.ndarray) -> pd.DataFrame:
    """Cases between neighbours; some homes are reported again and again."""
    days = calendar(borough.begins, borough.ends)
    trouble = rng.gamma(0.15, 1 / 0.15, len(torus))
    weight = winter(days, -0.2) * np.where(days >= LOCKDOWN, 1.3, 1.0)
    at, opened = drawn_evenly(rng, CASES_PER_HOME_A_YEAR * trouble / max(trouble.mean(), 1e-9), days, weight)
    about = torus[at]
    size = len(about)
    # The neighbour who reports lives in the same street: the next of the homes in the order of postcodes.
    by_street = torus[np.argsort(borough.homes["postcode"].to_numpy()[torus].astype(str), kind="stable")]
    place = np.empty(len(borough.homes), dtype=int)
    place[by_street] = np.arange(len(by_street))
    reporter = by_street[(place[about] + rng.integers(1, 4, size)) % len(by_street)] if size else about
    closed = opened + 7 + rng.gamma(1.5, 40, size).astype(int)
    shared = pd.DataFrame(
        {
            "number": identifiers.in_no_order(rng, "ASB{:06d}", size),
            "category": pick(rng, list(CATEGORIES), list(CATEGORIES.values()), size),
            "opened": opened,
            "closed": np.where(rng.random(size) < 0.95, closed, NEVER),
        }
    )
    is_reported_by_tenant = (rng.random(size) < 0.7) & (reporter != about)
    both = [
        shared.assign(home=about, role="Reported About"),
        shared.assign(home=reporter, role="Reported By")[is_reported_by_tenant],
    ]
    return pd.concat(both).sort_values(["opened", "number", "role"], kind="stable").reset_index(drop=True)


def _adaptations(rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, social_care: pd.DataFrame) -> pd.DataFrame:
    """What is put in for tenants after a fall, after reablement, and what was there already."""
    people = borough.people
    born, died = people["born"].to_numpy(), people["died"].to_numpy()
    falls = stays[(stays["reason"] == "fall") & ~stays["is_day_case"]]
    helped = social_care[(social_care["component"] == "Reablement") & (social_care["ends"] < NEVER)]
    person = np.concatenate([falls["person"], helped["person"]]).astype(int)
    asked = np.concatenate([falls["discharged"], helped["ends"]]).astype(int)
    share = np.repeat([ADAPTED_AFTER_A_FALL, ADAPTED_AFTER_REABLEMENT], [len(falls), len(helped)])
    wanted = (rng.random(len(person)) < share) & (age(born[person], asked) >= 60) & (died[person] > asked + 20)
    person, asked = person[wanted], asked[wanted] + rng.integers(1, 22, int(wanted.sum()))

    years = age(born, borough.begins)
    older = np.flatnonzero((years >= 70) & (died > borough.begins) & (born < borough.begins))
    already = older[rng.random(len(older)) < ADAPTED_ALREADY * np.clip(people["frailty"].to_numpy()[older], 0, 1.5) / 1.5]
    person = np.concatenate([person, already])
    asked = np.concatenate([asked, borough.begins - 150 - rng.integers(0, 2500, len(already))])

    home = borough.residences.on(person, asked)
    in_torus = (borough.homes["tenure"] == "torus").to_numpy()[home]
    person, asked, home = person[in_torus], asked[in_torus], home[in_torus]
    kind = pick(rng, list(ADAPTATIONS), [weight for weight, _ in ADAPTATIONS.values()], len(person))
    mean = np.array([ADAPTATIONS[name][1] for name in kind], dtype=float)
    ready = asked + 2 + rng.gamma(3.0, mean / 3.0).astype(int)
    ready = np.where((asked < LOCKDOWN) & (ready >= LOCKDOWN) & (mean > 30), ready + 80, ready)
    removed = np.where(rng.random(len(person)) < 0.03, ready + rng.integers(200, 900, len(person)), NEVER)
    table = pd.DataFrame(
        {"person": person, "home": home, "kind": kind, "requested": asked, "completed": ready, "removed": removed}
    )
    table = table.sort_values(["requested", "person", "kind"], kind="stable").drop_duplicates(["home", "kind"])
    return table.assign(number=identifiers.in_no_order(rng, "AD{:06d}", len(table))).reset_index(drop=True)


def _alerts(rng: np.random.Generator, borough: Borough, known: np.ndarray, cases: pd.DataFrame) -> pd.DataFrame:
    people = borough.people
    years = age(people["born"].to_numpy(), borough.begins)
    alone = borough.is_alone
    frailty = people["frailty"].to_numpy()
    of_many = np.isin(borough.everybody, known)
    in_trouble = np.zeros(len(borough.homes), dtype=bool)
    about = cases.loc[cases["role"] == "Reported About", "home"].value_counts()
    in_trouble[about[about >= 3].index.to_numpy()] = True
    at_home = borough.residences.on(borough.everybody, borough.begins)
    grown = years >= 18

    shares = {  # the code of an alert: who has it with which share
        "20-60": (years >= 80) & alone,
        "20-10": 0.12 * (years >= 70),
        "20-20": 0.05 * (years >= 70),
        "20-30": 0.15 * borough.has("J449", "I500"),
        "20-40": 0.12 * (years >= 65) * np.clip(frailty, 0, 2),
        "20-50": 0.012 * grown,
        "20": 0.6 * borough.has("F819"),
        "60": 0.35 * borough.has("F03X", "G309"),
        "20-70": 0.15 * of_many,
        "10": 0.35 * of_many,
        "10-10": 0.4 * (in_trouble[at_home] & people["is_reference"].to_numpy()),
        "40": 0.25 * (grown & ~people["origin"].isin(["english", "irish"]).to_numpy()),
        "30": 0.006 * grown,
        "50": 0.002 * (people["sex"].to_numpy() == "F") * grown,
        "1": 0.006 * grown,
    }
    parts = []
    for code, share in shares.items():
        person = np.flatnonzero(rng.random(len(people)) < share)
        starts = borough.begins - rng.integers(0, 2000, len(person)) + rng.integers(0, 2, len(person)) * 1100
        ended = rng.random(len(person)) < 0.12
        ends = np.where(ended, starts + rng.integers(200, 2000, len(person)), NEVER)
        parts.append(pd.DataFrame({"person": person, "code": code, "starts": starts, "ends": ends}))
    table = pd.concat(parts, ignore_index=True).sort_values(["starts", "person"], kind="stable")
    return table.assign(number=identifiers.in_no_order(rng, "AL{:06d}", len(table))).reset_index(drop=True)


def _arrears(rng: np.random.Generator, torus: np.ndarray) -> pd.DataFrame:
    behind = torus[rng.random(len(torus)) < BEHIND_WITH_RENT_SHARE]
    size = len(behind)
    return pd.DataFrame(
        {
            "home": behind,
            "base": rng.gamma(0.9, 4.2, size),
            "swing": rng.random(size) * 0.9,
            "phase": rng.random(size) * 2 * np.pi,
        }
    )
