"""Who decides what about the Shared Care Record: permissions, refusals, withdrawals, emergencies and objections.

The record has been live since September 2018 and covers people registered with a St Helens GP; whoever has decided
nothing is not shown. Every rate and share here is assumed.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from cares.simulator import bodies, homes
from cares.simulator.chance import pick, stream
from cares.simulator.days import MINUTES_IN_A_DAY, NEVER, YEAR, age, day, weekday_of
from cares.simulator.residents import Borough

RECORD_LIVE_FROM = day(date(2018, 9, 3))
ASKED_AT_A_STAY, ASKED_AT_A_REQUEST, ASKED_BY_THE_PRACTICE_A_YEAR = 0.10, 0.35, 0.012
FIRST_ANSWERS = {"permitted": 86, "declined": 7, "undecided": 7}
PERMITTED_FOR_A_TIME_SHARE = 0.02  # of permissions: a year and no longer
WITHDRAWN_SHARE, DECIDES_AFTER_ALL_SHARE, PERMITS_AFTER_ALL_SHARE = 0.03, 0.5, 0.12
OBJECTS_TO_ONE_SHARE = 0.015  # of those who permit
OBJECTED_TO = {"RTV": 60, "RBN": 15, "RY2": 10, "E08000013": 15}
EMERGENCY_SHARE = 0.004  # of emergency stays of people who have decided nothing
WRITTEN_DOWN_LATE_SHARE = 0.04
COLUMNS = ("person", "on", "minute", "state", "by", "capacity", "scope", "about", "emergency", "ends", "recorded_by", "written")


def decisions(seed: int, borough: Borough, stays: pd.DataFrame, social_care: pd.DataFrame) -> pd.DataFrame:
    """Every decision, in the order in which they were written down.

    Columns: person; on (day), minute; state, by, capacity, scope as the contract codes them; about (the code of the one
    organisation that an objection names); emergency (its reason); ends (day; NEVER: none); recorded_by (code); written
    (the day on which the desk wrote it down).
    """
    rng = stream(seed, "permissions")
    begins = max(RECORD_LIVE_FROM, borough.begins)
    asked = _asked(rng, borough, stays, social_care, begins)
    first = _decide(rng, borough, asked, pick(rng, list(FIRST_ANSWERS), list(FIRST_ANSWERS.values()), len(asked)))
    permits = (first["state"] == "permitted").to_numpy()
    first.loc[permits & (rng.random(len(first)) < PERMITTED_FOR_A_TIME_SHARE), "ends"] = first["on"] + 365
    parts = [
        first,
        _later(rng, borough, first[permits], WITHDRAWN_SHARE, 200, "withdrawn"),
        _later(rng, borough, first[first["state"] == "undecided"], DECIDES_AFTER_ALL_SHARE, 40, "permitted"),
        _later(rng, borough, first[first["state"] == "declined"], PERMITS_AFTER_ALL_SHARE, 150, "permitted"),
        _objections(rng, borough, first[permits]),
        _emergencies(rng, borough, stays, first, begins),
    ]
    found = pd.concat(parts, ignore_index=True)
    found["written"] = found["on"] + (rng.random(len(found)) < WRITTEN_DOWN_LATE_SHARE) * rng.integers(1, 6, len(found))
    person, on = found["person"].to_numpy(), found["on"].to_numpy()
    died = borough.people["died"].to_numpy()[person]
    found = found[(on <= np.minimum(died, borough.ends)) & (on >= begins) & (on < borough.adopted_on[person])]
    return found[list(COLUMNS)].sort_values(["written", "on", "minute", "person"], kind="stable").reset_index(drop=True)


def shown_at(decisions: pd.DataFrame, person: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """The state of each person's whole record at a moment (minutes since 1 January 1970): one of the contract's states.

    Who has decided nothing, or whose permission or emergency has ended, is undecided.
    """
    whole = decisions[decisions["scope"] == "whole record"]
    span = np.int64(NEVER) * MINUTES_IN_A_DAY
    order = np.lexsort((whole["minute"], whole["on"], whole["person"]))
    whole = whole.iloc[order]
    keys = (
        whole["person"].to_numpy(dtype=np.int64) * span + whole["on"].to_numpy() * MINUTES_IN_A_DAY + whole["minute"].to_numpy()
    )
    at = np.searchsorted(keys, person.astype(np.int64) * span + moment, "right") - 1
    if not len(whole):
        return np.full(len(person), "undecided", dtype=object)
    told = (at >= 0) & (whole["person"].to_numpy()[at] == person) & (moment // MINUTES_IN_A_DAY <= whole["ends"].to_numpy()[at])
    return np.where(told, whole["state"].to_numpy()[at], "undecided").astype(object)


def _asked(
    rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, social_care: pd.DataFrame, begins: int
) -> pd.DataFrame:
    """Who is asked first, on which day and by whom: in hospital, when asking for social care, or by the practice."""
    covered = borough.registered_in("st_helens")
    at_stays = stays[rng.random(len(stays)) < ASKED_AT_A_STAY]
    # Who lives elsewhere asks another council, which does not keep this record.
    requests = social_care[(social_care["kind"] == "Request") & borough.live_in("st_helens")[social_care["person"]]]
    requests = requests[rng.random(len(requests)) < ASKED_AT_A_REQUEST]
    years = (borough.ends - begins) / YEAR
    by_practice = np.flatnonzero(rng.random(len(borough.people)) < ASKED_BY_THE_PRACTICE_A_YEAR * years)
    by_practice = by_practice[borough.people["born"].to_numpy()[by_practice] < begins]
    parts = [
        pd.DataFrame({"person": at_stays["person"], "on": at_stays["admitted"], "recorded_by": bodies.HOSPITAL}),
        pd.DataFrame({"person": requests["person"], "on": requests["starts"], "recorded_by": bodies.COUNCILS["st_helens"]}),
        pd.DataFrame({"person": by_practice, "on": rng.integers(begins, borough.ends + 1, len(by_practice))}),
    ]
    asked = pd.concat(parts, ignore_index=True).astype({"person": int, "on": int})
    of_practice = homes.practice_codes()[borough.people["practice"].to_numpy()[asked["person"]]]
    asked["recorded_by"] = np.where(asked["recorded_by"].isna(), of_practice, asked["recorded_by"])
    asked["on"] = asked["on"] + np.array([0, 0, 0, 0, 0, 2, 1])[weekday_of(asked["on"])]  # the desk does not work at weekends
    asked = asked[covered[asked["person"]] & (asked["on"] >= begins)]
    return asked.sort_values(["on", "person"], kind="stable").drop_duplicates("person").reset_index(drop=True)


def _decide(rng: np.random.Generator, borough: Borough, asked: pd.DataFrame, state: np.ndarray | str) -> pd.DataFrame:
    """A decision about the whole record for everybody asked, by whoever may decide for them."""
    person, size = asked["person"].to_numpy(), len(asked)
    years = age(borough.people["born"].to_numpy()[person], asked["on"].to_numpy())
    dementia = borough.has("F03X", "G309")[person]
    cannot = dementia & (rng.random(size) < 0.7)
    competent = (years >= 12) & (years < 16) & (rng.random(size) < 0.25)
    for_somebody = pick(rng, ["attorney", "deputy", "best interests"], [48, 6, 46], size)
    by = np.select([(years < 16) & ~competent, cannot], ["parent", for_somebody], "person")
    capacity = np.select(
        [competent, years < 16, cannot, rng.random(size) < 0.03],
        ["competent child", "child", "lacks capacity", "not assessed"],
        "has capacity",
    )
    decided = {"person": person, "on": asked["on"].to_numpy(), "minute": rng.integers(9 * 60, 17 * 60, size), "state": state}
    words = {"by": by, "capacity": capacity, "scope": "whole record", "about": "", "emergency": ""}
    return pd.DataFrame(decided | words | {"ends": NEVER, "recorded_by": asked["recorded_by"].to_numpy()})


def _later(
    rng: np.random.Generator, borough: Borough, before: pd.DataFrame, share: float, after_days: float, state: str
) -> pd.DataFrame:
    """Some decide anew, so many days later on average."""
    again = before[rng.random(len(before)) < share]
    on = again["on"] + 1 + rng.exponential(after_days, len(again)).astype(int)
    return _decide(rng, borough, again.assign(on=on), state)


def _objections(rng: np.random.Generator, borough: Borough, permits: pd.DataFrame) -> pd.DataFrame:
    """Some who permit object to what one organisation sent: in its code of the day."""
    objects = _later(rng, borough, permits, OBJECTS_TO_ONE_SHARE, 60, "declined")
    about = pick(rng, list(OBJECTED_TO), list(OBJECTED_TO.values()), len(objects))
    return objects.assign(scope="one organisation", about=bodies.of_the_day(about, objects["on"].to_numpy()))


def _emergencies(
    rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, first: pd.DataFrame, begins: int
) -> pd.DataFrame:
    """The record of somebody who has decided nothing is shown in an emergency, until a day that is named."""
    decided_on = np.full(len(borough.people), NEVER)
    decided_on[first["person"]] = first["on"]
    person, on = stays["person"].to_numpy(), stays["admitted"].to_numpy()
    fits = (
        ~stays["is_planned"].to_numpy() & (on >= begins) & (decided_on[person] > on) & borough.registered_in("st_helens")[person]
    )
    fits &= rng.random(len(stays)) < EMERGENCY_SHARE
    some = pd.DataFrame({"person": person[fits], "on": on[fits], "recorded_by": bodies.HOSPITAL})
    size = len(some)
    reason = pick(rng, ["unconscious", "lacks capacity", "danger to life", "another reason"], [46, 36, 14, 4], size)
    return _decide(rng, borough, some, "emergency").assign(
        minute=rng.integers(0, MINUTES_IN_A_DAY, size),
        by="professional",
        capacity=np.where(reason == "danger to life", "not assessed", "lacks capacity"),
        emergency=reason,
        ends=some["on"].to_numpy() + rng.integers(1, 4, size),
    )
