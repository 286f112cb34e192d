"""The single front door: Integrated Access St Helens, and Contact Cares after it.

What the service offers is public: 8 am to 10 pm every day; telephone, e-mail and online; tier 1 resolves or refers on,
tier 2 assesses face to face, at an agreed time or within two hours; staff of five organisations; people who live in
St Helens or are registered with a St Helens GP. Every number is assumed, and so is all by which Contact Cares does
better than the service before it: the amounts are those under `ISAH` and `CONTACT_CARES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from cares.simulator.chance import pick, stream
from cares.simulator.days import MINUTES_IN_A_DAY, NEVER, YEAR, age, by_age, day, weekday_of
from cares.simulator.lives.occurrences import CONTACT_CARES_BEGINS
from cares.simulator.residents import Borough

OPENS, CLOSES = 8 * 60, 22 * 60
NEVER_MINUTE = NEVER * MINUTES_IN_A_DAY


@dataclass(frozen=True)
class Service:
    """How well a front door works.

    Shares: of planned contacts that are resolved at tier 1, of calls answered at once, of crises answered within two
    hours. Means: opening hours until somebody rings back, days until a planned assessment.
    """

    resolved: float
    answered_at_once: float
    crisis_in_time: float
    hours_to_ring_back: float
    days_to_assessment: float


ISAH = Service(resolved=0.46, answered_at_once=0.70, crisis_in_time=0.68, hours_to_ring_back=9.0, days_to_assessment=13.0)
CONTACT_CARES = Service(resolved=0.58, answered_at_once=0.88, crisis_in_time=0.86, hours_to_ring_back=4.0, days_to_assessment=8.0)

CONTACTS_A_YEAR = {18: 0.036, 65: 0.11, 75: 0.26, 85: 0.5}  # of an adult at an age, of average frailty from 65 on
CALLERS_DIFFER = 0.25  # the shape of how often people call: the smaller, the more calls come from few of them
CRISES_A_YEAR = {65: 0.008, 75: 0.03, 85: 0.09}
CALLS_AFTER_A_STAY = 0.13  # of emergency stays of people of 65 or more, within two weeks
OUTSIDERS_A_YEAR = 0.004  # of people of neighbouring councils with a GP there, who may not use the service
NOBODY_NAMED_SHARE = 0.015
ASSESSED_SHARE = 0.32  # of planned contacts that are not resolved: assessed at tier 2; the others are referred on
GROWTH_A_YEAR = 0.04
WEEKDAYS = (1.30, 1.15, 1.08, 1.05, 1.02, 0.52, 0.42)  # Monday first
SPRING_OF_2020 = (day(date(2020, 3, 16)), day(date(2020, 5, 10)), 1.35)  # more people ask for help at home
NO_FACE_TO_FACE = (day(date(2020, 3, 23)), day(date(2020, 6, 30)), 0.4)  # the share of planned assessments that goes on

CHANNELS = {"Telephone": 74, "E-mail": 13, "Online": 9, "Face to Face": 2, "Letter": 2}
CHILDREN_CHANNELS = {"Telephone": 48, "E-mail": 34, "Online": 16, "Letter": 2}
HOURS = {8: 5, 9: 11, 10: 13, 11: 12, 12: 9, 13: 9, 14: 10, 15: 9, 16: 8, 17: 5, 18: 3, 19: 3, 20: 2, 21: 1}
STAFF = {"St Helens Council": 55, "STHK": 22, "North West Boroughs": 9, "Torus": 6, "Halton Council": 8}
ASKED_BY = {"S": 36, "FFN": 29, "PCH": 13, "SH": 5, "ASCP": 7, "LAHD": 3, "LA": 2, "INT": 3, "ADV": 1, "UKN": 1}
ASKED_FOR_A_CHILD_BY = {"LA": 30, "INT": 12, "PCH": 16, "SH": 6, "FFN": 12, "ANON": 3, "OTH": 19, "LAHD": 2}
REASONS = {
    "REQ-I": 22,
    "REQ-AE": 15,
    "REQ-ASS": 15,
    "CFW": 10,
    "R-IPC": 8,
    "FIQ": 7,
    "PUI": 6,
    "REQ-CS": 5,
    "REQ-R": 4,
    "AEI": 4,
    "OTH": 2,
    "C": 1,
    "SA": 1,
}
REASONS_AFTER_A_STAY = {"REQ-AE": 34, "R-IPC": 22, "REQ-ASS": 22, "REQ-I": 14, "CFW": 8}
RESOLVED_AS = {"Information and Advice": 78, "Equipment Given": 10, "Support Declined": 7, "Could Not Be Reached": 5}
ASSESSED_AS = {"Assessment": 62, "Equipment Given": 20, "Information and Advice": 12, "Safeguarding": 6}

ADULT_SOCIAL_CARE, CHILDRENS_SOCIAL_CARE = 0, 1
SERVICES = (  # organisation, service, share of contacts that are referred on without a request for social care
    ("St Helens Borough Council", "Adult social care", 0),
    ("St Helens Borough Council", "Children's social care", 0),
    ("STHK", "Community nursing", 26),
    ("STHK", "Community therapy", 18),
    ("North West Boroughs", "Community mental health team", 15),
    ("Torus", "Housing support", 13),
    ("Halton & St Helens Voluntary and Community Action", "Social prescribing", 16),
    ("Merseyside Fire and Rescue Service", "Home safety visits", 7),
    ("St Helens Borough Council", "Equipment and adaptations", 5),
)


@dataclass(frozen=True)
class FrontDoor:
    """Everything that the front door did.

    contacts: person (-1: nobody was named), is_child, eligible (because of what), channel, tier, urgency, received,
    responded, assessed, closed (minutes since 1 January 1970 on the clock; NEVER_MINUTE: not at all), staff, by, reason,
    outcome, in the order in which they came. referrals: contact (a row of contacts), to (a row of SERVICES), referred,
    accepted (days; NEVER: not accepted).
    """

    contacts: pd.DataFrame
    referrals: pd.DataFrame


def life(
    seed: int, borough: Borough, stays: pd.DataFrame, social_care: pd.DataFrame, childrens_contacts: pd.DataFrame
) -> FrontDoor:
    """All contacts from the first day that is told: with the requests of social care and the contacts about children among them."""
    rng = stream(seed, "front door")
    parts = [
        _requests(rng, borough, social_care),
        _after_a_stay(rng, borough, stays),
        _calls(rng, borough),
        _crises(rng, borough),
        _children(rng, childrens_contacts),
        _outsiders(rng, borough),
    ]
    named = pd.concat(parts, ignore_index=True)
    alive = borough.people["died"].to_numpy()[named["person"]] >= named["on"]
    asked = pd.concat([named[alive], _nobody_named(rng, borough, int(alive.sum()))], ignore_index=True)
    asked = asked[(asked["on"] >= borough.begins) & (asked["on"] <= borough.ends)]
    asked["minute"] = pick(rng, list(HOURS), list(HOURS.values()), len(asked)).astype(int) * 60 + rng.integers(0, 60, len(asked))
    asked = asked.sort_values(["on", "minute", "person"], kind="stable").reset_index(drop=True)
    return _dealt_with(rng, borough, asked)


def _part(person: np.ndarray, on: np.ndarray, kind: str, **more: object) -> pd.DataFrame:
    """Contacts before anybody deals with them; `asks_on` is the day of a request, `to` where everybody is referred."""
    columns = {"person": person, "on": on, "kind": kind, "asks_on": NEVER, "to": -1, "is_crisis": False}
    return pd.DataFrame(columns | more)


def _requests(rng: np.random.Generator, borough: Borough, social_care: pd.DataFrame) -> pd.DataFrame:
    """Nobody asks for social care but through the front door, on the day or up to two days before."""
    requests = social_care[(social_care["kind"] == "Request") & borough.live_in("st_helens")[social_care["person"]]]
    asks_on, route = requests["starts"].to_numpy(dtype=int), requests["route"].to_numpy()
    on = np.maximum(asks_on - pick(rng, [0, 1, 2], [80, 14, 6], len(asks_on)).astype(int), borough.begins)
    from_hospital, diverted = route == "Discharge from Hospital", route == "Diversion from Hospital Services"
    by = np.where(from_hospital, "SH", pick(rng, list(ASKED_BY), list(ASKED_BY.values()), len(on)))
    reason = np.select([from_hospital, diverted], ["HD", "REQ-USS"], "REQ-ASS")
    person = requests["person"].to_numpy(dtype=int)
    more = {"asks_on": asks_on, "to": ADULT_SOCIAL_CARE, "is_crisis": diverted & (on == asks_on)}
    return _part(person, on, "request", by=by, reason=reason, **more)


def _after_a_stay(rng: np.random.Generator, borough: Borough, stays: pd.DataFrame) -> pd.DataFrame:
    person, discharged = stays["person"].to_numpy(), stays["discharged"].to_numpy()
    years = age(borough.people["born"].to_numpy()[person], discharged)
    calls = ~stays["is_planned"].to_numpy() & (years >= 65) & _may_use_it(borough)[person]
    calls &= rng.random(len(stays)) < CALLS_AFTER_A_STAY
    size = int(calls.sum())
    return _part(
        person[calls],
        discharged[calls] + rng.integers(1, 15, size),
        "planned",
        by=pick(rng, ["FFN", "S", "PCH", "ASCP"], [46, 32, 14, 8], size),
        reason=pick(rng, list(REASONS_AFTER_A_STAY), list(REASONS_AFTER_A_STAY.values()), size),
    )


def _calls(rng: np.random.Generator, borough: Borough) -> pd.DataFrame:
    rate = _rate(borough, CONTACTS_A_YEAR) * rng.gamma(CALLERS_DIFFER, 1 / CALLERS_DIFFER, len(borough.people))
    person, on = _over_the_years(rng, borough, rate * _may_use_it(borough))
    return _part(
        person,
        on,
        "planned",
        by=pick(rng, list(ASKED_BY), list(ASKED_BY.values()), len(on)),
        reason=pick(rng, list(REASONS), list(REASONS.values()), len(on)),
    )


def _crises(rng: np.random.Generator, borough: Borough) -> pd.DataFrame:
    person, on = _over_the_years(rng, borough, _rate(borough, CRISES_A_YEAR) * _may_use_it(borough))
    by = pick(rng, ["FFN", "PCH", "S", "ASCP", "SH"], [36, 30, 14, 12, 8], len(on))
    reason = pick(rng, ["REQ-USS", "REQ-USC", "CFW", "MHAAR"], [68, 14, 12, 6], len(on))
    return _part(person, on, "crisis", by=by, reason=reason, is_crisis=True)


def _children(rng: np.random.Generator, contacts: pd.DataFrame) -> pd.DataFrame:
    by = pick(rng, list(ASKED_FOR_A_CHILD_BY), list(ASKED_FOR_A_CHILD_BY.values()), len(contacts))
    reason = pick(rng, ["CFW", "R-SI", "REQ-ASS", "REQ-I"], [60, 18, 14, 8], len(contacts))
    person, on = (contacts[name].to_numpy(dtype=int) for name in ("person", "on"))
    return _part(person, on, "child", by=by, reason=reason, to=CHILDRENS_SOCIAL_CARE)


def _outsiders(rng: np.random.Generator, borough: Borough) -> pd.DataFrame:
    adult = age(borough.people["born"].to_numpy(), borough.begins) >= 18
    person, on = _over_the_years(rng, borough, OUTSIDERS_A_YEAR * (adult & ~_may_use_it(borough)))
    by = pick(rng, ["S", "FFN", "PCH"], [55, 35, 10], len(on))
    return _part(person, on, "outside", by=by, reason="REQ-I")


def _nobody_named(rng: np.random.Generator, borough: Borough, of: int) -> pd.DataFrame:
    """Contacts about people whom the caller does not name: at least one a month, about a child."""
    begins = np.arange(borough.begins, borough.ends + 1, 28)
    on = np.concatenate([begins, rng.integers(borough.begins, borough.ends + 1, int(of * NOBODY_NAMED_SHARE))])
    is_child = (np.arange(len(on)) < len(begins)) | (rng.random(len(on)) < 0.3)
    nobody = np.full(len(on), -1)
    more = {"to": np.where(is_child, CHILDRENS_SOCIAL_CARE, -1), "by": pick(rng, ["ANON", "FFN", "LA"], [70, 20, 10], len(on))}
    return _part(nobody, on, "planned", reason="CFW", **more).assign(kind=np.where(is_child, "child", "planned"))


def _rate(borough: Borough, rates: dict[int, float]) -> np.ndarray:
    years = age(borough.people["born"].to_numpy(), borough.middle)
    return by_age(years, rates) * np.where(years >= 65, borough.people["frailty"].to_numpy(), 1.0)


def _over_the_years(rng: np.random.Generator, borough: Borough, rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Persons and days, as many as a rate a year gives, by weekday, with growth and the spring of 2020."""
    calendar = np.arange(borough.begins, borough.ends + 1)
    weight = np.array(WEEKDAYS)[weekday_of(calendar)] * (1 + GROWTH_A_YEAR) ** ((calendar - CONTACT_CARES_BEGINS) / YEAR)
    first, last, more = SPRING_OF_2020
    weight = np.where((calendar >= first) & (calendar <= last), weight * more, weight)
    person = np.arange(len(rate)).repeat(rng.poisson(rate * weight.sum() / np.mean(WEEKDAYS) / YEAR))
    return person, pick(rng, calendar, weight, len(person)).astype(int)


def _may_use_it(borough: Borough) -> np.ndarray:
    return borough.live_in("st_helens") | borough.registered_in("st_helens")


def _dealt_with(rng: np.random.Generator, borough: Borough, asked: pd.DataFrame) -> FrontDoor:
    """What became of contacts in the order in which they came."""
    size = len(asked)
    person, on, kind, asks_on, to = (asked[name].to_numpy() for name in ("person", "on", "kind", "asks_on", "to"))
    nobody, is_child = person < 0, kind == "child"
    is_crisis = asked["is_crisis"].to_numpy(dtype=bool)
    channel, received = _received(rng, asked)

    resolved = ~is_crisis & (kind == "planned") & ~nobody & (rng.random(size) < _by_service(on, "resolved"))
    first, last, left = NO_FACE_TO_FACE
    goes_out = np.where((on >= first) & (on <= last), left, 1.0)
    assessed_too = ~resolved & (kind == "planned") & ~nobody & (rng.random(size) < ASSESSED_SHARE * goes_out)
    responded = _responded(rng, asked, channel, received)

    out_on = responded // MINUTES_IN_A_DAY + 1 + rng.gamma(2.0, _by_service(on, "days_to_assessment") / 2.0).astype(int)
    visit = out_on * MINUTES_IN_A_DAY + rng.integers(9 * 60, 17 * 60, size)
    # Whoever dies before the visit was only referred on.
    assessed_too &= out_on < borough.people["died"].to_numpy()[person]
    tier_2 = is_crisis | assessed_too
    refused = kind == "outside"
    referred_on = ~resolved & ~assessed_too & ~refused & (kind != "crisis")
    assessed = np.where(is_crisis, responded + rng.integers(0, 20, size), np.where(assessed_too, visit, NEVER_MINUTE))
    told = responded + rng.integers(3, 40, size)
    written_up = _later_in_opening_hours(np.where(tier_2, assessed, responded), rng.integers(60, 3000, size))
    closed = np.where(tier_2, written_up, told)
    # A request that came before its day is kept open until it is passed on.
    waits = (asks_on < NEVER) & (closed // MINUTES_IN_A_DAY < asks_on)
    closed = np.where(waits, asks_on.astype(np.int64) * MINUTES_IN_A_DAY + rng.integers(9 * 60, 17 * 60, size), closed)

    outcome = np.select(
        [refused, resolved, assessed_too, referred_on & ~is_crisis],
        [
            "Not Eligible",
            pick(rng, list(RESOLVED_AS), list(RESOLVED_AS.values()), size),
            pick(rng, list(ASSESSED_AS), list(ASSESSED_AS.values()), size),
            "Referred On",
        ],
        "Crisis Support Given",
    )
    staff = pick(rng, list(STAFF), list(STAFF.values()), size)
    staff = np.where((asked["reason"] == "HD") & (rng.random(size) < 0.6), "STHK", staff)
    staff = np.where(is_child, pick(rng, ["St Helens Council", "Halton Council"], [93, 7], size), staff)
    staff = np.where((asked["reason"] == "MHAAR"), "North West Boroughs", staff)
    contacts = pd.DataFrame(
        {
            "person": person,
            "is_child": is_child | (~nobody & (age(borough.people["born"].to_numpy()[person], on) < 18)),
            "eligible": _eligible(borough, person),
            "channel": channel,
            "tier": np.where(tier_2, "2", "1"),
            "urgency": np.where(is_crisis, "Crisis", "Planned"),
            "received": received,
            "responded": responded,
            "assessed": assessed,
            "closed": closed,
            "staff": staff,
            "by": asked["by"].to_numpy(),
            "reason": asked["reason"].to_numpy(),
            "outcome": outcome,
        }
    )
    return FrontDoor(contacts, _referrals(rng, contacts, referred_on, asks_on, to))


def _by_service(on: np.ndarray, name: str) -> np.ndarray:
    """How well the service of each day does something: an attribute of `Service`."""
    return np.where(on >= CONTACT_CARES_BEGINS, getattr(CONTACT_CARES, name), getattr(ISAH, name))


def _received(rng: np.random.Generator, asked: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """By which channel each contact came, and at which moment."""
    size, on, kind = len(asked), asked["on"].to_numpy(), asked["kind"].to_numpy()
    channel = pick(rng, list(CHANNELS), list(CHANNELS.values()), size)
    for_children = pick(rng, list(CHILDREN_CHANNELS), list(CHILDREN_CHANNELS.values()), size)
    channel = np.where(kind == "child", for_children, channel)
    channel = np.where(asked["is_crisis"].to_numpy(dtype=bool), "Telephone", channel)
    minute = asked["minute"].to_numpy(dtype=int)
    # Who asks online or writes need not wait until the door opens.
    at_any_hour = np.isin(channel, ["Online", "E-mail"]) & (kind == "planned") & (rng.random(size) < 0.2)
    minute = np.where(at_any_hour, rng.integers(5 * 60, OPENS, size), minute)
    minute = np.where(asked["asks_on"].to_numpy() == on, np.minimum(minute, CLOSES - 150), minute)
    return channel, on.astype(np.int64) * MINUTES_IN_A_DAY + minute


def _responded(rng: np.random.Generator, asked: pd.DataFrame, channel: np.ndarray, received: np.ndarray) -> np.ndarray:
    """At which moment somebody spoke to each caller; in a crisis, stood at the door."""
    size, on, asks_on = len(asked), asked["on"].to_numpy(), asked["asks_on"].to_numpy()
    is_child = asked["kind"].to_numpy() == "child"
    at_once = (channel == "Telephone") & (rng.random(size) < _by_service(on, "answered_at_once"))
    rings_back = (rng.exponential(_by_service(on, "hours_to_ring_back")) * 60).astype(int)
    responded = _later_in_opening_hours(received, np.where(at_once, rng.integers(0, 9, size), rings_back))
    # A request is passed on upon its day, so somebody has dealt with it by then.
    too_late = (responded // MINUTES_IN_A_DAY > asks_on) | (is_child & (responded // MINUTES_IN_A_DAY > on + 1))
    responded = np.where(too_late, received + rng.integers(0, 30, size), responded)
    in_time = rng.random(size) < _by_service(on, "crisis_in_time")
    came = received + np.where(in_time, rng.integers(25, 120, size), 121 + rng.gamma(2, 30, size).astype(int))
    next_morning = (on + 1).astype(np.int64) * MINUTES_IN_A_DAY + OPENS + rng.integers(0, 60, size)
    came = np.where(came // MINUTES_IN_A_DAY > on, np.where(asks_on == on, received + 118, next_morning), came)
    return np.where(asked["is_crisis"].to_numpy(dtype=bool), came, responded)


def _later_in_opening_hours(moment: np.ndarray, wait: np.ndarray) -> np.ndarray:
    """A moment after so many minutes during which the door is open."""
    hours = CLOSES - OPENS
    opened = moment // MINUTES_IN_A_DAY * hours + np.clip(moment % MINUTES_IN_A_DAY - OPENS, 0, hours - 1) + wait
    return np.maximum(opened // hours * MINUTES_IN_A_DAY + OPENS + opened % hours, moment)


def _eligible(borough: Borough, person: np.ndarray) -> np.ndarray:
    lives, registered = borough.live_in("st_helens")[person], borough.registered_in("st_helens")[person]
    words = np.select(
        [lives & registered, lives, registered], ["Both", "Lives in St Helens", "Registered with a St Helens GP"], "Neither"
    )
    return np.where(person < 0, "", words).astype(object)


def _referrals(
    rng: np.random.Generator, contacts: pd.DataFrame, referred_on: np.ndarray, asks_on: np.ndarray, to: np.ndarray
) -> pd.DataFrame:
    """Where people were referred: one row for each contact referred on, and a second one for some."""
    shares = [share for _, _, share in SERVICES]
    after_a_crisis = (contacts["urgency"] == "Crisis").to_numpy() & ~referred_on & (rng.random(len(contacts)) < 0.4)
    contact = np.flatnonzero(referred_on | after_a_crisis)
    second = contact[(asks_on[contact] < NEVER) & (rng.random(len(contact)) < 0.12)]
    elsewhere = pick(rng, range(len(SERVICES)), shares, len(contact)).astype(int)
    closed_on = contacts["closed"].to_numpy() // MINUTES_IN_A_DAY
    parts = [
        pd.DataFrame(
            {
                "contact": contact,
                "to": np.where(to[contact] >= 0, to[contact], elsewhere),
                "referred": np.where(asks_on[contact] < NEVER, asks_on[contact], closed_on[contact]),
            }
        ),
        pd.DataFrame(
            {
                "contact": second,
                "to": pick(rng, range(len(SERVICES)), shares, len(second)).astype(int),
                "referred": np.maximum(closed_on[second], asks_on[second]),
            }
        ),
    ]
    referrals = pd.concat(parts, ignore_index=True).sort_values(["contact", "to"], kind="stable").reset_index(drop=True)
    accepted = referrals["referred"] + rng.geometric(0.45, len(referrals)) - 1
    to_social_care = referrals["to"].to_numpy() <= CHILDRENS_SOCIAL_CARE
    is_accepted = to_social_care | (rng.random(len(referrals)) < 0.88)
    referrals["accepted"] = np.where(is_accepted, accepted, NEVER)
    return referrals
