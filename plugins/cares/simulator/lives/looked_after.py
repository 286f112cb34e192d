"""Children looked after by the council: chains of episodes whose codes follow from one another.

Every share here is assumed; the rate of children looked after is of the order usual in the North West.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cares.simulator.chance import stream
from cares.simulator.days import ALWAYS, NEVER, YEAR, Timeline, date_of, day
from cares.simulator.lives.spans import Spans
from cares.simulator.names import forenames
from cares.simulator.residents import Borough

LOOKED_AFTER_PER_10_000 = 115
STARTS_PER_10_000_A_YEAR = 38
AT_LEAST = 12  # children, so that the smallest borough has somebody in the return
SIBLING_COMES_TOO = 0.6
SEEKS_ASYLUM_SHARE = 0.03
ADOPTED_SHARE_UNDER_4 = 0.25
KEEPS_FORENAME_SHARE = 0.75  # of adopted children
LEFT_CARE_BEFORE_PER_10_000 = 60  # people of 17 to 21, who are now care leavers

NEEDS = {"N1": 64, "N5": 13, "N4": 8, "N2": 4, "N3": 5, "N8": 3, "N6": 2, "N7": 1}
PLACEMENT_CHANGES = {
    "CARPL": 34,
    "CREQB": 12,
    "CHILD": 10,
    "LAREQ": 10,
    "CREQO": 8,
    "STAND": 3,
    "ALLEG": 2,
    "APPRR": 2,
    "CLOSE": 3,
    "OTHER": 16,
}
ENDINGS = {"E4A": 42, "E4B": 9, "E13": 6, "E41": 10, "E46": 14, "E45": 8, "E3": 3, "E8": 8}
ENDINGS_AT_18 = {"E17": 36, "E5": 22, "E6": 20, "E7": 5, "E8": 17}
REVIEW_CODES = {"PN1": 52, "PN2": 8, "PN3": 4, "PN4": 4, "PN5": 14, "PN6": 10, "PN7": 8}


@dataclass(frozen=True)
class LookedAfter:
    """What became of the children; every table has the column person.

    episodes: decom, rne, ls, cin, place, provider, dec (NEVER: goes on), rec, reason, home (from where), placed_home.
    spells: starts, ends, adopted_on, decided_on, matched_on, seeks_asylum, prev_perm. reviews: on. missing: kind,
    starts, ends. leavers: left_on.
    """

    episodes: pd.DataFrame
    spells: pd.DataFrame
    reviews: pd.DataFrame
    missing: pd.DataFrame
    leavers: pd.DataFrame


def lives(seed: int, borough: Borough) -> LookedAfter:
    """The care histories of the children of St Helens; they go to live where they are placed."""
    rng = stream(seed, "looked after children")
    starts = _starts(rng, borough)
    foster_homes = _foster_homes(borough)
    home_of_family = borough.residences
    # A child in care no longer moves with the family.
    keep = ~np.isin(borough.residences.subjects, list(starts)) | (borough.residences.from_days == ALWAYS)
    borough.residences = Timeline(
        borough.residences.subjects[keep], borough.residences.from_days[keep], borough.residences.values[keep]
    )

    tables: dict[str, list[dict[str, Any]]] = {"episodes": [], "spells": [], "reviews": [], "missing": []}
    moves: list[tuple[int, int, int]] = []
    for person, start in starts.items():
        child = _Child(rng, borough, person, start)
        child.live()
        family = int(home_of_family.on(np.array([person]), start)[0])
        placed = family
        for episode in child.episodes:
            if episode["rne"] in "SPB" and episode["place"] != "P1":
                placed = int(rng.choice(foster_homes))
            elif episode["place"] == "P1":
                placed = family
            episode |= {"home": family, "placed_home": placed}
            moves.append((person, episode["decom"], placed))
        if child.episodes[-1]["rec"] in ("E4A", "E4B", "E13", "E41") and child.ends < borough.ends:
            moves.append((person, child.ends, int(home_of_family.on(np.array([person]), child.ends)[0])))
        tables["episodes"] += child.episodes
        tables["spells"].append(child.spell())
        tables["reviews"] += child.reviews()
        tables["missing"] += child.times_missing()
    who, when, where = (np.array(column) for column in zip(*moves, strict=True))
    borough.move(who, when, where)
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    missing = frames["missing"].reindex(columns=["person", "kind", "starts", "ends"])
    frames["missing"] = missing.astype({"person": int, "starts": int, "ends": int})  # also where nobody went missing
    return LookedAfter(**frames, leavers=_leavers(rng, borough, frames["spells"]))


def in_care(lives: LookedAfter) -> Spans:
    """The times in care, as stretches of time."""
    return Spans(*(lives.spells[name].to_numpy(dtype=int) for name in ("person", "starts", "ends")))


def adoptions(seed: int, borough: Borough, lives: LookedAfter) -> pd.DataFrame:
    """Who the adopted children are from their adoption on: a new identity for each, whose number follows those of all people.

    Columns: person, on, identity, nhs_number, forename, middle_name, surname, phone, practice, home (where the adopters
    live). What links it to the old one is known to nobody but the answer key.
    """
    rng = stream(seed, "adoptions")
    people = borough.people
    adopted = lives.spells[lives.spells["adopted_on"] <= borough.ends]
    child, on = adopted["person"].to_numpy(dtype=int), adopted["adopted_on"].to_numpy(dtype=int)
    last = lives.episodes.drop_duplicates("person", keep="last").set_index("person")
    home = last["placed_home"].reindex(child).to_numpy(dtype=int)
    reference = np.flatnonzero(people["is_reference"].to_numpy())
    adopter = reference[home]  # home n is where household n lives first
    names = forenames(
        rng, people["origin"].to_numpy()[adopter], people["sex"].to_numpy()[child], people["born"].to_numpy()[child]
    )
    keeps = rng.random(len(child)) < KEEPS_FORENAME_SHARE
    return pd.DataFrame(
        {
            "person": child,
            "on": on,
            "identity": len(people) + np.arange(len(child)),
            "nhs_number": borough.spare_nhs_numbers[: len(child)],
            "forename": np.where(keeps, people["forename"].to_numpy()[child], names),
            "middle_name": people["middle_name"].to_numpy()[adopter],
            "surname": borough.surnames.on(adopter, on),
            "phone": people["phone"].to_numpy()[adopter],
            "practice": people["practice"].to_numpy()[adopter],
            "home": home,
        }
    )


def birthday(born: int, years: int) -> int:
    """The day on which somebody becomes so many years old."""
    of = date_of(born)
    try:
        return day(of.replace(year=of.year + years))
    except ValueError:
        return day(date(of.year + years, 3, 1))


def _starts(rng: np.random.Generator, borough: Borough) -> dict[int, int]:
    born = borough.people["born"].to_numpy()
    household = borough.people["household"].to_numpy()
    is_child = (borough.people["parent"].to_numpy() >= 0) & borough.live_in("st_helens")
    now = np.flatnonzero(is_child & (born < borough.begins - 30) & (born > borough.begins - 17.5 * YEAR))
    later = np.flatnonzero(is_child & (born < borough.ends - 30) & (born > borough.begins - 16.5 * YEAR))
    years = (borough.ends - borough.begins) / YEAR
    starts: dict[int, int] = {}

    def take(pool: np.ndarray, number: int, earliest: int, latest: int) -> None:
        for first in rng.permutation(pool):
            if number <= 0:
                return
            born_first = int(born[first])
            lowest = max(earliest, born_first + 2)
            highest = min(latest, birthday(born_first, 17))
            if first in starts or lowest >= highest:
                continue
            start = int(rng.integers(lowest, highest))
            starts[int(first)] = start
            number -= 1
            for sibling in np.flatnonzero((household == household[first]) & is_child):
                fits = born[sibling] + 2 < start < birthday(int(born[sibling]), 17)
                if fits and int(sibling) not in starts and rng.random() < SIBLING_COMES_TOO:
                    starts[int(sibling)] = start
                    number -= 1

    take(now, max(AT_LEAST, round(len(now) * LOOKED_AFTER_PER_10_000 / 10_000)), borough.begins - 2200, borough.begins)
    take(later, max(AT_LEAST // 2, round(len(later) * STARTS_PER_10_000_A_YEAR * years / 10_000)), borough.begins, borough.ends)
    return dict(sorted(starts.items()))


def _foster_homes(borough: Borough) -> np.ndarray:
    people = borough.people
    carers = (
        people["is_reference"]
        & borough.live_in("st_helens")
        & (people["partner"] >= 0)
        & people["born"].between(borough.begins - 60 * YEAR, borough.begins - 40 * YEAR)
    )
    return people["household"].to_numpy()[np.flatnonzero(carers)][::5]


def _leavers(rng: np.random.Generator, borough: Borough, spells: pd.DataFrame) -> pd.DataFrame:
    """Young people who were looked after at 16: some of long ago, and those whose care ended at 18."""
    born = borough.people["born"].to_numpy()
    of_an_age = (born < borough.begins - 18.2 * YEAR) & (born > borough.begins - 21 * YEAR)
    pool = np.flatnonzero(of_an_age & borough.live_in("st_helens"))
    pool = pool[~np.isin(pool, spells["person"])]
    chosen = np.sort(rng.permutation(pool)[: max(3, round(len(pool) * LEFT_CARE_BEFORE_PER_10_000 / 10_000))])
    earlier = pd.DataFrame({"person": chosen, "left_on": [birthday(int(born[person]), 18) for person in chosen]})
    here = spells[spells["ends"] == [birthday(int(born[person]), 18) for person in spells["person"]]]
    return pd.concat([earlier, here[["person"]].assign(left_on=here["ends"])], ignore_index=True)


class _Child:
    """One child's time in care, told episode by episode."""

    def __init__(self, rng: np.random.Generator, borough: Borough, person: int, start: int) -> None:
        self.rng, self.person, self.start = rng, person, start
        row = borough.people.iloc[person]
        self.born, self.died, self.last_day = int(row["born"]), int(row["died"]), borough.ends
        age = (start - self.born) / YEAR
        self.seeks_asylum = bool(age > 14 and row["sex"] == "M" and rng.random() < SEEKS_ASYLUM_SHARE * 6)
        self.is_adopted = bool(age < 4 and rng.random() < ADOPTED_SHARE_UNDER_4)
        self.turns_18 = birthday(self.born, 18)
        stays = 20 + rng.exponential(950)
        if self.is_adopted:
            stays = float(rng.integers(500, 1100))
        self.ends = min(start + int(stays), self.turns_18, self.died)
        if self.ends < borough.begins:  # those looked after at the beginning are looked after then
            self.ends = min(borough.begins + 1 + int(rng.exponential(700)), self.turns_18, self.died)
        self.need = self._pick(NEEDS)
        self.episodes: list[dict[str, Any]] = []
        self.decided_on = self.matched_on = NEVER

    def _pick(self, weights: dict[str, int]) -> str:
        shares = np.cumsum(list(weights.values()))
        return list(weights)[int(np.searchsorted(shares, self.rng.random() * shares[-1], "right"))]

    def live(self) -> None:
        """Tell the chain from the start of care to its end."""
        legal = "V2" if self.seeks_asylum else self._pick({"C1": 46, "V2": 42, "C2": 5, "L2": 5, "L1": 2})
        if self.is_adopted:
            legal = "C1"
        place = self._place(self.start, legal)
        day_of, reason_new = self.start, "S"
        for next_day, change, legal_next, place_next in self._changes(legal, place):
            why = self._pick(PLACEMENT_CHANGES) if change in "PBTU" else ""
            self._episode(day_of, reason_new, legal, place, next_day, "X1", why)
            day_of, reason_new, legal, place = next_day, change, legal_next, place_next
        self._episode(day_of, reason_new, legal, place, self.ends, self._ending(), "")

    def _changes(self, legal: str, place: str) -> list[tuple[int, str, str, str]]:
        found: list[tuple[int, str, str, str]] = []
        day_of = self.start
        if self.is_adopted:
            span = self.ends - self.start
            first, second, third = (self.start + int(span * part) for part in (0.2, 0.5, 0.65))
            self.decided_on, self.matched_on = second - 20, third - 6
            return [(first, "L", "C2", place), (second, "L", "E1", place), (third, "P", "E1", "A6")]
        while True:
            day_of += 9 + int(self.rng.exponential(330))
            if day_of >= self.ends - 5:
                return found
            if legal in ("C1", "L1", "L2") and self.rng.random() < 0.75:
                following = {"C1": "C2", "L1": "V2", "L2": "C1"}[legal]
                if place == "P1" and following == "V2":
                    continue
                change, legal = "L", following
            else:
                new_place = self._place(day_of, legal)
                change, place = "P", new_place
            found.append((day_of, change, legal, place))

    def _place(self, on: int, legal: str) -> str:
        years = (on - self.born) / YEAR
        weights = {"U6": 52, "U4": 16, "U3": 12, "U1": 6}
        if legal in ("C1", "C2"):
            weights["P1"] = 8
        if years >= 10:
            weights["K2"] = 16
        if years >= 16:
            weights |= {"H5": 22, "P2": 8}
        return self._pick(weights)

    def _ending(self) -> str:
        if self.ends == self.died:
            return "E2"
        if self.is_adopted:
            return self._pick({"E11": 70, "E12": 30})
        return self._pick(ENDINGS_AT_18 if self.ends == self.turns_18 else ENDINGS)

    def _episode(self, decom: int, rne: str, legal: str, place: str, dec: int, rec: str, reason: str) -> None:
        provider = {"P1": "PR0", "P2": "PR4", "H5": "PR4", "K2": self._pick({"PR4": 70, "PR1": 25, "PR5": 5})}.get(place)
        self.episodes.append(
            {
                "person": self.person,
                "decom": decom,
                "rne": rne,
                "ls": legal,
                "cin": self.need,
                "place": place,
                "provider": provider or self._pick({"PR1": 62, "PR4": 32, "PR5": 6}),
                "dec": dec,
                "rec": rec,
                "reason": reason,
                "urn": f"SC{int(self.rng.integers(0, 1_000_000)):06d}" if place in ("K2", "U4", "U6") else "",
            }
        )

    def spell(self) -> dict[str, Any]:
        """The whole of the child's time in care, on one row."""
        return {
            "person": self.person,
            "starts": self.start,
            "ends": self.ends,
            "adopted_on": self.ends if self.is_adopted and self.ends not in (self.died, self.turns_18) else NEVER,
            "decided_on": self.decided_on,
            "matched_on": self.matched_on,
            "seeks_asylum": self.seeks_asylum,
            "prev_perm": self._pick({"Z1": 94, "P2": 3, "P3": 2, "P1": 1}),
        }

    def reviews(self) -> list[dict[str, Any]]:
        """A review within four weeks, a second within three months more, then one each half year."""
        found: list[dict[str, Any]] = []
        day_of = self.start + int(self.rng.integers(14, 28))
        while day_of < min(self.ends, self.last_day):
            code = "PN0" if day_of < birthday(self.born, 4) else self._pick(REVIEW_CODES)
            found.append({"person": self.person, "on": day_of, "code": code})
            day_of += int(self.rng.integers(75, 92)) if len(found) == 1 else int(self.rng.integers(150, 184))
        return found

    def times_missing(self) -> list[dict[str, Any]]:
        """Times away of children of eleven and more; a few go often."""
        found: list[dict[str, Any]] = []
        rate = self.rng.choice([0.0, 0.4, 4.0], p=[0.8, 0.14, 0.06])
        day_of = max(self.start, birthday(self.born, 11))
        while rate:
            day_of += 3 + int(self.rng.exponential(YEAR / rate))
            if day_of >= min(self.ends, self.last_day):
                break
            back = min(day_of + int(self.rng.geometric(0.55)) - 1, self.ends)
            found.append({"person": self.person, "kind": self._pick({"M": 7, "A": 3}), "starts": day_of, "ends": back})
            day_of = back
        return found
