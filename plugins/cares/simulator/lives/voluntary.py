"""Help from voluntary organisations: who is referred to which service, by whom and with what in the end.

The directory stands in `voluntary.yml`; it is invented. Every share, rate and length here is assumed.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cares.simulator import identifiers
from cares.simulator.chance import pick, stream
from cares.simulator.days import ALWAYS, NEVER, YEAR, age, day
from cares.simulator.lives.neighbourhood import Neighbourhood
from cares.simulator.lives.occurrences import CONTACT_CARES_BEGINS, LOCKDOWN, calendar, drawn_evenly, on_weekdays
from cares.simulator.lives.safety import Safety
from cares.simulator.residents import Borough

GROUPS_MEET_AGAIN = day(date(2020, 9, 1))
LINK_WORKERS_IN_EACH_NETWORK = day(date(2019, 7, 1))  # contract of the primary care networks, NHS England, 2019
REFERRERS = {
    "Self": 18,
    "Family or Friend": 8,
    "GP Practice": 14,
    "Link Worker": 12,
    "Adult Social Care": 9,
    "Contact Cares": 8,
    "Housing": 5,
    "Community Health": 5,
    "Mental Health": 5,
    "Voluntary Sector": 8,
    "Hospital": 3,
    "Fire and Rescue": 2,
    "Other": 3,
}
LINK_WORKERS_THEN, LINK_WORKERS_NOW = 8, 26
NOT_HELPED = {"": 83, "Could Not Be Reached": 8, "Declined by the Person": 6, "Not Accepted": 3}
OUTCOMES = {"Needs Met": 46, "Needs Partly Met": 26, "Needs Not Met": 5, "Referred On": 9, "Stopped Early": 8, "Not Known": 6}


@cache
def directory() -> dict[str, Any]:
    """The organisations and services of `voluntary.yml`, as they stand there."""
    return yaml.safe_load(resources.files(__package__).joinpath("voluntary.yml").read_text(encoding="utf-8"))


def is_closed_for_now(service: dict[str, Any], on: np.ndarray | int) -> Any:
    """Whether a service that meets people cannot do so on a day, or on each of some days, as in the first lockdown."""
    return bool(service.get("meets")) & (on >= LOCKDOWN) & (on < GROUPS_MEET_AGAIN)


def referrals(
    seed: int,
    borough: Borough,
    stays: pd.DataFrame,
    social_care: pd.DataFrame,
    neighbourhood: Neighbourhood,
    safety: Safety,
) -> pd.DataFrame:
    """All referrals of people of St Helens and Halton, in the order of their days.

    Columns: number, person, reason, referrer, service, by_link_worker, referred, first_contact, ended (NEVER: not yet),
    final_status, outcome.
    """
    rng = stream(seed, "voluntary sector")
    parts = [
        *_by_need(rng, borough, neighbourhood),
        *_after_events(rng, borough, stays, social_care, safety),
    ]
    found = pd.concat(parts, ignore_index=True).fillna({"referrer": ""})
    person, referred = found["person"].to_numpy(), found["referred"].to_numpy()
    people = borough.people
    served = np.isin(people["council"].to_numpy()[person], ["st_helens", "halton"])
    lives = (people["died"].to_numpy()[person] > referred + 1) & (people["born"].to_numpy()[person] < referred)
    found = found[served & lives & (referred >= borough.begins) & (referred <= borough.ends)]
    found = found.sort_values(["referred", "person", "reason"], kind="stable").reset_index(drop=True)
    found["service"] = _services(rng, borough, found)
    found = found[found["service"] != ""].reset_index(drop=True)
    return _course(rng, borough, found)


def _by_need(rng: np.random.Generator, borough: Borough, neighbourhood: Neighbourhood) -> list[pd.DataFrame]:
    people, conditions = borough.people, borough.conditions
    years = age(people["born"].to_numpy(), borough.middle)
    alone = borough.is_alone
    grown, older = years >= 18, years >= 65
    home = borough.residences.on(borough.everybody, borough.begins)
    behind = np.isin(home, neighbourhood.arrears["home"].to_numpy())
    of_many = np.isin(borough.everybody, neighbourhood.known_to_many)
    partner = people["partner"].to_numpy()
    confused = borough.has("F03X", "G309")
    cares = (partner >= 0) & confused[partner]
    rates = {
        "Loneliness": np.where(older & alone, 0.04, 0.0008 * grown),
        "Caring for Somebody": 0.05 * cares + 0.0004 * grown,
        "Money and Benefits": 0.0035 * (grown & (years < 67)) + 0.03 * (behind & grown),
        "Mental Wellbeing": 0.03 * conditions["F329"].to_numpy() + 0.001 * grown,
        "Physical Activity": 0.008 * borough.has("E669", "E119"),
        "Healthy Living": 0.004 * borough.has("E669", "E119"),
        "Alcohol or Drugs": 0.8 * of_many,
        "Housing": 0.3 * of_many + 0.0008 * grown,
        "Food": 0.0015 * (grown & (years < 70)) + 0.01 * (behind & grown),
        "Transport": 0.003 * (years >= 75),
        "Practical Help at Home": 0.004 * (years >= 70),
        "Work and Learning": 0.0012 * (grown & (years < 67)),
    }
    days = calendar(borough.begins, borough.ends)
    usual = on_weekdays(days) * YEAR / 261
    locked = days >= LOCKDOWN
    change = {"Food": 4.0, "Practical Help at Home": 2.5, "Physical Activity": 0.2, "Work and Learning": 0.4}
    parts = []
    for reason, rate in rates.items():
        weight = usual * np.where(locked, change.get(reason, 0.8), 1.0)
        person, referred = drawn_evenly(rng, np.asarray(rate, dtype=float), days, weight)
        parts.append(pd.DataFrame({"person": person, "referred": referred, "reason": reason}))
    return parts


def _after_events(
    rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, social_care: pd.DataFrame, safety: Safety
) -> list[pd.DataFrame]:
    """A partner has died, a carer was assessed, somebody comes home from hospital, somebody was harmed at home."""
    people = borough.people
    born, died, partner = (people[name].to_numpy() for name in ("born", "died", "partner"))
    bereaved = np.flatnonzero((partner >= 0) & (died[partner] < NEVER))
    left = stays[~stays["is_planned"] & (stays["discharged"] - stays["admitted"] >= 2)]
    left = left[age(born[left["person"]], left["discharged"].to_numpy()) >= 65]
    carers = social_care[(social_care["client"] == "Carer") & (social_care["kind"] == "Assessment")]
    involved = safety.involved
    harmed = involved[(involved["role"] == "Victim") & safety.incidents["is_domestic"].to_numpy()[involved["incident"]]]
    harmed_on = safety.incidents["day"].to_numpy()[harmed["incident"]]

    def some(person: np.ndarray, on: np.ndarray, share: float, within: int, reason: str, referrer: str) -> pd.DataFrame:
        chosen = rng.random(len(person)) < share
        referred = on[chosen] + rng.integers(1, within, int(chosen.sum()))
        return pd.DataFrame({"person": person[chosen], "referred": referred, "reason": reason, "referrer": referrer})

    return [
        some(bereaved, died[partner[bereaved]], 0.2, 200, "Bereavement", ""),
        some(left["person"].to_numpy(), left["discharged"].to_numpy(), 0.05, 6, "Practical Help at Home", "Hospital"),
        some(carers["person"].to_numpy(), carers["starts"].to_numpy(), 0.4, 30, "Caring for Somebody", "Adult Social Care"),
        some(harmed["person"].to_numpy(), harmed_on, 0.1, 20, "Domestic Abuse", "Police"),
    ]


def _services(rng: np.random.Generator, borough: Borough, found: pd.DataFrame) -> np.ndarray:
    """A service of the directory for each referral that fits need, place, age and day; blank where there is none."""
    person, referred = found["person"].to_numpy(), found["referred"].to_numpy()
    years = age(borough.people["born"].to_numpy()[person], referred)
    council, reason = borough.people["council"].to_numpy()[person], found["reason"].to_numpy()
    services = directory()["services"]
    wish = rng.random((len(found), len(services)))
    for place, service in enumerate(services.values()):
        starts = day(service["starts"]) if "starts" in service else ALWAYS
        fits = (
            (reason == service["reason"])
            & np.isin(council, service["areas"])
            & (referred >= starts)
            & ~is_closed_for_now(service, referred)
        )
        fits &= (years >= service.get("from_age", 0)) & (years <= service.get("to_age", 120))
        wish[:, place] *= fits
    numbers = np.array(list(services), dtype=object)
    return np.where(wish.max(axis=1, initial=0) > 0, numbers[wish.argmax(axis=1)], "")


def _course(rng: np.random.Generator, borough: Borough, found: pd.DataFrame) -> pd.DataFrame:
    size = len(found)
    referred = found["referred"].to_numpy()
    names, weights = list(REFERRERS), list(REFERRERS.values())

    def weighed(link_workers: int, contact_cares: bool) -> np.ndarray:
        of = dict(zip(names, weights, strict=True)) | {"Link Worker": link_workers}
        return pick(rng, names, list((of if contact_cares else of | {"Contact Cares": 0}).values()), size)

    usual = np.select(
        [referred < LINK_WORKERS_IN_EACH_NETWORK, referred < CONTACT_CARES_BEGINS],
        [weighed(LINK_WORKERS_THEN, False), weighed(LINK_WORKERS_NOW, False)],
        weighed(LINK_WORKERS_NOW, True),
    )
    referrer = np.where(found["referrer"] == "", usual, found["referrer"])
    not_helped = pick(rng, list(NOT_HELPED), list(NOT_HELPED.values()), size)
    first_contact = referred + rng.gamma(1.3, 8, size).astype(int)
    died = borough.people["died"].to_numpy()[found["person"]]
    helped = not_helped == ""
    ends = np.where(helped, first_contact + 3 + rng.gamma(1.4, 45, size).astype(int), referred + rng.integers(2, 45, size))
    dies = died <= ends
    speaks = helped & (first_contact < died)
    outcome = np.where(helped, pick(rng, list(OUTCOMES), list(OUTCOMES.values()), size), "")
    return found.assign(
        number=identifiers.in_no_order(rng, "VR{:06d}", size),
        referrer=referrer,
        by_link_worker=(referrer == "Link Worker") | ((referrer == "GP Practice") & (rng.random(size) < 0.4)),
        first_contact=np.where(speaks, first_contact, NEVER),
        ended=np.minimum(ends, died),
        final_status=np.where(dies | helped, "Completed", not_helped),
        outcome=np.where(dies, "Died", outcome),
    )
