"""Adult social care: from a discharge or a call to the front door, through reablement, to home care or a care home.

Every share, length and price here is assumed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.simulator.chance import pick, stream
from cares.simulator.days import NEVER, YEAR, age, by_age
from cares.simulator.residents import Borough

ASKS_AFTER_A_STAY = {65: 0.10, 75: 0.22, 85: 0.36}  # of emergency stays of two nights or more
AFTER_A_REQUEST = {"reablement": 0.56, "assessment": 0.24, "nothing": 0.20}
CALLS_PER_YEAR = {18: 0.008, 65: 0.03, 75: 0.08, 85: 0.16}  # people who ask without a hospital stay
AFTER_A_CALL = {"reablement": 0.12, "assessment": 0.28, "nothing": 0.60}
HAS_SUPPORT_ALREADY = {18: 0.006, 65: 0.012, 75: 0.035, 85: 0.11}
NEEDS_MORE_AFTER_REABLEMENT = 0.42
ENTERS_A_CARE_HOME_IN_A_YEAR = 0.09
CARER_IS_ASSESSED_SHARE = 0.35
HOME_CARE_PER_HOUR, REABLEMENT_PER_WEEK = 15.6, 310.0
CARE_HOME_PER_WEEK, NURSING_HOME_PER_WEEK, CARER_PAYMENT = 545.0, 690.0, 250.0
NOTES = (
    "",
    "Lives alone, daughter visits",
    'Says she is "managing", family disagree',
    "Two steps at the front door; key safe fitted",
    "Asked for a call back after 4pm, prefers mobile",
)
COLUMNS = (
    "person client kind starts ends outcome note route assessment needs component_type component delivery unit_cost "
    "cost_per units review_reason linked_person"
).split()


def events(seed: int, borough: Borough, stays: pd.DataFrame) -> pd.DataFrame:
    """All events of adult social care of all three councils, one row each, in the order in which they start.

    Columns as in `COLUMNS`; `kind` is Request, Assessment, Service or Review; `ends` is NEVER for what goes
    on. People who enter a care home move there in `borough`.
    """
    book = _Book(borough)
    supported = _supported_already(stream(seed, "social care so far"), book)
    journeys = _journeys(stream(seed, "social care requests"), borough, stays, supported)
    _tell(stream(seed, "social care journeys"), book, journeys)
    _support_at_home(stream(seed, "home care"), book)
    _reviews(stream(seed, "reviews"), book)
    found = book.table()
    # What begins after a death never happened; what goes on then ends on its day.
    died = borough.people["died"].to_numpy()[found["person"]]
    found, died = found[found["starts"] <= died], died[found["starts"] <= died]
    cut = (found["ends"] > died).to_numpy() & (died < NEVER)
    found.loc[cut, "ends"] = died[cut]
    found.loc[cut, "outcome"] = "NFA - Deceased"
    same = ["person", "client", "kind", "starts", "ends", "component_type", "component"]
    found = found[found["starts"] <= borough.ends].drop_duplicates(same)
    return found.sort_values(["starts", "person", "kind"], kind="stable").reset_index(drop=True)


class _Book:
    """Collects events; what is not said of an event is blank."""

    def __init__(self, borough: Borough) -> None:
        self.borough = borough
        self.parts: list[pd.DataFrame] = []
        self.at_home: list[pd.DataFrame] = []

    def write(self, kind: str, person: np.ndarray, starts: np.ndarray, ends: np.ndarray | int, **more: object) -> None:
        entry = {"client": "Service User", **more}
        part = pd.DataFrame({"person": person, "kind": kind, "starts": starts, "ends": ends} | entry)
        self.parts.append(part.reindex(columns=COLUMNS))

    def start_at_home(self, person: np.ndarray, starts: np.ndarray) -> None:
        """Long-term support at home begins; `_support_at_home` tells how it goes on."""
        self.at_home.append(pd.DataFrame({"person": person, "starts": starts}))

    def table(self) -> pd.DataFrame:
        found = pd.concat([part for part in self.parts if len(part)], ignore_index=True)
        numbers = ["unit_cost", "units", "linked_person"]
        return found.fillna(dict.fromkeys((name for name in COLUMNS if name not in numbers), ""))


def _supported_already(rng: np.random.Generator, book: _Book) -> np.ndarray:
    borough = book.borough
    people, begins = borough.people, borough.begins
    years = age(people["born"].to_numpy(), begins)
    in_care_home = borough.residences.on(borough.everybody, begins) >= borough.first_care_home
    alive = (people["died"].to_numpy() > begins) & (years >= 18)
    frailty = np.where(years >= 65, people["frailty"].to_numpy(), 1.0)
    at_home = alive & ~in_care_home & (rng.random(len(people)) < by_age(years, HAS_SUPPORT_ALREADY) * frailty)
    funded = alive & in_care_home & (rng.random(len(people)) < 0.6)

    person = np.flatnonzero(at_home & (years >= 65))
    book.start_at_home(person, begins - rng.integers(20, 1500, len(person)))
    person = np.flatnonzero(funded)
    since = borough.residences.since(person, begins)
    _care_home(rng, book, person, since)

    person = np.flatnonzero(at_home & (years < 65))
    component = pick(
        rng,
        ["Community Supported Living", "Direct Payment", "Day Support", "Shared Lives", "Professional Support"],
        [38, 30, 18, 5, 9],
        len(person),
    )
    delivery = np.where(component == "Direct Payment", "Direct payment", "CASSR managed personal budget")
    since = begins - rng.integers(20, 4000, len(person))
    cost = np.round(rng.gamma(4, 90, len(person)), 2)
    book.write(
        "Service",
        person,
        since,
        NEVER,
        component_type="Long Term Support: Community",
        component=component,
        delivery=delivery,
        unit_cost=cost,
        cost_per="Per week",
        units=1.0,
    )
    return at_home | in_care_home


def _journeys(rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, supported: np.ndarray) -> pd.DataFrame:
    """First requests: after a stay in hospital, or from the community. One a person at most, the earlier of the two."""
    people = borough.people
    born, died = (people[name].to_numpy() for name in ("born", "died"))
    person, discharged = stays["person"].to_numpy(), stays["discharged"].to_numpy()
    years = age(born[person], discharged)
    asks = ~stays["is_planned"].to_numpy() & (discharged - stays["admitted"].to_numpy() >= 2) & (died[person] > discharged + 3)
    asks &= (stays["destination"] != "85").to_numpy()  # whoever lives in a care home, or goes to one from there, has help
    share = by_age(years, ASKS_AFTER_A_STAY) * np.clip(0.4 + 0.6 * borough.frailty(person, discharged), 0.4, 2)
    share = share * np.where((stays["reason"] == "fall").to_numpy(), 1.7, 1.0)
    asks &= ~supported[person] & (rng.random(len(stays)) < share)
    chosen = stays[asks]
    ready = np.where(chosen["ready"] < NEVER, chosen["ready"], chosen["discharged"])
    after_stay = pd.DataFrame(
        {
            "person": chosen["person"].to_numpy(),
            "asked": np.maximum(chosen["admitted"].to_numpy() + 1, ready - 3),
            "decided": chosen["discharged"].to_numpy(),
            "route": "Discharge from Hospital",
            "plan": pick(rng, list(AFTER_A_REQUEST), list(AFTER_A_REQUEST.values()), len(chosen)),
        }
    )
    middle = borough.middle
    years = age(born, middle)
    rate = by_age(years, CALLS_PER_YEAR) * np.where(years >= 65, borough.frailty(borough.everybody, middle), 1.0)
    asked = borough.begins + (rng.exponential(1 / np.maximum(rate, 1e-9)) * YEAR).clip(max=NEVER).astype(int)
    caller = np.flatnonzero(~supported & (years >= 18) & (asked < np.minimum(borough.ends, died)))
    calls = pd.DataFrame(
        {
            "person": caller,
            "asked": asked[caller],
            "decided": asked[caller] + rng.integers(0, 6, len(caller)),
            "route": pick(
                rng,
                [
                    "Community / Other route",
                    "Diversion from Hospital Services",
                    "Self-funder with depleted funds",
                    "Planned Entry (Transition)",
                ],
                [86, 9, 3, 2],
                len(caller),
            ),
            "plan": pick(rng, list(AFTER_A_CALL), list(AFTER_A_CALL.values()), len(caller)),
        }
    )
    both = pd.concat([after_stay, calls], ignore_index=True).sort_values(["asked", "person"], kind="stable")
    return both.drop_duplicates("person").reset_index(drop=True)


def _tell(rng: np.random.Generator, book: _Book, journeys: pd.DataFrame) -> None:
    plan = journeys["plan"].to_numpy()
    declined = [
        "NFA - Information & Advice / Signposting only",
        "NFA - Support declined",
        "NFA - Self-funded client (Inc. 12wk disregard)",
        "NFA - 100% NHS funded care",
    ]
    nothing = pick(rng, declined, [62, 18, 14, 6], len(journeys))
    outcome = np.select(
        [plan == "reablement", plan == "assessment"], ["Progress to Reablement/ST-Max", "Progress to Assessment"], nothing
    )
    book.write(
        "Request",
        journeys["person"].to_numpy(),
        journeys["asked"].to_numpy(),
        journeys["decided"].to_numpy(),
        outcome=outcome,
        route=journeys["route"].to_numpy(),
        note=pick(rng, NOTES, [70, 12, 6, 6, 6], len(journeys)),
    )

    chosen = journeys[plan == "reablement"]
    person, starts = chosen["person"].to_numpy(), chosen["decided"].to_numpy()
    size = len(person)
    ends = starts + np.minimum(10 + rng.gamma(4, 6, size).astype(int), 42)
    needs_more = rng.random(size) < NEEDS_MORE_AFTER_REABLEMENT
    returned = ~needs_more & (rng.random(size) < 0.08)
    finished = np.where(returned, "Admitted to hospital", "Service ended as planned")
    book.write(
        "Service",
        person,
        starts,
        ends,
        outcome=np.where(needs_more, "Progress to Assessment", finished),
        component_type="Short Term Support: ST-Max",
        component="Reablement",
        delivery="CASSR commissioned support",
        unit_cost=REABLEMENT_PER_WEEK,
        cost_per="Per week",
        units=1.0,
    )
    fitted = rng.random(size) < 0.4
    equipped = int(fitted.sum())
    book.write(
        "Service",
        person[fitted],
        starts[fitted],
        starts[fitted],
        outcome="Provision of service",
        component_type="Short Term Support: Other Short Term",
        component="Equipment",
        delivery="CASSR commissioned support",
        unit_cost=np.round(rng.gamma(2, 35, equipped), 2),
        cost_per="One-off",
        units=1.0,
    )

    assessed = journeys[plan == "assessment"]
    person = np.concatenate([person[needs_more], assessed["person"].to_numpy()])
    starts = np.concatenate([ends[needs_more], assessed["decided"].to_numpy()]) + rng.integers(0, 9, len(person))
    ends = starts + 3 + rng.gamma(1.5, 8, len(person)).astype(int)
    eligible = rng.random(len(person)) < 0.72
    refused = pick(
        rng,
        ["NFA - No services offered: Other reason", "NFA - Self-funded client (Inc. 12wk disregard)", "NFA - Support declined"],
        [50, 30, 20],
        len(person),
    )
    book.write(
        "Assessment",
        person,
        starts,
        ends,
        outcome=np.where(eligible, "Progress to Support Planning / Services", refused),
        assessment="Long term assessment",
        needs=np.where(eligible, "Yes", "No"),
    )
    book.start_at_home(person[eligible], ends[eligible] + rng.integers(1, 15, int(eligible.sum())))


def _support_at_home(rng: np.random.Generator, book: _Book) -> None:
    borough = book.borough
    at_home = pd.concat(book.at_home, ignore_index=True)
    person, starts = at_home["person"].to_numpy(), at_home["starts"].to_numpy()
    size = len(person)
    older = age(borough.people["born"].to_numpy()[person], starts) >= 65
    stays_for = np.where(older, rng.exponential(1 / ENTERS_A_CARE_HOME_IN_A_YEAR, size) * YEAR, NEVER)
    enters = np.maximum(starts + 30, borough.begins) + stays_for.clip(max=NEVER).astype(int)
    enters = np.where((enters < borough.ends) & (enters < borough.people["died"].to_numpy()[person]), enters, NEVER)
    moves = enters < NEVER
    component = pick(rng, ["Home Support", "Direct Payment", "Day Support", "Meals"], [72, 14, 9, 5], size)
    by_hour = component == "Home Support"
    hours = np.round(3.5 + rng.gamma(2, 3.2, size), 1)
    book.write(
        "Service",
        person,
        starts,
        enters,
        outcome=np.where(moves, "Progress to Re-assessment / Unplanned Review", ""),
        component_type="Long Term Support: Community",
        component=component,
        delivery=np.where(component == "Direct Payment", "Direct payment", "CASSR commissioned support"),
        unit_cost=np.where(by_hour, HOME_CARE_PER_HOUR, np.round(rng.gamma(4, 30, size), 2)),
        cost_per=np.where(by_hour, "Per hour", "Per week"),
        units=np.where(by_hour, hours, 1.0),
    )
    entering, day_of = person[moves], enters[moves]
    book.write(
        "Review",
        entering,
        day_of - rng.integers(1, 8, len(entering)),
        day_of,
        review_reason="Unplanned review",
        outcome="Progress to Support Planning / Services",
    )
    borough.move(entering, day_of, borough.care_homes_for(rng, entering))
    _care_home(rng, book, entering, day_of)

    partner = borough.people["partner"].to_numpy()[person]
    cared = (partner >= 0) & (rng.random(size) < CARER_IS_ASSESSED_SHARE)
    cared &= borough.people["died"].to_numpy()[partner] > starts + 60
    carer, since = partner[cared], np.maximum(starts[cared], borough.begins) + rng.integers(5, 120, int(cared.sum()))
    given = rng.random(len(carer)) < 0.6
    book.write(
        "Assessment",
        carer,
        since,
        since + 14,
        client="Carer",
        assessment="Short term assessment",
        needs=np.where(given, "Yes", "No"),
        outcome=np.where(given, "Provision of service", "NFA - Information & Advice / Signposting only"),
        linked_person=person[cared],
    )
    book.write(
        "Service",
        carer[given],
        since[given] + 14,
        since[given] + 14 + 365,
        client="Carer",
        outcome="Service ended as planned",
        component_type="Carer Support: Direct to Carer",
        component="Direct Payment",
        delivery="Direct payment",
        unit_cost=CARER_PAYMENT,
        cost_per="One-off",
        units=1.0,
        linked_person=person[cared][given],
    )


def _care_home(rng: np.random.Generator, book: _Book, person: np.ndarray, starts: np.ndarray) -> None:
    nursing = rng.random(len(person)) < 0.3
    book.write(
        "Service",
        person,
        starts,
        NEVER,
        delivery="CASSR managed personal budget",
        cost_per="Per week",
        units=1.0,
        component_type=np.where(nursing, "Long Term Support: Nursing Care", "Long Term Support: Residential Care"),
        component=np.where(nursing, "Long Term Nursing Care", "Long Term Residential Care"),
        unit_cost=np.where(nursing, NURSING_HOME_PER_WEEK, CARE_HOME_PER_WEEK),
    )


def _reviews(rng: np.random.Generator, book: _Book) -> None:
    """Long-term support is reviewed after six weeks and then once a year."""
    borough = book.borough
    services = pd.concat([part for part in book.parts if len(part)], ignore_index=True)
    services = services[(services["kind"] == "Service") & services["component_type"].str.startswith("Long Term", na=False)]
    starts, ends = services["starts"].to_numpy(), np.minimum(services["ends"].to_numpy(), borough.ends)
    for number in range(int((borough.ends - starts.min()) / YEAR) + 1) if len(services) else ():
        due = starts + (42 if number == 0 else int(number * YEAR)) + rng.integers(-20, 60, len(starts))
        held = (due >= borough.begins) & (due < ends) & (due > starts) & (rng.random(len(starts)) < 0.75)
        size = int(held.sum())
        book.write(
            "Review",
            services["person"].to_numpy()[held],
            due[held],
            due[held] + rng.integers(0, 5, size),
            review_reason="Planned review of long term support",
            outcome=pick(rng, ["No change in package", "Progress to Support Planning / Services"], [78, 22], size),
        )
