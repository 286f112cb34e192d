"""Incidents that the police are called to, and visits of the fire service, among the people of St Helens.

Every share and rate here is assumed. Incidents are those that a community-safety partnership looks at, not all that
the police record.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cares.simulator import identifiers
from cares.simulator.chance import pick, stream
from cares.simulator.days import NEVER, YEAR, age
from cares.simulator.lives.looked_after import LookedAfter, in_care
from cares.simulator.lives.neighbourhood import Neighbourhood
from cares.simulator.lives.occurrences import LOCKDOWN, calendar, drawn_evenly, on_weekdays, winter
from cares.simulator.lives.spans import Spans
from cares.simulator.residents import Borough

CRIMES_PER_PERSON_A_YEAR = 0.038
CRIMES = {
    "Violence and sexual offences": 26,
    "Anti-social behaviour": 24,
    "Criminal damage and arson": 11,
    "Burglary": 8,
    "Other theft": 7,
    "Vehicle crime": 7,
    "Public order": 6,
    "Drugs": 4,
    "Shoplifting": 3,
    "Robbery": 1,
    "Theft from the person": 1,
    "Possession of weapons": 1,
    "Hate incident": 1,
}
IN_A_HOME = ("Burglary", "Domestic incident", "Mental health incident", "Concern for safety")
SUSPECT_KNOWN_SHARE = 0.32
SUSPECTS_SHARE = 0.02  # of men of 15 to 45: a few of them stand behind most of it
DOMESTIC_HOUSEHOLDS_SHARE, DOMESTIC_INCIDENTS_A_YEAR = 0.03, 0.9
CONCERNS_A_YEAR = {"F03X": 0.03, "G309": 0.03, "F329": 0.02}
KNOWN_TO_MANY_INCIDENTS_A_YEAR = 3.5
OUTCOMES = {
    "No Further Action": 50,
    "Resolved in the Community": 16,
    "Passed to Another Agency": 12,
    "Charged": 10,
    "Caution or Penalty": 6,
    "No Crime": 6,
}
VISITS_PER_HOUSEHOLD_A_YEAR = 0.032  # where nothing makes harm by fire more likely
VISITS_LEFT_IN_LOCKDOWN = 0.75
OXYGEN_SHARE = {"J449": 0.08, "I500": 0.02}
VISIT_OUTCOMES = {"Completed": 78, "Partly Completed": 4, "Refused": 5, "No Answer": 9, "Cancelled": 4}
AGREES_TO_BE_NAMED_SHARE = 0.75
REFERRERS = {
    "Merseyside Fire and Rescue Service": 40,
    "St Helens and Knowsley Teaching Hospitals": 12,
    "St Helens Borough Council": 16,
    "Torus": 14,
    "Bridgewater Community Healthcare": 8,
    "Merseyside Police": 4,
    "Self": 6,
}


@dataclass(frozen=True)
class Safety:
    """Incidents with the people in them, and visits with what was found and done.

    incidents: number, day, time, category, is_domestic, home, is_in_home, decided, outcome; in order of their days.
    involved: incident (its place), person, role, mental_health, drink_or_drugs, adult_at_risk, child_at_risk, is_repeat,
    is_missing, marac. visits: number, day, home, person (-1: nobody named), referrer, risk, outcome, onward, onward_on.
    vulnerabilities: visit (its place), found. actions: visit, action, quantity ("" where nothing is counted).
    """

    incidents: pd.DataFrame
    involved: pd.DataFrame
    visits: pd.DataFrame
    vulnerabilities: pd.DataFrame
    actions: pd.DataFrame


def lives(seed: int, borough: Borough, looked_after: LookedAfter, neighbourhood: Neighbourhood) -> Safety:
    """What happened that police and fire service know of."""
    incidents, involved = _incidents(stream(seed, "incidents"), borough, looked_after, neighbourhood.known_to_many)
    visits, found, done = _visits(stream(seed, "fire visits"), borough, neighbourhood.known_to_many)
    return Safety(incidents, involved, visits, found, done)


def _incidents(
    rng: np.random.Generator, borough: Borough, looked_after: LookedAfter, known: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    days = calendar(borough.begins, borough.ends)
    locked = days >= LOCKDOWN
    parts = [
        _crimes(rng, borough, days, winter(days, -0.08) * np.where(locked, 0.75, 1.0), known),
        _domestic(rng, borough, days, winter(days, -0.05) * np.where(locked, 1.15, 1.0)),
        _concerns(rng, borough, days, known),
        _missing_children(looked_after),
    ]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    for column, blank in {"suspect": -1, "child": -1, "is_domestic": False, "is_missing": False}.items():
        table[column] = table.get(column, pd.Series(blank, table.index)).fillna(blank).astype(type(blank))
    born, died = borough.people["born"].to_numpy(), borough.people["died"].to_numpy()
    person, day_of = table["person"].to_numpy(), table["day"].to_numpy()
    table = table[(born[person] < day_of) & (day_of < died[person]) & (day_of <= borough.ends)]
    table = table.sort_values(["day", "person", "category"], kind="stable").reset_index(drop=True)
    size = len(table)
    person, day_of, category = table["person"].to_numpy(), table["day"].to_numpy(), table["category"].to_numpy()
    table["number"] = identifiers.in_no_order(rng, "MP{:08d}", size)
    # Not in the hour after one o'clock, which the night of one Sunday has twice and that of another not at all.
    hour = pick(
        rng, [0, 2, 3, 8, 10, 12, 14, 16, 17, 18, 19, 20, 21, 22, 23], [7, 4, 2, 3, 4, 6, 7, 8, 8, 9, 9, 9, 9, 8, 7], size
    )
    minute = rng.integers(0, 60, size)
    table["time"] = np.array([f"{of:02d}:{past:02d}" for of, past in zip(hour, minute, strict=True)], dtype=object)
    at_home = np.isin(category, IN_A_HOME) | (rng.random(size) < 0.35)
    table["home"] = borough.residences.on(person, day_of)
    table["is_in_home"] = at_home & ~table["is_missing"].to_numpy()
    table["decided"] = np.where(rng.random(size) < 0.94, day_of + rng.gamma(1.0, 22, size).astype(int), NEVER)
    outcome = pick(rng, list(OUTCOMES), list(OUTCOMES.values()), size)
    is_concern = np.isin(category, ["Mental health incident", "Concern for safety", "Missing person"])
    outcome = np.where(
        is_concern,
        pick(rng, ["Passed to Another Agency", "No Further Action", "Taken to a Place of Safety"], [55, 35, 10], size),
        outcome,
    )
    table["outcome"] = outcome
    care = in_care(looked_after)
    return table.drop(columns=["person", "suspect", "child"]), _involved(rng, borough, care, table, known)


def _involved(rng: np.random.Generator, borough: Borough, care: Spans, table: pd.DataFrame, known: np.ndarray) -> pd.DataFrame:
    """The people of each incident: who it happened to, who is suspected, and a child of the home."""
    people, size = borough.people, len(table)
    incident, day_of = np.arange(size), table["day"].to_numpy()
    concern = table["category"].isin(["Mental health incident", "Concern for safety", "Missing person"]).to_numpy()
    own_role = np.where(concern, "At Risk", "Victim")
    suspect, child = table["suspect"].to_numpy(), table["child"].to_numpy()
    has_suspect = (suspect >= 0) & (suspect != table["person"].to_numpy()) & (people["died"].to_numpy()[suspect] > day_of)
    # A child who is looked after elsewhere, or was adopted from there, is not in the home any more.
    has_child = (child >= 0) & ~(care.cover(child, day_of) | (borough.adopted_on[child] <= day_of))
    rows = pd.DataFrame(
        {
            "incident": np.concatenate([incident, incident[has_suspect], incident[has_child]]),
            "person": np.concatenate([table["person"].to_numpy(), suspect[has_suspect], child[has_child]]),
            "role": [*own_role.tolist(), *["Suspect"] * int(has_suspect.sum()), *["At Risk"] * int(has_child.sum())],
        }
    )
    rows = rows.sort_values(["incident", "role", "person"], kind="stable").drop_duplicates(["incident", "person", "role"])
    at, person = rows["incident"].to_numpy(), rows["person"].to_numpy()
    years = age(people["born"].to_numpy()[person], day_of[at])
    of_many = np.isin(person, known)
    chance = rng.random((4, len(rows)))
    is_victim = (rows["role"] == "Victim").to_numpy()
    ill = borough.conditions["F329"].to_numpy()[person]
    confused = borough.has("F03X", "G309", "F819")[person]
    rows["mental_health"] = (table["category"].to_numpy()[at] == "Mental health incident") | (
        chance[0] < np.where(ill | of_many, 0.3, 0.03)
    )
    rows["drink_or_drugs"] = chance[1] < np.where(of_many, 0.5, 0.12)
    rows["adult_at_risk"] = (years >= 18) & (confused | (chance[2] < np.where((years >= 80) | of_many, 0.3, 0.02)))
    rows["child_at_risk"] = (years < 18) & ~(rows["role"] == "Suspect").to_numpy()
    victims = rows[is_victim].assign(day=day_of[at[is_victim]]).sort_values(["person", "day", "incident"], kind="stable")
    again = victims["person"].eq(victims["person"].shift()) & (victims["day"] - victims["day"].shift() <= YEAR)
    rows["is_repeat"] = again.reindex(rows.index, fill_value=False)
    rows["is_missing"] = table["is_missing"].to_numpy()[at] & (rows["role"] == "At Risk").to_numpy()
    domestic = table["is_domestic"].to_numpy()[at]
    rows["marac"] = domestic & is_victim & (chance[3] < np.where(rows["is_repeat"], 0.22, 0.03))
    return rows.reset_index(drop=True)


def _crimes(rng: np.random.Generator, borough: Borough, days: np.ndarray, weight: np.ndarray, known: np.ndarray) -> pd.DataFrame:
    people = borough.people
    years = age(people["born"].to_numpy(), borough.begins)
    here = borough.live_in("st_helens")
    rate = np.where(here & (years >= 10), CRIMES_PER_PERSON_A_YEAR, 0.0) * np.where(years > 70, 0.5, 1.0)
    person, day_of = drawn_evenly(rng, rate, days, weight)
    men = np.flatnonzero(here & (people["sex"] == "M").to_numpy() & (years >= 15) & (years <= 45))
    pool = np.concatenate([men[rng.random(len(men)) < SUSPECTS_SHARE], known])
    often = np.argsort(rng.random(len(pool)))
    suspect = pick(rng, pool, 1 / (often + 8), len(person)).astype(int)
    has_suspect = rng.random(len(person)) < SUSPECT_KNOWN_SHARE
    category = pick(rng, list(CRIMES), list(CRIMES.values()), len(person))
    return pd.DataFrame({"person": person, "day": day_of, "category": category, "suspect": np.where(has_suspect, suspect, -1)})


def _domestic(rng: np.random.Generator, borough: Borough, days: np.ndarray, weight: np.ndarray) -> pd.DataFrame:
    """The same households again and again; the child is the eldest of the household, if it has children then."""
    people = borough.people
    partner, sex = people["partner"].to_numpy(), people["sex"].to_numpy()
    women = np.flatnonzero(borough.live_in("st_helens") & (partner >= 0) & (sex == "F"))
    harmed = women[rng.random(len(women)) < DOMESTIC_HOUSEHOLDS_SHARE]
    # Now and then it is the man who is harmed.
    harmed = np.where(rng.random(len(harmed)) < 0.2, partner[harmed], harmed)
    at, day_of = drawn_evenly(rng, DOMESTIC_INCIDENTS_A_YEAR * rng.gamma(0.6, 1 / 0.6, len(harmed)), days, weight)
    person = harmed[at]
    children = people[(people["parent"] >= 0) & (people["died"] == NEVER)].sort_values(["household", "born"], kind="stable")
    eldest = (
        children.drop_duplicates("household", keep="last").assign(child=lambda frame: frame.index).set_index("household")["child"]
    )
    child = eldest.reindex(people["household"].to_numpy()[person]).fillna(-1).to_numpy(dtype=int)
    years = age(people["born"].to_numpy()[child], day_of)
    child = np.where((child >= 0) & (years >= 0) & (years < 18), child, -1)
    return pd.DataFrame(
        {
            "person": person,
            "day": day_of,
            "category": pick(rng, ["Domestic incident", "Violence and sexual offences"], [70, 30], len(person)),
            "is_domestic": True,
            "suspect": partner[person],
            "child": child,
        }
    )


def _concerns(rng: np.random.Generator, borough: Borough, days: np.ndarray, known: np.ndarray) -> pd.DataFrame:
    rate = np.zeros(len(borough.people))
    for code, per_year in CONCERNS_A_YEAR.items():
        rate += borough.conditions[code].to_numpy() * per_year
    rate *= borough.live_in("st_helens")
    rate[known] = KNOWN_TO_MANY_INCIDENTS_A_YEAR
    person, day_of = drawn_evenly(rng, rate, days, np.ones(len(days)))
    confused = borough.has("F03X", "G309")[person]
    usual = pick(rng, ["Concern for safety", "Mental health incident"], [55, 45], len(person))
    missing = confused & (rng.random(len(person)) < 0.35)
    category = np.where(missing, "Missing person", np.where(confused, "Concern for safety", usual))
    return pd.DataFrame({"person": person, "day": day_of, "category": category, "is_missing": missing})


def _missing_children(looked_after: LookedAfter) -> pd.DataFrame:
    """A child in care who is missing (and not only away without leave) is reported on that day."""
    missing = looked_after.missing[looked_after.missing["kind"] == "M"]
    columns = {"person": missing["person"].to_numpy(), "day": missing["starts"].to_numpy(), "category": "Missing person"}
    return pd.DataFrame(columns | {"is_missing": True})


def _visits(rng: np.random.Generator, borough: Borough, known: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    people = borough.people
    older = age(people["born"].to_numpy(), borough.middle) >= 65
    asks = people["is_reference"].to_numpy() & borough.live_in("st_helens")
    of_person = _vulnerabilities(rng, borough, known)
    more = np.where(older & borough.is_alone, 7.0, np.where(older, 3.0, 1.0)) * np.where(of_person["Smoking"], 2.2, 1.0)
    more = more * np.where(of_person["Medical Oxygen"], 6.0, 1.0) * np.where(of_person["Dementia"], 1.6, 1.0)
    rate = np.where(asks, VISITS_PER_HOUSEHOLD_A_YEAR * more, 0.0)
    rate[known] = 0.7
    days = calendar(borough.begins, borough.ends)
    left = np.where(days >= LOCKDOWN, VISITS_LEFT_IN_LOCKDOWN, 1.0)
    person, day_of = drawn_evenly(rng, rate, days, on_weekdays(days) * YEAR / 261 * left)
    tenure = borough.homes["tenure"].to_numpy()[borough.residences.on(person, day_of)]
    lives_there = (people["died"].to_numpy()[person] > day_of) & ~np.isin(tenure, ["care home", "none"])
    person, day_of = person[lives_there], day_of[lives_there]
    size = len(person)
    outcome = pick(rng, list(VISIT_OUTCOMES), list(VISIT_OUTCOMES.values()), size)
    was_inside = np.isin(outcome, ["Completed", "Partly Completed"])
    found = np.array([flags[person] for flags in of_person.values()]) & was_inside
    number_found = found.sum(axis=0)
    risk = np.array(["Low", "Medium", "Medium", "High", "High", "Very High"], dtype=object)[np.minimum(number_found, 5)]
    risk = np.where(was_inside, np.where(found[list(of_person).index("Medical Oxygen")], "Very High", risk), "")
    goes_on = was_inside & (number_found >= 3) & (rng.random(size) < 0.4)
    to = pick(rng, ["St Helens Borough Council", "Halton & St Helens VCA", "Torus", "GP practice"], [45, 30, 15, 10], size)
    agrees = was_inside & (rng.random(size) < AGREES_TO_BE_NAMED_SHARE)
    visits = pd.DataFrame(
        {
            "number": identifiers.in_no_order(rng, "HFSV{:06d}", size),
            "day": day_of,
            "home": borough.residences.on(person, day_of),
            "person": np.where(agrees, person, -1),
            "referrer": pick(rng, list(REFERRERS), list(REFERRERS.values()), size),
            "risk": risk,
            "outcome": outcome,
            "onward": np.where(goes_on, to, ""),
            "onward_on": np.where(goes_on, day_of + rng.integers(0, 6, size), NEVER),
        }
    )
    which, visit = np.nonzero(found)
    vulnerabilities = pd.DataFrame({"visit": visit, "found": np.array(list(of_person), dtype=object)[which]})
    return (
        visits,
        vulnerabilities.sort_values("visit", kind="stable").reset_index(drop=True),
        _actions(rng, found, list(of_person), was_inside),
    )


def _vulnerabilities(rng: np.random.Generator, borough: Borough, known: np.ndarray) -> dict[str, np.ndarray]:
    """What is found in a home depends on who lives there, and is found again at a second visit: of each kind, in whom."""
    size, frailty = len(borough.people), borough.people["frailty"].to_numpy()
    years = age(borough.people["born"].to_numpy(), borough.middle)
    of_many = np.isin(borough.everybody, known)
    oxygen = np.zeros(size, dtype=bool)
    for code, share in OXYGEN_SHARE.items():
        oxygen |= borough.conditions[code].to_numpy() & (rng.random(size) < share)
    chance = rng.random((9, size))
    return {
        "Aged 65 or Over": years >= 65,
        "Living Alone": borough.is_alone,
        "Smoking": borough.has("F171") | (of_many & (chance[0] < 0.7)),
        "Medical Oxygen": oxygen,
        "Dementia": borough.has("F03X", "G309"),
        "Learning Disability": borough.has("F819"),
        "Mental Health": borough.has("F329") & (chance[1] < 0.5),
        "Limited Mobility": (years >= 65) & (chance[2] < 0.25 * np.clip(frailty, 0, 3)),
        "Impaired Hearing": (years >= 70) & (chance[3] < 0.2),
        "Impaired Vision": (years >= 75) & (chance[4] < 0.1),
        "Emollient Creams": (years >= 65) & (chance[5] < 0.07),
        "Hoarding": chance[6] < np.where(of_many, 0.3, 0.012),
        "Alcohol or Drugs": of_many | (chance[7] < 0.01),
        "No Working Smoke Alarm": chance[8] < 0.14,
    }


def _actions(rng: np.random.Generator, found: np.ndarray, names: list[str], was_inside: np.ndarray) -> pd.DataFrame:
    size = len(was_inside)
    finds = {name: found[place] for place, name in enumerate(names)}
    done = {  # what is done, where, and how many are fitted at most (0: nothing is counted)
        "Advice": (was_inside, 0),
        "Escape Plan": (was_inside & (rng.random(size) < 0.8), 0),
        "Smoke Alarm": (finds["No Working Smoke Alarm"] | (was_inside & (rng.random(size) < 0.35)), 3),
        "Alarm for the Deaf": (finds["Impaired Hearing"] & (rng.random(size) < 0.6), 1),
        "Heat Alarm": (was_inside & (rng.random(size) < 0.05), 1),
        "Carbon Monoxide Alarm": (was_inside & (rng.random(size) < 0.06), 1),
        "Fire-Retardant Bedding": ((finds["Smoking"] & (finds["Limited Mobility"] | finds["Alcohol or Drugs"])), 1),
        "Sprinkler or Mist System": (finds["Medical Oxygen"] & finds["Smoking"] & (rng.random(size) < 0.3), 1),
        "Telecare Link": (finds["Dementia"] & (rng.random(size) < 0.4), 1),
    }
    parts = []
    for action, (where, most) in done.items():
        visit = np.flatnonzero(where)
        number = rng.integers(1, most + 1, len(visit)).astype(str).astype(object) if most else ""
        parts.append(pd.DataFrame({"visit": visit, "action": action, "quantity": number}))
    return pd.concat(parts, ignore_index=True).sort_values("visit", kind="stable").reset_index(drop=True)
