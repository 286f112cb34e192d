"""Outpatient appointments: referrals with their waits, first and follow-up appointments, and those that were missed.

Clinics fit what people have and what happened to them: their long-term conditions, a fracture, a stay in hospital before or
after, a birth.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cares.simulator.chance import pick, stream
from cares.simulator.days import NEVER, YEAR, age, by_age, date_of, day, weekday_of
from cares.simulator.lives import hospital
from cares.simulator.lives.spans import in_hospital
from cares.simulator.residents import Borough

# Assumed, like all shares here.
MISSED_BEFORE_A_VISIT = 0.2  # appointments that came to nothing, before one that was kept
MISSED = {"3": 40, "2": 34, "4": 24, "7": 2}  # no show; cancelled by the patient, by the hospital; too late to be seen
COMES_LATE = 0.012
GIVES_UP_AFTER_MISSING = 0.12
URGENT_SHARE = 0.16
TWO_WEEK_WAIT, URGENT, ROUTINE = "3", "2", "1"
BY_TELEPHONE_ALWAYS = 0.04
PREGNANT_AT_THE_END_AGES = (18, 41)
REFERRED_TO_FRACTURE_CLINIC = 0.85
REFERRED_BEFORE = 540  # days before the story begins, so that clinics have their usual follow-ups from its first day on

COLUMNS = "person clinic referred source priority visits wait every diagnosis".split()


@cache
def told() -> dict[str, Any]:
    """What stands in `outpatients.yml`."""
    return yaml.safe_load(resources.files(__package__).joinpath("outpatients.yml").read_text(encoding="utf-8"))


@cache
def clinics() -> list[str]:
    """The names of the clinics; elsewhere they go by their place in this list."""
    return list(told()["clinics"])


def appointments(seed: int, borough: Borough, stays: pd.DataFrame, attendances: pd.DataFrame, since: int) -> pd.DataFrame:
    """All outpatient appointments from the day `since` on, one row each, in order of their day.

    Columns: person, clinic (its number), pathway (a number), referred (day), source (code), priority (code), on (day),
    minute, attended (code; see the contract), first (whether nobody was seen on this pathway before), by_telephone,
    outcome (code; blank where nobody was seen), last_missed (day of the last appointment before this that the patient did
    not attend or cancelled, or NEVER), diagnosis (ICD-10, mostly blank). `attendances`: as of the emergency department.
    """
    rng = stream(seed, "outpatients")
    pathways = pd.concat(
        [
            _referred_by_gps(rng, borough),
            _before_planned_stays(rng, borough, stays),
            _after_stays(rng, borough, stays),
            _with_fractures(rng, attendances),
            _in_pregnancy(rng, borough, stays),
        ],
        ignore_index=True,
    )
    return _kept_and_missed(rng, borough, stays, pathways, since)


def _pathways(person: np.ndarray, **columns: Any) -> pd.DataFrame:
    """Pathways of referral, with all columns of `COLUMNS`; `visits` are appointments that are to be kept."""
    given = {"source": "03", "priority": ROUTINE, "every": 60.0, "diagnosis": ""} | columns
    return pd.DataFrame({"person": person} | given)[COLUMNS]


def _numbers(rng: np.random.Generator, means: np.ndarray) -> np.ndarray:
    """Whole numbers with the given means, of which many are 0 and a few are large."""
    return rng.poisson(rng.gamma(0.8, np.maximum(means, 1e-9) / 0.8))


def _referred_by_gps(rng: np.random.Generator, borough: Borough) -> pd.DataFrame:
    people = borough.people
    born, died = people["born"].to_numpy(), people["died"].to_numpy()
    calendar = np.arange(borough.begins - REFERRED_BEFORE, borough.ends + 1)
    weight = hospital.between(calendar, told()["still_referred"]) * np.where(weekday_of(calendar) < 5, 1.4, 0.0)
    years = age(born, borough.middle)
    women = (people["sex"] == "F").to_numpy()
    often = rng.gamma(1.5, 1 / 1.5, len(people))
    parts = []
    for number, (name, clinic) in enumerate(told()["clinics"].items()):
        rate = by_age(years, clinic["per_1000_a_year"]) / 1000 * often * (women if clinic.get("women") else 1.0)
        sources = [(rate, "")]
        for code, where in told()["of_conditions"].items():
            if name in where and code in borough.conditions:
                sources.append((borough.conditions[code].to_numpy() * where[name], code))
        for rates, code in sources:
            person = borough.everybody.repeat(rng.poisson(rates * weight.sum() / YEAR))
            size = len(person)
            referred = pick(rng, calendar, weight, size).astype(int)
            soon, urgent = rng.random(size) < clinic.get("soon", 0), rng.random(size) < URGENT_SHARE
            routine = clinic["wait"] * hospital.between(referred, told()["waits"]) * rng.gamma(3, 1 / 3, size) + 4
            wait = np.where(soon, rng.integers(5, 15, size), np.where(urgent, 8 + rng.gamma(2, 9, size), routine))
            parts.append(
                _pathways(
                    person,
                    clinic=number,
                    referred=referred,
                    source=pick(rng, ["03", "05", "13", "14", "15", "92", "97"], _source_weights(name), size),
                    priority=np.where(soon, TWO_WEEK_WAIT, np.where(urgent, URGENT, ROUTINE)),
                    visits=1 + _numbers(rng, np.full(size, clinic["again"])),
                    wait=wait,
                    every=float(clinic["every"]),
                    diagnosis=code,
                )
            )
    found = pd.concat(parts, ignore_index=True)
    alive = (found["referred"].to_numpy() > born[found["person"]]) & (found["referred"].to_numpy() < died[found["person"]])
    return found[alive]


def _source_weights(name: str) -> list[int]:
    if name == "ophthalmology":
        return [35, 10, 1, 1, 50, 0, 3]
    if name == "oral surgery":
        return [15, 8, 0, 0, 0, 75, 2]
    return [72, 15, 3, 5, 0, 0, 5]


def _clinics_of(stays: pd.DataFrame, fallback: str) -> np.ndarray:
    """Where the patients of stays are seen as outpatients, by their main diagnosis."""
    number = {name: place for place, name in enumerate(clinics())}
    where = told()["where_by_diagnosis"]
    return np.array([number[where.get(code, fallback)] for code in stays["primary"]], dtype=int)


def _before_planned_stays(rng: np.random.Generator, borough: Borough, stays: pd.DataFrame) -> pd.DataFrame:
    """Whoever has a planned stay was seen before: on the day on which the admission was decided, at the latest."""
    chosen = stays[stays["is_planned"].to_numpy()]
    size = len(chosen)
    wait = (15 + rng.gamma(3, 18, size)).astype(int)
    born = borough.people["born"].to_numpy()[chosen["person"]]
    referred = np.maximum(chosen["decided"].to_numpy() - wait, born + 1)
    return _pathways(
        chosen["person"].to_numpy(),
        clinic=_clinics_of(chosen, "general surgery"),
        referred=referred,
        visits=1,
        wait=chosen["decided"].to_numpy() - referred,
        diagnosis=chosen["primary"].to_numpy(),
    )


def _after_stays(rng: np.random.Generator, borough: Borough, stays: pd.DataFrame) -> pd.DataFrame:
    parts = []
    died = borough.people["died"].to_numpy()
    for reason, plan in told()["after_a_stay"].items():
        chosen = stays[(stays["reason"] == reason).to_numpy()]
        chosen = chosen[(died[chosen["person"]] > chosen["discharged"]) & (rng.random(len(chosen)) < plan["share"])]
        size = len(chosen)
        parts.append(
            _pathways(
                chosen["person"].to_numpy(),
                clinic=clinics().index(plan["clinic"]) if plan["clinic"] else _clinics_of(chosen, "general surgery"),
                referred=chosen["discharged"].to_numpy(),
                source=np.where(chosen["is_planned"], "11", "01"),
                priority=ROUTINE,
                visits=1 + _numbers(rng, np.full(size, plan["again"])),
                wait=plan["days"] * (0.6 + rng.gamma(2, 0.2, size)),
                every=45.0,
                diagnosis=chosen["primary"].to_numpy(),
            )
        )
    return pd.concat(parts, ignore_index=True)


def _with_fractures(rng: np.random.Generator, attendances: pd.DataFrame) -> pd.DataFrame:
    """A broken bone that was treated in the emergency department is seen in the fracture clinic within days."""
    broken = attendances["diagnosis"].str.startswith("Fracture").to_numpy() & (attendances["stay"].to_numpy() < 0)
    chosen = attendances[broken & (rng.random(len(attendances)) < REFERRED_TO_FRACTURE_CLINIC)]
    size = len(chosen)
    return _pathways(
        chosen["person"].to_numpy(),
        clinic=clinics().index("trauma and orthopaedics"),
        referred=chosen["arrived"].to_numpy(),
        source="04",
        priority=URGENT,
        visits=1 + _numbers(rng, np.full(size, 1.5)),
        wait=rng.integers(2, 11, size),
        every=26.0,
    )


def _in_pregnancy(rng: np.random.Generator, borough: Borough, stays: pd.DataFrame) -> pd.DataFrame:
    """The appointments of pregnancies, each a pathway of one visit; of those, too, whose births are not told any more."""
    births = stays[(stays["reason"] == "delivery").to_numpy()]
    mothers, due = births["person"].to_numpy(), borough.people["born"].to_numpy()[births["baby"].to_numpy()]
    born, died = borough.people["born"].to_numpy(), borough.people["died"].to_numpy()
    years = age(born, borough.ends)
    recently = np.isin(borough.everybody, mothers[due > borough.ends - 400])
    of_an_age = (borough.people["sex"] == "F").to_numpy() & (died == NEVER) & ~recently
    of_an_age &= (years >= PREGNANT_AT_THE_END_AGES[0]) & (years <= PREGNANT_AT_THE_END_AGES[1])
    expecting = rng.permutation(np.flatnonzero(of_an_age))[: int((due > borough.ends - 270).sum())]
    mothers = np.concatenate([mothers, expecting])
    due = np.concatenate([due, borough.ends + rng.integers(1, 270, len(expecting))])
    booked = due - 7 * 31 - rng.integers(0, 14, len(due))
    parts = []
    for name, weeks in told()["before_a_birth"].items():
        on = due[:, None] - 7 * np.array(weeks) + rng.integers(-4, 5, (len(due), len(weeks)))
        goes = np.ones(on.shape, dtype=bool)
        if name == "obstetrics":
            goes = (rng.random(len(due)) < 0.55)[:, None] | (np.array(weeks) == 20)  # the scan of the twentieth week is for all
        row, _ = np.nonzero(goes)
        parts.append(
            _pathways(
                mothers[row],
                clinic=clinics().index(name),
                referred=booked[row],
                source="06" if name == "midwifery" else "13",
                visits=1,
                wait=(on - booked[:, None])[goes].clip(min=0),
                diagnosis="Z349" if name == "midwifery" else "Z358",
            )
        )
    return pd.concat(parts, ignore_index=True)


def easter_sunday(year: int) -> date:
    """Easter in a year from 1900 to 2099, by the rule of Gauss."""
    golden = year % 19
    moon = (19 * golden + 24) % 30
    week = (2 * (year % 4) + 4 * (year % 7) + 6 * moon + 5) % 7
    early = week == 6 and (moon == 29 or (moon == 28 and golden > 10))
    return date(year, 3, 22) + timedelta(days=moon + week - 7 * early)


def clinic_days(begins: int, ends: int) -> np.ndarray:
    """The days from one to the other on which clinics are held: Mondays to Fridays without England's bank holidays."""
    closed: list[date] = []
    for year in range(date_of(begins).year, date_of(ends).year + 1):
        sunday = easter_sunday(year)
        mays = [date(year, 5, of) for of in range(1, 32) if date(year, 5, of).weekday() == 0]
        augusts = [date(year, 8, of) for of in range(1, 32) if date(year, 8, of).weekday() == 0]
        closed += [date(year, 1, 1), sunday - timedelta(days=2), sunday + timedelta(days=1), mays[0], mays[-1], augusts[-1]]
        closed += [date(year, 12, 25), date(year, 12, 26)]
    every = np.arange(begins, ends + 1)
    return every[(weekday_of(every) < 5) & ~np.isin(every, [day(of) for of in closed])]


def _kept_and_missed(
    rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, pathways: pd.DataFrame, since: int
) -> pd.DataFrame:
    """The appointments of pathways: before some visits there is one that comes to nothing, and the visit is later."""
    pathways = pathways.sort_values(["referred", "person", "clinic"], kind="stable").reset_index(drop=True)
    visits = pathways["visits"].to_numpy()
    of_visit = np.arange(len(pathways)).repeat(visits)
    slots = 1 + (rng.random(len(of_visit)) < MISSED_BEFORE_A_VISIT)
    pathway = of_visit.repeat(slots)
    size = len(pathway)
    kept = np.zeros(size, dtype=bool)
    kept[np.cumsum(slots) - 1] = True
    starts = np.flatnonzero(np.append(True, pathway[1:] != pathway[:-1])) if size else np.zeros(0, dtype=int)
    begins = np.zeros(size, dtype=bool)
    begins[starts] = True
    after_missed = np.append(False, ~kept[:-1]) & ~begins
    table = pathways.iloc[pathway]
    gap = np.where(after_missed, 7 + rng.gamma(2, 9, size), table["every"].to_numpy() * rng.gamma(6, 1 / 6, size) + 3)
    gap = np.where(begins, table["wait"].to_numpy(), gap).astype(int)
    total = np.cumsum(gap)
    on = table["referred"].to_numpy() + total - (total - gap)[starts].repeat(np.diff(np.append(starts, size)))
    if not size:
        return table.assign(on=on)
    open_days = clinic_days(int(on.min()), int(on.max()) + 30)
    on = open_days[np.searchsorted(open_days, on)]

    attended = _attended(rng, stays, table, on, kept)
    was_seen = np.isin(attended, ["5", "6"])
    seen: np.ndarray = np.cumsum(was_seen) - was_seen
    seen_before: np.ndarray = seen - seen[starts].repeat(np.diff(np.append(starts, size)))
    # Some who miss an appointment are discharged.
    given_up = (attended == "3") & (rng.random(size) < GIVES_UP_AFTER_MISSING)
    given_up_before = np.cumsum(given_up) - given_up
    gone = given_up_before > given_up_before[starts].repeat(np.diff(np.append(starts, size)))
    last = np.append(pathway[1:] != pathway[:-1], True)
    further = pick(rng, ["2", "3"], [80, 20], size)
    outcome = np.where(was_seen, np.where(last, "1", further), np.where(given_up, "1", "3"))
    by_patient = np.isin(attended, ["2", "3", "7"])
    missed_on = np.append(NEVER, np.where(by_patient, on, NEVER)[:-1])
    telephone = rng.random(size) < np.where(
        on < day(min(told()["by_telephone"])), BY_TELEPHONE_ALWAYS, hospital.between(on, told()["by_telephone"])
    )
    found = pd.DataFrame(
        {
            "person": table["person"].to_numpy(),
            "clinic": table["clinic"].to_numpy().astype(int),
            "pathway": pathway,
            "referred": table["referred"].to_numpy(),
            "source": table["source"].to_numpy(),
            "priority": table["priority"].to_numpy(),
            "on": on,
            "minute": pick(
                rng, np.arange(510, 1010, 10), np.where(np.abs(np.arange(510, 1010, 10) - 760) < 35, 0.2, 1.0), size
            ).astype(int),
            "attended": attended,
            "first": seen_before == 0,
            "by_telephone": telephone & (attended != "7"),
            "outcome": outcome,
            "last_missed": np.where(begins, NEVER, missed_on),
            "diagnosis": table["diagnosis"].to_numpy(),
        }
    )
    until = borough.known_until(found["person"].to_numpy(), found["referred"].to_numpy())
    tells = (on < until) & (on <= borough.ends) & (on >= since) & ~gone
    return found[tells].sort_values(["on", "minute", "person", "clinic"], kind="stable").reset_index(drop=True)


def _attended(rng: np.random.Generator, stays: pd.DataFrame, table: pd.DataFrame, on: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The code of what came of each appointment, of which some were to be `kept`: many of those are called off in lockdown."""
    size, first_called_off = len(on), day(min(told()["called_off"]))
    comes = np.where(rng.random(size) < COMES_LATE, "6", "5")
    attended = np.where(kept, comes, pick(rng, list(MISSED), list(MISSED.values()), size))
    ward = in_hospital(stays).cover(table["person"].to_numpy(), on)
    attended = np.where(kept & ward, "2", attended)
    called_off = kept & ~ward & (rng.random(size) < hospital.between(on, told()["called_off"])) & (on >= first_called_off)
    called_off &= ~np.isin(table["clinic"].to_numpy(), [clinics().index("midwifery"), clinics().index("obstetrics")])
    return np.where(called_off, "4", attended)
