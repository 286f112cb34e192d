"""Mental health services: referrals of adults and children, contacts, stays on a psychiatric ward, and detentions.

How often and how long stands in `mental_health.yml`; children wait longer than adults.
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
from cares.simulator.lives.community import PHONE_STAYS
from cares.simulator.lives.looked_after import LookedAfter
from cares.simulator.lives.occurrences import calendar, drawn, lockdown, next_weekday, on_weekdays
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
    one_at_a_time,
    visits,
)
from cares.simulator.residents import Borough

# Shares here are assumed, like the figures of `mental_health.yml`.
SERVED_COUNCILS = ("st_helens", "halton", "knowsley")
CHILDREN_WAIT_LONGER_EACH_YEAR = 0.12
LIAISON_AFTER = {"T391": 0.85, "F102": 0.4, "R410": 0.35}  # stays in the general hospital, by main diagnosis
LIAISON_FRAIL_SHARE = 0.04  # of other emergency stays of people of 75 and more
REASON_IN_HOSPITAL = {"T391": "15", "F102": "09", "R410": "08"}
LOOKED_AFTER_REFERRED_SHARE = 0.5
ADMITTED_SHARE = {"crisis team": 0.26, "hospital liaison": 0.06, "older people's mental health": 0.05}
NIGHTS, LEAST_NIGHTS = 34, 2
DETAINED_SHARE, POLICE_SHARE = 0.45, 0.22  # of stays; of the detained, those brought by the police under section 136
SECTION_3_SHARE = 0.55  # of those still in hospital when section 2 ends after 28 days
SECOND_WARD_SHARE = 0.14
DAYS_BEFORE_A_DELAY = (12, 110)  # from the referral to the day from which the patient might have left
# Reasons and who answers for them as the monthly return of delayed transfers has them, in the codes of mental health.
DELAY_REASONS = {
    "A": "A2",
    "B": "B1",
    "C": "C1",
    "Di": "D1",
    "Dii": "D2",
    "E": "E1",
    "F": "F2",
    "G": "G2",
    "H": "H1",
    "I": "I2",
    "O": "98",
}
ANSWERABLE = {"NHS": "04", "Social Care": "05", "Both": "06"}

BY_PHONE, BY_VIDEO = (0.07, 0.66), (0.0, 0.16)  # shares of contacts: before lockdown and in it
LIAISON_BY_PHONE = 0.15  # of what is seen in hospital, in lockdown
PLACES = ("A01", "B01", "E02", "E04", "G01", "L01")
DIAGNOSES = {  # by main reason for the referral, in ICD-10
    "01": ["F239", "F209"],
    "02": ["F200", "F259"],
    "03": ["F319"],
    "04": ["F329", "F339"],
    "05": ["F411", "F419"],
    "06": ["F429"],
    "08": ["F009", "F019", "F03X"],
    "09": ["F102"],
    "11": ["F431"],
    "12": ["F500", "F502"],
    "13": ["F530"],
    "14": ["F603"],
    "15": ["F432"],
    "16": ["F919"],
    "18": ["F329", "F432"],
    "19": ["F432"],
    "21": ["F941"],
    "24": ["F900"],
    "25": ["F840"],
}


@dataclass(frozen=True)
class MentalHealth:
    """Mental health care; persons are row numbers of people, days are whole numbers.

    referrals: person, service, team, received, received_at (minute of the day), source, reason, priority, is_child (when
    referred), turned_down (NEVER: taken), closed (NEVER: goes on), diagnosed (NEVER: not), diagnosis, stay (in the general
    hospital, in which liaison saw the patient; -1: none). contacts, in order of days: referral, day, at, minutes, medium,
    attendance, place. spells on a psychiatric ward: referral, person, admitted, discharged, source, destination, method,
    is_detained, delayed_from (NEVER: not), delay_reason, answerable. ward_stays: spell, ward, starts, ends. detentions, informal stays
    among them: spell, person, starts, ends, status.
    """

    referrals: pd.DataFrame
    contacts: pd.DataFrame
    spells: pd.DataFrame
    ward_stays: pd.DataFrame
    detentions: pd.DataFrame


@cache
def services() -> dict[str, Any]:
    """The services of `mental_health.yml`, as they stand there."""
    return yaml.safe_load(resources.files(__package__).joinpath("mental_health.yml").read_text(encoding="utf-8"))


def lives(
    seed: int, borough: Borough, stays: pd.DataFrame, children: LookedAfter, delays: pd.DataFrame, since: int
) -> MentalHealth:
    """What the trust does for the people of the councils that it serves; contacts are told from the day `since` on.

    `delays` are those in its beds, as in `delayed_transfers`: each becomes that of a patient, if there is one whom it fits.
    """
    told = _Courses(seed, borough, stays, since)
    for name, service in services().items():
        if "per_1000_a_year" in service:
            told.refer(name)
    told.see_in_hospital()
    told.refer_looked_after(children)
    referrals, courses = told.tables()
    delayed = _delayed(stream(seed, "delays on psychiatric wards"), borough, stays, referrals, delays)
    spells = _spells(stream(seed, "psychiatric wards"), borough, stays, referrals, delayed)
    last = np.full(len(referrals), -NEVER)
    np.maximum.at(last, spells["referral"].to_numpy(), spells["discharged"].to_numpy())
    referrals["closed"] = np.maximum(referrals["closed"].to_numpy(), last)
    contacts = told.contacts_of(referrals, courses)
    rng = stream(seed, "detentions")
    return MentalHealth(referrals, contacts, spells, _ward_stays(rng, borough, spells), _detentions(rng, spells))


class _Courses:
    """Collects referrals, service by service, and then what became of them."""

    def __init__(self, seed: int, borough: Borough, stays: pd.DataFrame, since: int) -> None:
        self.seed, self.borough, self.stays, self.since = seed, borough, stays, since
        self.born, self.died, self.sex = (borough.people[name].to_numpy() for name in ("born", "died", "sex"))
        self.served = np.logical_or.reduce([borough.live_in(council) for council in SERVED_COUNCILS])
        self.in_hospital = in_hospital(stays)
        self.referrals: list[pd.DataFrame] = []

    def refer(self, name: str) -> None:
        """One service to which people are referred."""
        service, rng = services()[name], stream(self.seed, f"mental health {name}")
        years = age(self.born, self.borough.middle)
        rate = by_age(years, service["per_1000_a_year"]) / 1000 * self.served
        if "sex" in service:
            rate = rate * (self.sex == service["sex"])
        for condition, times in service.get("conditions", {}).items():
            rate = rate * np.where(self.borough.conditions[condition].to_numpy(), times, 1.0)
        days = calendar(self.borough.begins, self.borough.ends)
        weight = on_weekdays(days) * 1.4 if "weekend" not in service else np.ones(len(days))
        weight = weight * (1 - (1 - service.get("fewer", 1.0)) * lockdown(days))
        if service.get("school"):  # few are referred in the summer holidays
            weight = weight * np.where(np.isin((days % YEAR / 30.44).astype(int), (7,)), 0.45, 1.05)
        person, received = drawn(rng, rate, days, weight)
        self._write(rng, name, person, received)

    def see_in_hospital(self) -> None:
        """Liaison sees people in the general hospital: those who harmed themselves, drink, or are confused."""
        rng, stays = stream(self.seed, "mental health liaison"), self.stays
        person, admitted = stays["person"].to_numpy(), stays["admitted"].to_numpy()
        share = stays["primary"].map(LIAISON_AFTER).fillna(0.0).to_numpy()
        frail = (age(self.born[person], admitted) >= 75) & ~stays["is_planned"].to_numpy()
        share = np.where(frail & (share == 0), LIAISON_FRAIL_SHARE, share)
        stay = np.flatnonzero(self.served[person] & (rng.random(len(stays)) < share) & (stays["reason"] != "birth").to_numpy())
        reason = stays["primary"].map(REASON_IN_HOSPITAL).fillna("08").to_numpy(dtype=object)[stay]
        self._write(rng, "hospital liaison", person[stay], admitted[stay], reason=reason, stay=stay)
        # Children who harmed themselves are then seen by the children's service, and sooner than others.
        young = (stays["primary"].to_numpy()[stay] == "T391") & (age(self.born[person[stay]], admitted[stay]) < 18)
        left = stays["discharged"].to_numpy()[stay[young]]
        harm = np.full(int(young.sum()), "15", dtype=object)
        self._write(rng, "children and young people", person[stay[young]], left, reason=harm, soon=True)

    def refer_looked_after(self, children: LookedAfter) -> None:
        """Some looked-after children are referred by their social workers."""
        rng, spells = stream(self.seed, "mental health of looked-after children"), children.spells
        person, starts = spells["person"].to_numpy(), spells["starts"].to_numpy()
        received = np.maximum(starts, self.borough.begins) + rng.integers(20, 300, len(spells))
        fits = (received < np.minimum(spells["ends"].to_numpy(), self.borough.ends)) & (age(self.born[person], received) >= 4)
        fits &= rng.random(len(spells)) < LOOKED_AFTER_REFERRED_SHARE
        self._write(rng, "looked-after children's mental health", person[fits], received[fits])

    def _write(
        self,
        rng: np.random.Generator,
        name: str,
        person: np.ndarray,
        received: np.ndarray,
        *,
        reason: np.ndarray | None = None,
        stay: np.ndarray | None = None,
        soon: bool = False,
    ) -> None:
        service = services()[name]
        fits = (received >= self.born[person]) & (received < self.died[person])
        person, received = person[fits], received[fits]
        size = len(person)
        wait = rng.gamma(1.8, (4 if soon else service["wait"]) / 1.8, size)
        if service.get("school"):
            wait = wait * (1 + CHILDREN_WAIT_LONGER_EACH_YEAR * (received - self.borough.begins) / YEAR)
        then = rng.gamma(1.8, service["then"] / 1.8, size)
        first = received + wait.astype(int)
        second = first + np.maximum(1, then).astype(int)
        goes_on = rng.random(size) >= service["once"]
        last = np.where(goes_on, second + rng.gamma(1.1, service["lasts"] / 1.1, size).astype(int), first)
        refused = rng.random(size) < service["turned_down"]
        turned_down = np.where(refused, received + rng.integers(2, 16, size), NEVER)
        died = self.borough.known_until(person, received)
        turned_down = np.where(turned_down < died, turned_down, NEVER)
        closed = np.minimum(np.where(turned_down < NEVER, turned_down, last + rng.integers(4, 30, size)), died)
        stays_here = np.full(size, -1) if stay is None else stay[fits]
        if stay is not None:  # what begins on a ward of the general hospital ends with the stay there
            left = self.stays["discharged"].to_numpy()[stays_here]
            first, second, last = (np.minimum(days, left) for days in (first, second, last))
            closed = np.maximum(np.minimum(closed, left), first)
        teams, years = service["teams"], age(self.born[person], received)
        of_team = self.borough.people["practice"].to_numpy()[person] % len(teams)
        why = pick(rng, list(service["reasons"]), list(service["reasons"].values()), size)
        why = why if reason is None else reason[fits]
        diagnosed = np.where(goes_on & (turned_down == NEVER) & (second < died), second, NEVER)
        diagnosis = np.full(size, "", dtype=object)
        for code, possible in DIAGNOSES.items():
            diagnosis[why == code] = np.array(possible, dtype=object)[person[why == code] % len(possible)]
        self.referrals.append(
            pd.DataFrame(
                {
                    "person": person,
                    "service": name,
                    "team": np.array(teams, dtype=object)[of_team],
                    "received": received,
                    "received_at": rng.integers(8 * 12, 18 * 12, size) * 5,
                    "source": pick(rng, list(service["sources"]), list(service["sources"].values()), size),
                    "reason": why,
                    "priority": pick(rng, list(service["priority"]), list(service["priority"].values()), size),
                    "is_child": years < 18,
                    "turned_down": turned_down,
                    "closed": closed,
                    "diagnosed": diagnosed,
                    "diagnosis": diagnosis,
                    "stay": stays_here,
                    "first": first,
                    "second": second,
                    "last": last,
                    "goes_on": goes_on,
                }
            )
        )

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """All referrals, and of each the days of its course: first, second, last, and whether it goes on after the first."""
        every = pd.concat(self.referrals, ignore_index=True)
        days = ["first", "second", "last", "goes_on"]
        return every.drop(columns=days), every[days]

    def contacts_of(self, referrals: pd.DataFrame, courses: pd.DataFrame) -> pd.DataFrame:
        """The contacts of all referrals, in the order of their days."""
        found = []
        service_of = referrals["service"].to_numpy()
        for name, service in services().items():
            rng = stream(self.seed, f"mental health contacts {name}")
            mine = (service_of == name) & (referrals["turned_down"] == NEVER).to_numpy()
            rows = np.flatnonzero(mine & (referrals["closed"].to_numpy() >= self.since))
            first, second, last = (courses[column].to_numpy()[rows] for column in ("first", "second", "last"))
            more = courses["goes_on"].to_numpy()[rows]
            gap = np.full(int(more.sum()), float(service["gap"]))
            course, on = visits(rng, second[more], np.minimum(last[more], self.borough.ends), gap)
            on = np.concatenate([first, on])
            referral = np.concatenate([rows, rows[more][course]])
            on = on if "weekend" in service else next_weekday(on)
            if "weekend" in service:
                stays_on = (weekday_of(on) < 5) | (np.arange(len(on)) < len(rows)) | (rng.random(len(on)) < service["weekend"])
                referral, on = referral[stays_on], on[stays_on]
            found.append(self._contacts(rng, name, service, referrals, referral, on))
        contacts = pd.concat(found, ignore_index=True).sort_values(["day", "referral"], kind="stable")
        return contacts.reset_index(drop=True)

    def _contacts(
        self,
        rng: np.random.Generator,
        name: str,
        service: dict[str, Any],
        referrals: pd.DataFrame,
        referral: np.ndarray,
        on: np.ndarray,
    ) -> pd.DataFrame:
        person = referrals["person"].to_numpy()[referral]
        closed = referrals["closed"].to_numpy()[referral]
        keep = (on >= self.since) & (on <= self.borough.ends) & (on <= closed) & (on < self.died[person])
        if name != "hospital liaison":
            keep &= ~self.in_hospital.cover(person, on)
        referral, on = referral[keep], on[keep]
        size = len(on)
        chance, apart = rng.random(size), lockdown(on, PHONE_STAYS)
        phone, video = (usual + (then - usual) * apart for usual, then in (BY_PHONE, BY_VIDEO))
        medium = np.where(chance < phone, PHONE, np.where(chance < phone + video, VIDEO, FACE))
        if name == "hospital liaison":
            medium = np.where(chance < apart * LIAISON_BY_PHONE, PHONE, FACE)
        missed = service["missed"] * np.where(medium == FACE, 1.0, 0.6)
        chance = rng.random(size)
        attendance = np.select(
            [chance < missed, chance < missed + 0.05, chance < missed + 0.08, chance < missed + 0.1],
            [MISSED, CANCELLED_BY_PATIENT, CANCELLED_BY_PROVIDER, LATE],
            ATTENDED,
        )
        if not service["missed"]:
            attendance = np.full(size, ATTENDED)
        kinds = service["places"]
        return pd.DataFrame(
            {
                "referral": referral.astype(np.int32),
                "day": on.astype(np.int32),
                "at": (rng.integers(9 * 12, 17 * 12, size) * 5).astype(np.int16),
                "minutes": (np.maximum(1, rng.gamma(6.0, service["minutes"] / 30, size)).astype(int) * 5).astype(np.int16),
                "medium": medium.astype(np.int8),
                "attendance": attendance.astype(np.int8),
                "place": pick(rng, [PLACES.index(code) for code in kinds], list(kinds.values()), size).astype(np.int8),
            }
        )


def _delayed(
    rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, referrals: pd.DataFrame, delays: pd.DataFrame
) -> pd.DataFrame:
    """Stays that end with a delay: referral, admitted, discharged, delayed_from, delay_reason, answerable.

    The patient is somebody of the council whom the crisis team was asked to see in the months before, who lives, and who
    is not in the general hospital meanwhile.
    """
    crisis = referrals[(referrals["service"] == "crisis team") & (referrals["turned_down"] == NEVER)]
    crisis = crisis.sort_values("received", kind="stable")
    council, died = borough.people["council"].to_numpy(), borough.people["died"].to_numpy()
    general = stays.sort_values("person", kind="stable")
    of_person, come, go = (general[name].to_numpy() for name in ("person", "admitted", "discharged"))
    by_council = {name: crisis[council[crisis["person"]] == name] for name in SERVED_COUNCILS}
    taken: dict[int, bool] = {}
    rows: list[tuple[int, int, int, int, str, str]] = []
    for delay in delays.sort_values(["ready", "left"], kind="stable").itertuples():
        pool = by_council[delay.council]
        lead, most = DAYS_BEFORE_A_DELAY
        first, last = np.searchsorted(pool["received"].to_numpy(), [delay.ready - most, delay.ready - lead + 1])
        for place in rng.permutation(last - first) + first:
            person, admitted = int(pool["person"].iat[place]), int(pool["received"].iat[place]) + 1
            low, high = np.searchsorted(of_person, [person, person + 1])
            in_general = (come[low:high] <= delay.left) & (go[low:high] >= admitted)
            if person in taken or died[person] <= delay.left or in_general.any():
                continue
            taken[person] = True
            why, who = DELAY_REASONS[delay.reason], ANSWERABLE[delay.responsible]
            rows.append((int(pool.index[place]), admitted, int(delay.left), int(delay.ready), why, who))
            break
    columns = ["referral", "admitted", "discharged", "delayed_from", "delay_reason", "answerable"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[:4], int))


def _spells(
    rng: np.random.Generator, borough: Borough, stays: pd.DataFrame, referrals: pd.DataFrame, delayed: pd.DataFrame
) -> pd.DataFrame:
    """Stays on a psychiatric ward: one at a time, of the living, and never while the patient is in the general hospital."""
    share = referrals["service"].map(ADMITTED_SHARE).fillna(0.0).to_numpy()
    # Whoever waits at the end of a stay has no other one, and children of twelve and less have none here.
    share = share * (age(borough.people["born"].to_numpy()[referrals["person"]], referrals["received"].to_numpy()) >= 13)
    share = share * ~np.isin(referrals["person"], referrals["person"].to_numpy()[delayed["referral"]])
    rows = np.flatnonzero((rng.random(len(referrals)) < share) & (referrals["turned_down"] == NEVER).to_numpy())
    chosen = referrals.iloc[rows]
    person = chosen["person"].to_numpy()
    from_general = chosen["stay"].to_numpy()
    left = stays["discharged"].to_numpy()[np.maximum(from_general, 0)]
    admitted = np.where(from_general >= 0, left, chosen["received"].to_numpy() + rng.integers(0, 4, len(rows)))
    nights = LEAST_NIGHTS + rng.gamma(0.9, NIGHTS / 0.9, len(rows)).astype(int)
    died = borough.people["died"].to_numpy()[person]
    ends = np.minimum(admitted + nights, died)
    # A stay in the general hospital ends the one here; whoever is there on the day is not admitted here.
    order = np.lexsort((stays["admitted"].to_numpy(), stays["person"].to_numpy()))
    keys = stays["person"].to_numpy()[order].astype(np.int64) * 10**7 + stays["admitted"].to_numpy()[order]
    following = np.minimum(np.searchsorted(keys, person.astype(np.int64) * 10**7 + admitted), max(len(keys) - 1, 0))
    again = (stays["person"].to_numpy()[order][following] == person) & (stays["admitted"].to_numpy()[order][following] <= ends)
    again &= stays["admitted"].to_numpy()[order][following] >= admitted
    discharged = np.where(again, stays["admitted"].to_numpy()[order][following], ends)
    there = in_hospital(stays).cover(person, admitted)
    keep = ~there & (discharged > admitted) & (admitted < died) & (admitted <= borough.ends)
    keep[keep] = one_at_a_time(person[keep], admitted[keep], discharged[keep])
    found = pd.DataFrame({"referral": rows, "person": person, "admitted": admitted, "discharged": discharged, "again": again})
    found["from_general"] = from_general >= 0
    whose = referrals["person"].to_numpy()[delayed["referral"]]
    waited = delayed.assign(person=whose, again=False, from_general=False)
    found = pd.concat([found[keep].assign(delayed_from=NEVER, delay_reason="", answerable=""), waited], ignore_index=True)
    found = found.sort_values(["admitted", "person"], kind="stable").reset_index(drop=True)
    size, person = len(found), found["person"].to_numpy()
    admitted, discharged = found["admitted"].to_numpy(), found["discharged"].to_numpy()
    dies = borough.people["died"].to_numpy()[person] == discharged
    in_care_home = borough.residences.on(person, discharged) >= borough.first_care_home
    home = np.where(in_care_home, "56", pick(rng, ["19", "29", "53"], [92, 5, 3], size))
    found["source"] = np.where(found["from_general"], "51", pick(rng, ["19", "51", "42", "29"], [76, 12, 8, 4], size))
    found["destination"] = np.where(dies, "79", np.where(found["again"], "51", home))
    found["is_detained"] = rng.random(size) < DETAINED_SHARE
    return found.drop(columns=["again", "from_general"])


def _ward_stays(rng: np.random.Generator, borough: Borough, spells: pd.DataFrame) -> pd.DataFrame:
    """One ward a spell; some patients begin on the intensive care unit."""
    admitted, discharged = spells["admitted"].to_numpy(), spells["discharged"].to_numpy()
    years = age(borough.people["born"].to_numpy()[spells["person"]], admitted)
    ward = np.where(years < 18, "FERN", np.where(years >= 68, "ROWAN", np.where(spells["person"] % 2 == 0, "ASH", "OAK")))
    first = spells["is_detained"].to_numpy() & (years >= 18) & (discharged - admitted > 6)
    first &= rng.random(len(spells)) < SECOND_WARD_SHARE / DETAINED_SHARE
    moved = admitted + np.minimum(3 + rng.integers(0, 10, len(spells)), np.maximum(discharged - admitted - 1, 1))
    spell = np.arange(len(spells))
    found = pd.DataFrame(
        {
            "spell": np.concatenate([spell, spell[first]]),
            "ward": np.concatenate([ward, np.full(int(first.sum()), "HOLLY")]).astype(object),
            "starts": np.concatenate([np.where(first, moved, admitted), admitted[first]]),
            "ends": np.concatenate([discharged, moved[first]]),
        }
    )
    return found.sort_values(["starts", "spell"], kind="stable").reset_index(drop=True)


def _detentions(rng: np.random.Generator, spells: pd.DataFrame) -> pd.DataFrame:
    """The legal status of each stay, one after another: informal, or section 136, 2 and 3 of the Mental Health Act."""
    rows: list[tuple[int, int, int, str]] = []
    by_police, stays_long = rng.random(len(spells)) < POLICE_SHARE, rng.random(len(spells)) < SECTION_3_SHARE
    for spell, admitted, discharged, detained in zip(
        range(len(spells)),
        spells["admitted"].tolist(),
        spells["discharged"].tolist(),
        spells["is_detained"].tolist(),
        strict=True,
    ):
        if not detained:
            rows.append((spell, admitted, discharged, "01"))
            continue
        on = admitted
        if by_police[spell] and discharged > admitted + 1:
            rows.append((spell, on, on + 1, "20"))
            on += 1
        ends = min(on + 28, discharged)
        rows.append((spell, on, ends, "02"))
        if ends < discharged:
            rows.append((spell, ends, discharged, "03" if stays_long[spell] else "01"))
    found = pd.DataFrame(rows, columns=["spell", "starts", "ends", "status"]).astype({"spell": int, "starts": int, "ends": int})
    return found.assign(person=spells["person"].to_numpy()[found["spell"]])
