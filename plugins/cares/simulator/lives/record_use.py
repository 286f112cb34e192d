"""Who opens the Shared Care Record: about 3,000 times in May 2019, as was said in public, and more and more often.

Only staff of the NHS and of local authorities open it. All but the number of that month is assumed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.simulator import bodies, homes
from cares.simulator.chance import pick, stream
from cares.simulator.days import MINUTES_IN_A_DAY, date_of, weekday_of
from cares.simulator.lives.permissions import RECORD_LIVE_FROM, shown_at
from cares.simulator.residents import Borough

OPENINGS_IN_MAY_2019 = 3000  # of 180,000 people; said by the acute trust's chief executive, who called it too few
PEOPLE_OF_THE_BOROUGH = 180_000
MONTHLY_GROWTH, MONTHLY_GROWTH_LATER, GROWS_FAST_UNTIL = 1.08, 1.01, (2020, 6)
FEWEST_A_MONTH = 3
PERSON_IS = {"permitted": 81, "somebody else": 14, "not in the record": 3, "not found": 2}
BY_ORGANISATION = {"RBN": 44, "E08000013": 16, "RTV": 12, "RY2": 9, "practice": 15, "E06000006": 4}
STAFF_PER_ORGANISATION = {"RBN": 260, "E08000013": 90, "RTV": 70, "RY2": 60, "practice": 80, "E06000006": 12}
ROLES = {
    "RBN": {"doctor": 46, "nurse": 28, "allied health professional": 14, "pharmacist": 8, "administrator": 4},
    "E08000013": {"social worker": 44, "social care assistant": 20, "Contact Cares adviser": 32, "administrator": 4},
    "RTV": {"doctor": 18, "nurse": 52, "allied health professional": 18, "social worker": 12},
    "RY2": {"nurse": 66, "allied health professional": 30, "administrator": 4},
    "practice": {"doctor": 54, "nurse": 26, "pharmacist": 10, "administrator": 10},
    "E06000006": {"Contact Cares adviser": 100},
}
PURPOSES = {"direct care": 962, "administration": 31, "subject access": 3, "audit": 4}
HAS_A_REFERRAL_SHARE = 0.975
OWN_RECORD_PER_1000, AT_NIGHT_PER_1000 = 0.8, 2.5  # openings that governance should look at
FIRST_STAFF_NUMBER, FIRST_EMERGENCY_DOCTOR = 1000, 900
OPENED_IN_AN_EMERGENCY = 0.9  # of emergencies that were written down


def openings(seed: int, borough: Borough, decisions: pd.DataFrame) -> pd.DataFrame:
    """Every opening, refused and empty ones too, in the order of their moments.

    Columns: person (-1: nobody was found), opened (minutes since 1 January 1970), staff, organisation, role, purpose,
    outcome, referral and emergency as the contract codes them; signal: why governance should look at it (own record,
    at night, or blank), which no feed says.
    """
    rng = stream(seed, "openings of the record")
    opened = _moments(rng, borough)
    size, on = len(opened), opened // MINUTES_IN_A_DAY
    covered = borough.registered_in("st_helens")
    person = _persons(rng, decisions, on, covered)
    kind = pick(rng, list(BY_ORGANISATION), list(BY_ORGANISATION.values()), size)
    practice = homes.practice_codes()[borough.people["practice"].to_numpy()[np.maximum(person, 0)]]
    organisation = np.where(
        (kind == "practice") & (person >= 0) & covered[person], practice, np.where(kind == "practice", "RBN", kind)
    )
    kind = np.where((kind == "practice") & (organisation == "RBN"), "RBN", kind)
    organisation = bodies.of_the_day(organisation, on)
    staff, role = _staff(rng, kind)

    night = rng.random(size) < AT_NIGHT_PER_1000 / 1000
    opened = np.where(night & (kind != "RBN"), on * MINUTES_IN_A_DAY + rng.integers(60, 300, size), opened)
    # Some of the staff live in the borough, and a few look at what is written about themselves.
    at_home = np.flatnonzero(covered & (borough.people["parent"].to_numpy() < 0) & borough.live_in("st_helens"))
    own = rng.random(size) < OWN_RECORD_PER_1000 / 1000
    person = np.where(own, at_home[staff * 7919 % len(at_home)], person)
    died, born = borough.people["died"].to_numpy()[person], borough.people["born"].to_numpy()[person]
    is_there = (died >= on) & (born <= on) & (on < borough.adopted_on[person])
    person = np.where(is_there, person, -1)

    state = shown_at(decisions, np.maximum(person, 0), opened)
    shown = np.isin(state, ["permitted", "emergency"])
    outcome = np.where((person < 0) | ~covered[person], "empty", np.where(shown, "shown", "refused"))
    routine = pd.DataFrame(
        {
            "person": person,
            "opened": opened,
            "staff": staff,
            "organisation": organisation,
            "role": role,
            "purpose": np.where(own, "direct care", pick(rng, list(PURPOSES), list(PURPOSES.values()), size)),
            "outcome": outcome,
            "referral": np.where(own | (rng.random(size) > HAS_A_REFERRAL_SHARE), "N", "Y"),
            "emergency": "",
            "signal": np.select([own, night & (kind != "RBN")], ["own record", "at night"], ""),
        }
    )
    # Whoever relies on an emergency says so.
    routine = routine[state != "emergency"]
    both = pd.concat([routine, _in_emergencies(rng, decisions)], ignore_index=True)
    return (
        both[both["opened"] // MINUTES_IN_A_DAY <= borough.ends]
        .sort_values(["opened", "staff"], kind="stable")
        .reset_index(drop=True)
    )


def _moments(rng: np.random.Generator, borough: Borough) -> np.ndarray:
    """Moments of openings, as many in each month as its place on the way from few to many says."""
    scale = borough.live_in("st_helens").sum() / PEOPLE_OF_THE_BOROUGH
    first = max(RECORD_LIVE_FROM, borough.begins)
    days = np.arange(first, borough.ends + 1)
    dates = [date_of(int(number)) for number in days]
    months = np.array([each.year * 12 + each.month - 1 for each in dates])
    fast_until = GROWS_FAST_UNTIL[0] * 12 + GROWS_FAST_UNTIL[1] - 1
    parts = []
    for month in np.unique(months):
        fast, later = min(month, fast_until) - (2019 * 12 + 4), max(month - fast_until, 0)
        expected = OPENINGS_IN_MAY_2019 * scale * MONTHLY_GROWTH**fast * MONTHLY_GROWTH_LATER**later
        of_month = days[months == month]
        on = pick(rng, of_month, np.where(weekday_of(of_month) < 5, 1.0, 0.3), max(FEWEST_A_MONTH, round(expected))).astype(
            np.int64
        )
        minute = np.clip(rng.normal(13 * 60, 200, len(on)), 7 * 60, 21 * 60 + 59).astype(int)
        parts.append(on * MINUTES_IN_A_DAY + minute)
    return np.sort(np.concatenate(parts))


def _persons(rng: np.random.Generator, decisions: pd.DataFrame, on: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Whose record is opened: mostly that of people who permitted it, and rather those who did so lately."""
    kind = pick(rng, list(PERSON_IS), list(PERSON_IS.values()), len(on))
    permits = decisions[(decisions["state"] == "permitted") & (decisions["scope"] == "whole record")].sort_values(
        "on", kind="stable"
    )
    so_far = np.searchsorted(permits["on"].to_numpy(), on)
    kind = np.where((kind == "permitted") & (so_far == 0), "somebody else", kind)
    inside, outside = np.flatnonzero(covered), np.flatnonzero(~covered)
    found = inside[rng.integers(0, len(inside), len(on))]
    found = np.where(kind == "not in the record", outside[rng.integers(0, len(outside), len(on))], found)
    if len(permits):
        lately = np.clip((so_far * np.sqrt(rng.random(len(on)))).astype(int), 0, len(permits) - 1)
        found = np.where(kind == "permitted", permits["person"].to_numpy()[lately], found)
    return np.where(kind == "not found", -1, found)


def _staff(rng: np.random.Generator, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A number and a role of somebody of each organisation; a few open the record often."""
    number, role = np.zeros(len(kind), dtype=int), np.full(len(kind), "", dtype=object)
    first = FIRST_STAFF_NUMBER
    for name, count in STAFF_PER_ORGANISATION.items():
        here = np.flatnonzero(kind == name)
        member = (count * rng.random(len(here)) ** 2.2).astype(int)
        roles = pick(rng, list(ROLES[name]), list(ROLES[name].values()), count)
        number[here], role[here] = first + member, roles[member]
        first += count
    return number, role


def _in_emergencies(rng: np.random.Generator, decisions: pd.DataFrame) -> pd.DataFrame:
    """A doctor of the hospital opens the record soon after the emergency was written down."""
    some = decisions[(decisions["state"] == "emergency") & (rng.random(len(decisions)) < OPENED_IN_AN_EMERGENCY)]
    opened = some["on"].to_numpy(dtype=np.int64) * MINUTES_IN_A_DAY + some["minute"].to_numpy() + rng.integers(1, 50, len(some))
    words = {"organisation": "RBN", "role": "doctor", "purpose": "emergency", "outcome": "shown", "referral": "N", "signal": ""}
    member = FIRST_EMERGENCY_DOCTOR + rng.integers(0, 40, len(some))
    told = {"person": some["person"].to_numpy(), "opened": opened, "staff": member, "emergency": some["emergency"].to_numpy()}
    return pd.DataFrame(told | words)
