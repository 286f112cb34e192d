"""Community health services: referrals and contacts, from a health visitor's first call to care at the end of life.

How often and how long stands in `community.yml`. Adult community nursing of St Helens went to the hospital trust in
January 2017, which sends no feed of it: here all community services but those that have a feed of their own are one
provider's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cares.simulator.chance import pick, stream
from cares.simulator.days import NEVER, YEAR, age, by_age, weekday_of
from cares.simulator.lives.looked_after import LookedAfter
from cares.simulator.lives.occurrences import LOCKDOWN, SERVICES_MOVED, calendar, drawn, lockdown, next_weekday, on_weekdays
from cares.simulator.lives.spans import (
    ATTENDED,
    CANCELLED_BY_PATIENT,
    CANCELLED_BY_PROVIDER,
    FACE,
    LATE,
    MISSED,
    PHONE,
    VIDEO,
    in_hospital,
    visits,
)
from cares.simulator.residents import Borough

PHONE_STAYS = 0.4  # of the calls that lockdown brought, how many stayed; assumed

SERVED_COUNCILS = ("st_helens", "halton")
# Shares and lengths here are assumed, like the figures of `community.yml`.
SOURCES = {"general practice": 52, "hospital": 0, "social care": 14, "self": 18, "community nurse": 16}
THICKENING = 0.8  # of the contacts of frail people, towards the end of a course
GOES_IN_HOSPITAL = {"crisis response", "palliative care", "looked after children's health"}

NEW_BIRTH_VISITS = (12, 48, 290, 820)  # days after birth: new birth, six to eight weeks, one year, two to two and a half
MORE_VISITS_SHARE = 0.35
PALLIATIVE_SHARE, PALLIATIVE_DAYS = 0.34, 38

IV_AFTER = {"L031": 0.6, "A419": 0.2, "N390": 0.16, "J440": 0.12, "J441": 0.12, "J189": 0.1, "J181": 0.1}
IV_PER_1000_A_YEAR = {16: 0.5, 45: 1.1, 65: 2.4, 75: 4}  # referrals by general practice
IV_HOURS, IV_HOURS_WORSE = 5.0, 2.2  # mean hours until the first visit, and how many times as long if the transfer worsens it
IV_DAYS = 6.0

INITIAL_ASSESSMENT_DAYS = 22  # mean; the rule is 20 working days (Department for Education and Department of Health, 2015)
ASSESSMENT_MISSED_SHARE = 0.09
PLANS_PER_10_000 = 55  # children who are on a child protection plan at one time
PLAN_BEFORE_CARE_SHARE = 0.4
PLAN_VISITS_GAP = 28.0  # days
PLAN_REASONS = {"01": 46, "02": 9, "03": 40, "04": 5}

ATTENDANCE = {ATTENDED: 90.5, LATE: 1.5, CANCELLED_BY_PATIENT: 3.2, MISSED: 3.3, CANCELLED_BY_PROVIDER: 1.5}
PLACES = ("A01", "B01", "C01", "F01", "G02", "K01", "L01")


@dataclass(frozen=True)
class Community:
    """Community care; persons are row numbers of people, days are whole numbers.

    referrals: person, service, team, received, received_at (minute of the day), source, priority, closed (NEVER: goes on),
    stay (place in the stays that led to it, -1: none). contacts, in order of days: referral (place in `referrals`), day,
    at (minute of the day), minutes, medium (FACE, PHONE, VIDEO), attendance (national code), place (in `PLACES`),
    is_first. protection_plans: person, reason, starts, ends. health_assessments of looked-after children that were
    held: person, on, is_initial.
    """

    referrals: pd.DataFrame
    contacts: pd.DataFrame
    protection_plans: pd.DataFrame
    health_assessments: pd.DataFrame

    def assessed_in_time(self, persons: np.ndarray, born: np.ndarray, after: int, until: int) -> np.ndarray:
        """Whether looked-after children had the health assessments of a year: one after the first day, two while under five."""
        held = self.health_assessments
        counted = held["on"].between(after + 1, until).to_numpy()
        number = np.bincount(held["person"].to_numpy()[counted], minlength=int(persons.max(initial=0)) + 1)[persons]
        return number >= np.where(age(born, until) < 5, 2, 1)


@cache
def services() -> dict[str, Any]:
    """The services of `community.yml`, as they stand there."""
    return yaml.safe_load(resources.files(__package__).joinpath("community.yml").read_text(encoding="utf-8"))


def lives(
    seed: int, borough: Borough, stays: pd.DataFrame, children: LookedAfter, since: int, transfer_worsens: bool
) -> Community:
    """What community services do for the people of the councils that they serve; contacts are told from the day `since` on."""
    told = _Courses(seed, borough, stays, since)
    for name in services():
        if "wait" in services()[name]:
            told.refer(name)
    told.visit_babies()
    told.care_for_the_dying()
    told.give_intravenously(transfer_worsens)
    health_assessments = told.assess_looked_after(children, transfer_worsens)
    plans = _protection_plans(seed, borough, children)
    told.watch_over(plans)
    referrals, contacts = told.tables()
    return Community(referrals, contacts, plans, health_assessments)


class _Courses:
    """Collects referrals and their contacts, service by service."""

    def __init__(self, seed: int, borough: Borough, stays: pd.DataFrame, since: int) -> None:
        self.seed, self.borough, self.stays, self.since = seed, borough, stays, since
        self.born, self.died = (borough.people[name].to_numpy() for name in ("born", "died"))
        self.served = np.logical_or.reduce([borough.live_in(council) for council in SERVED_COUNCILS])
        self.in_hospital = in_hospital(stays)
        self.referrals: list[pd.DataFrame] = []
        self.contacts: list[pd.DataFrame] = []
        self.count = 0

    def refer(self, name: str) -> None:
        """One service to which people are referred, from the community or after a stay in hospital."""
        service, rng = services()[name], stream(self.seed, f"community {name}")
        middle = self.borough.middle
        rate = by_age(age(self.born, middle), service.get("per_1000_a_year", {})) / 1000 * self.served
        if service.get("frail"):
            rate = rate * self.borough.frailty(self.borough.everybody, middle)
        days = calendar(self.borough.begins, self.borough.ends)
        weight = on_weekdays(days) * 1.4 * (1 - (1 - service.get("kept", 1.0)) / 2 * lockdown(days))
        person, received = drawn(rng, rate, days, weight)
        left, stay = self._after_stays(rng, service.get("after_a_stay", {}))
        person, received = np.concatenate([person, left]), np.concatenate([received, self.stays["discharged"].to_numpy()[stay]])
        stay = np.concatenate([np.full(len(person) - len(stay), -1), stay])
        size = len(person)
        first = received + rng.gamma(1.5, service["wait"] / 1.5, size).astype(int)
        lasts = rng.gamma(1.3, service["lasts"] / 1.3, size)
        if goes_on := service.get("goes_on"):
            lasts = np.where(rng.random(size) < goes_on[0], rng.exponential(goes_on[1], size), lasts)
        gap = np.full(size, float(service["gap"]))
        if service.get("frail"):
            gap = gap / np.clip(0.5 + 0.5 * self.borough.frailty(person, received), 0.5, 2.5)
        last = (first + lasts).astype(int)
        thickening = THICKENING if service.get("frail") else 1.0
        self._write(rng, name, person, received, first, last, gap, stay, thickening=thickening)

    def _after_stays(self, rng: np.random.Generator, shares: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
        stays = self.stays
        person, discharged = stays["person"].to_numpy(), stays["discharged"].to_numpy()
        fits = ~stays["is_planned"].to_numpy() & (discharged - stays["admitted"].to_numpy() >= 2)
        fits &= self.served[person] & (self.died[person] > discharged) & (age(self.born[person], discharged) >= 65)
        share = stays["reason"].map(shares).fillna(0.0).to_numpy() * np.clip(
            0.5 + 0.5 * self.borough.frailty(person, discharged), 0.5, 2
        )
        chosen = np.flatnonzero(fits & (rng.random(len(stays)) < share))
        return person[chosen], chosen

    def visit_babies(self) -> None:
        """Health visitors call on every baby; some families are called on more often."""
        name, rng = "health visiting", stream(self.seed, "community health visiting")
        begins, ends = self.borough.begins, self.borough.ends
        baby = np.flatnonzero(self.served & (self.born > begins - NEW_BIRTH_VISITS[-1] - 40) & (self.born <= ends))
        born, late = self.born[baby], rng.integers(0, 9, (len(NEW_BIRTH_VISITS), len(baby)))
        for number, after in enumerate(NEW_BIRTH_VISITS):
            if number == 1:  # one course: the first year begins with the new birth visit
                continue
            received = born + (2 if number == 0 else after - 21)
            first = born + after + late[number]
            last = first + (NEW_BIRTH_VISITS[1] - after + 20 if number == 0 else 1)
            more = rng.random(len(baby)) < MORE_VISITS_SHARE
            last = np.where(more & (number == 0), last + 130, last)
            gap = np.where(more, services()[name]["gap"], 28.0) if number == 0 else np.full(len(baby), 99.0)
            told = received >= begins
            none = np.full(int(told.sum()), -1)
            self._write(rng, name, baby[told], received[told], first[told], last[told], gap[told], none, source="hospital")

    def watch_over(self, plans: pd.DataFrame) -> None:
        """Children on a protection plan are seen each month, by health visitors or, at school, by nurses."""
        rng = stream(self.seed, "community child protection")
        person, starts, ends = (plans[name].to_numpy() for name in ("person", "starts", "ends"))
        at_school = age(self.born[person], starts) >= 5
        for name, mine in (("health visiting", ~at_school), ("school nursing", at_school)):
            told = mine & self.served[person] & (starts >= self.borough.begins) & (starts <= self.borough.ends)
            received = starts[told] + rng.integers(0, 3, int(told.sum()))
            gap, none = np.full(len(received), PLAN_VISITS_GAP), np.full(len(received), -1)
            last = np.maximum(ends[told] - 2, received + 3)
            self._write(rng, name, person[told], received, received + 3, last, gap, none, source="social care")

    def care_for_the_dying(self) -> None:
        """Palliative care comes more often as the end comes near."""
        rng = stream(self.seed, "community palliative care")
        dying = self.served & (self.died < NEVER) & (age(self.born, self.borough.ends) >= 45)
        person = np.flatnonzero(dying & (rng.random(len(self.died)) < PALLIATIVE_SHARE))
        received = self.died[person] - 2 - rng.gamma(1.2, PALLIATIVE_DAYS / 1.2, len(person)).astype(int)
        first = received + rng.integers(0, 3, len(person))
        gap = np.full(len(person), float(services()["palliative care"]["gap"]))
        self._write(
            rng, "palliative care", person, received, first, self.died[person] - 1, gap, np.full(len(person), -1), thickening=0.6
        )

    def give_intravenously(self, transfer_worsens: bool) -> None:
        """Antibiotics into a vein at home: after a stay in hospital, or so that nobody need go there."""
        rng, stays = stream(self.seed, "community IV therapy"), self.stays
        person, discharged = stays["person"].to_numpy(), stays["discharged"].to_numpy()
        share = stays["primary"].map(IV_AFTER).fillna(0.0).to_numpy()
        fits = self.served[person] & (age(self.born[person], discharged) >= 16) & (self.died[person] > discharged + 8)
        stay = np.flatnonzero(fits & (rng.random(len(stays)) < share))
        years = age(self.born, self.borough.middle)
        days = calendar(self.borough.begins, self.borough.ends)
        rate = by_age(years, IV_PER_1000_A_YEAR) / 1000 * self.served
        at_home, asked = drawn(rng, rate, days, np.where(on_weekdays(days) > 0, 1.2, 0.5))
        person = np.concatenate([person[stay], at_home])
        received = np.concatenate([discharged[stay], asked])
        stay = np.concatenate([stay, np.full(len(at_home), -1)])
        size = len(person)
        received_at = rng.integers(9 * 12, 17 * 12, size) * 5
        hours = rng.gamma(2.0, IV_HOURS / 2.0, size)
        worse = transfer_worsens & (received >= SERVICES_MOVED)
        hours = np.where(worse, hours * IV_HOURS_WORSE, hours)
        # Nobody comes at night: between eight in the evening and eight in the morning a wait goes on.
        open_minutes = (received_at - 8 * 60) + hours * 60
        first, first_at = received + (open_minutes // 720).astype(int), (8 * 60 + open_minutes % 720).astype(int) // 5 * 5
        last = first + 2 + rng.gamma(2.0, IV_DAYS / 2.0, size).astype(int)
        gap = np.where(rng.random(size) < 0.25, 0.5, 1.0)
        self._write(
            rng, "IV therapy", person, received, first, last, gap, stay, received_at=received_at, first_at=first_at, even=True
        )

    def assess_looked_after(self, children: LookedAfter, transfer_worsens: bool) -> pd.DataFrame:
        """Health assessments of looked-after children: an initial one, then one each half year under five and each year after."""
        rng, name = stream(self.seed, "community looked after"), "looked after children's health"
        spells = children.spells
        person, starts = spells["person"].to_numpy(), spells["starts"].to_numpy()
        ends = np.minimum(spells["ends"].to_numpy(), self.died[person])
        received = np.minimum(starts + rng.integers(0, 4, len(spells)), ends)
        rows: list[tuple[int, int, bool, bool]] = []
        for spell in range(len(spells)):
            on = int(starts[spell]) + 8 + int(rng.gamma(3.0, (INITIAL_ASSESSMENT_DAYS - 8) / 3.0))
            late = int(rng.integers(8, 45))
            on += late if transfer_worsens and starts[spell] >= SERVICES_MOVED else 0
            is_initial = True
            while (on := next_weekday(on)) < ends[spell] and on <= self.borough.ends:
                came = rng.random() > 0.07
                rows.append((spell, on, is_initial, came))
                if not came:
                    on += int(rng.integers(7, 24))
                    continue
                is_initial = False
                years = (on - self.born[person[spell]]) / YEAR
                span = int(rng.integers(140, 172)) if years < 5 else int(rng.integers(315, 356))
                on += round(span * 1.6) if rng.random() < ASSESSMENT_MISSED_SHARE else span
        held = pd.DataFrame(rows, columns=["spell", "on", "is_initial", "came"]).astype({"spell": int, "on": int})
        first_number = self.count
        closed = np.where(ends <= self.borough.ends, ends, NEVER)
        self._write_referrals(rng, name, person, received, closed, np.full(len(spells), -1), source="social care")
        told = held[held["on"] >= self.since]
        came = told["came"].to_numpy(dtype=bool)
        self._write_contacts(
            rng, name, first_number + told["spell"].to_numpy(), told["on"].to_numpy(), told["is_initial"].to_numpy(dtype=bool),
            attendance=np.where(came, ATTENDED, MISSED),
        )  # fmt: skip
        attended = held[held["came"].astype(bool)]
        return pd.DataFrame(
            {
                "person": person[attended["spell"]],
                "on": attended["on"].to_numpy(),
                "is_initial": attended["is_initial"].to_numpy(dtype=bool),
            }
        )

    def _write(
        self,
        rng: np.random.Generator,
        name: str,
        person: np.ndarray,
        received: np.ndarray,
        first: np.ndarray,
        last: np.ndarray,
        gap: np.ndarray,
        stay: np.ndarray,
        *,
        source: str = "",
        thickening: float = 1.0,
        received_at: np.ndarray | None = None,
        first_at: np.ndarray | None = None,
        even: bool = False,
    ) -> None:
        """Referrals and their courses of contacts; `even`: at even distances and on every day of the week."""
        died, service = self.borough.known_until(person, received), services()[name]
        told = (received < died) & (received >= self.born[person]) & (np.minimum(last + 6, died) >= self.since)
        person, received, first, last, gap, stay, died = (part[told] for part in (person, received, first, last, gap, stay, died))
        weekend = service.get("weekend", 0.0)
        if not weekend:
            first, last = next_weekday(first), next_weekday(np.maximum(last, first))
        closed = np.minimum(np.maximum(last, first) + rng.integers(1, 6, len(person)), died)
        number = self.count
        at = None if received_at is None else received_at[told]
        self._write_referrals(rng, name, person, received, closed, stay, source, at)
        course, on = visits(rng, first, np.minimum(last, self.borough.ends), gap, thickening)
        is_first = np.concatenate([[True], course[1:] != course[:-1]]) if len(course) else np.zeros(0, dtype=bool)
        if even:
            on = first[course] + np.rint((np.arange(len(course)) - np.flatnonzero(is_first)[course]) * gap[course]).astype(int)
        elif weekend:
            goes = weekday_of(on) < 5
            goes |= is_first | (rng.random(len(on)) < weekend)
            course, on, is_first = course[goes], on[goes], is_first[goes]
        else:
            on = next_weekday(on)
        keep = (on >= self.since) & (on < died[course]) & (on <= closed[course]) & (on <= self.borough.ends)
        if name not in GOES_IN_HOSPITAL:
            keep &= ~self.in_hospital.cover(person[course], on)
        # Lockdown leaves a share of the work; a part of the rest is called off, and of most of it nobody writes anything.
        stopped = rng.random(len(on)) < (1 - service.get("kept", 1.0)) * lockdown(on)
        called_off = stopped & (rng.random(len(on)) < 0.2)
        keep &= ~stopped | called_off
        course, on, is_first, called_off = course[keep], on[keep], is_first[keep], called_off[keep]
        attendance = pick(rng, list(ATTENDANCE), list(ATTENDANCE.values()), len(on)).astype(np.int8)
        attendance[called_off] = CANCELLED_BY_PROVIDER
        if first_at is not None:
            attendance[is_first] = ATTENDED  # the response is the first visit
        at = None if first_at is None else np.where(is_first, first_at[told][course], -1)
        self._write_contacts(rng, name, number + course, on, is_first, attendance, at)

    def _write_referrals(
        self,
        rng: np.random.Generator,
        name: str,
        person: np.ndarray,
        received: np.ndarray,
        closed: np.ndarray,
        stay: np.ndarray,
        source: str = "",
        received_at: np.ndarray | None = None,
    ) -> None:
        size, teams = len(person), services()[name]["teams"]
        asked = pick(rng, list(SOURCES), list(SOURCES.values()), size) if not source else np.full(size, source, dtype=object)
        of_team = self.borough.people["practice"].to_numpy()[person] % len(teams)
        urgent = (stay >= 0) | np.isin(name, ["IV therapy", "crisis response", "palliative care"])
        self.referrals.append(
            pd.DataFrame(
                {
                    "person": person,
                    "service": name,
                    "team": np.array(teams, dtype=object)[of_team],
                    "received": received,
                    "received_at": rng.integers(8 * 12, 18 * 12, size) * 5 if received_at is None else received_at,
                    "source": np.where(stay >= 0, "hospital", asked),
                    "priority": np.where(urgent, "2", "1"),
                    "closed": closed,
                    "stay": stay,
                }
            )
        )
        self.count += size

    def _write_contacts(
        self,
        rng: np.random.Generator,
        name: str,
        referral: np.ndarray,
        on: np.ndarray,
        is_first: np.ndarray,
        attendance: np.ndarray,
        at: np.ndarray | None = None,
    ) -> None:
        service, size = services()[name], len(referral)
        usual, then = service["phone"]
        by_phone = rng.random(size) < usual + (then - usual) * lockdown(on, PHONE_STAYS)
        on_screen = by_phone & (on >= LOCKDOWN) & (rng.random(size) < 0.15)
        minute = rng.integers(8 * 12, 17 * 12, size) * 5
        kinds = service["places"]
        place = pick(rng, [PLACES.index(code) for code in kinds], list(kinds.values()), size)
        self.contacts.append(
            pd.DataFrame(
                {
                    "referral": referral.astype(np.int32),
                    "day": on.astype(np.int32),
                    "at": (minute if at is None else np.where(at >= 0, at, minute)).astype(np.int16),
                    "minutes": (np.maximum(1, rng.gamma(6.0, service["minutes"] / 30, size)).astype(int) * 5).astype(np.int16),
                    "medium": np.where(on_screen, VIDEO, np.where(by_phone, PHONE, FACE)).astype(np.int8),
                    "attendance": np.asarray(attendance).astype(np.int8),
                    "place": place.astype(np.int8),
                    "is_first": is_first,
                }
            )
        )

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """All referrals, and all contacts in the order of their days."""
        contacts = pd.concat(self.contacts, ignore_index=True).sort_values(["day", "referral"], kind="stable")
        return pd.concat(self.referrals, ignore_index=True), contacts.reset_index(drop=True)


def _protection_plans(seed: int, borough: Borough, children: LookedAfter) -> pd.DataFrame:
    """Child protection plans: of children who came into care afterwards, and of others."""
    rng, born = stream(seed, "child protection plans"), borough.people["born"].to_numpy()
    spells = children.spells
    before = spells[rng.random(len(spells)) < PLAN_BEFORE_CARE_SHARE]
    cared_for, ended = before["person"].to_numpy(), before["starts"].to_numpy()
    is_child = borough.live_in("st_helens") & (borough.people["parent"].to_numpy() >= 0) & (born < borough.ends - 60)
    pool = np.flatnonzero(is_child & (born > borough.begins - 17 * YEAR))
    pool = pool[~np.isin(pool, spells["person"])]
    years = (borough.ends - borough.begins) / YEAR
    others = pool[rng.random(len(pool)) < PLANS_PER_10_000 / 10_000 * (1 + years)]
    starts = rng.integers(np.maximum(borough.begins - 300, born[others] + 5), borough.ends)
    length = np.concatenate([rng.integers(60, 420, len(cared_for)), 90 + rng.exponential(220, len(others)).astype(int)])
    person = np.concatenate([cared_for, others])
    starts = np.concatenate([np.maximum(ended - length[: len(ended)], born[cared_for] + 1), starts])
    ends = np.concatenate([ended, starts[len(ended) :] + length[len(ended) :]])
    turns_18 = born[person] + int(18 * YEAR)
    plans = {
        "person": person,
        "reason": pick(rng, list(PLAN_REASONS), list(PLAN_REASONS.values()), len(person)),
        "starts": starts,
    }
    found = pd.DataFrame(plans | {"ends": np.minimum(np.minimum(ends, turns_18), borough.people["died"].to_numpy()[person])})
    return found[found["starts"] < found["ends"]].reset_index(drop=True)
