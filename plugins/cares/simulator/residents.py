"""The residents: people in households, with families, names, homes, frailty and death.

How many are of which age and sex is published; the other shares and rates here are assumed, after the look of a northern
English borough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cares.simulator import homes as map_of_homes
from cares.simulator import identifiers, names
from cares.simulator.chance import pick, stream
from cares.simulator.days import ALWAYS, NEVER, YEAR, Timeline, age

# People of the neighbouring councils whom the organisations of St Helens meet, beside its own: as a share of those.
FRINGE = {"halton": 0.12, "knowsley": 0.12}
REGISTERED_ACROSS_THE_BORDER = 0.02  # with a practice of another of the three councils

# Shares of the people from these ages on. Office for National Statistics, Census 2021, St Helens: 16.7% under 15, 62.8%
# 15 to 64, 20.5% 65 and over.
BROAD_AGES = {0: 0.167, 15: 0.628, 65: 0.205}
# Within those: people of Darlington, which is like St Helens (both are among the nearest neighbours of each other in the
# tool of the Office for Local Government), by five years of age. Office for National Statistics, estimates for mid-2019.
AGES_OF_A_NEIGHBOUR = {
    0: 5790,
    5: 6592,
    10: 6505,
    15: 5606,
    20: 5402,
    25: 6282,
    30: 6588,
    35: 6600,
    40: 6315,
    45: 7264,
    50: 7822,
    55: 7507,
    60: 6602,
    65: 5863,
    70: 5931,
    75: 3980,
    80: 3257,
    85: 1842,
    90: 1064,
}
FEMALE_SHARE = 0.5086  # Office for National Statistics, St Helens, mid-2016: 90,754 of 178,455 people
BIRTHS_PER_1000_A_YEAR = 10.8  # those of Darlington in mid-2019 under five years old, a fifth of them a year

# How the households are put together that the people are drawn from.
HOUSEHOLDS = {
    "older person alone": 0.135,
    "person alone": 0.17,
    "older couple": 0.09,
    "couple": 0.17,
    "couple with children": 0.205,
    "parent with children": 0.105,
    "couple with grown-up children": 0.075,
    "sharers": 0.03,
    "older person with a grown-up child": 0.02,
}
CHILDREN_IN_A_FAMILY = {1: 0.42, 2: 0.40, 3: 0.13, 4: 0.05}
TWINS_SHARE = 0.03
SAME_NAME_AS_PARENT_SHARE = 0.03
KEEPS_HER_NAME_SHARE = 0.2
MARRIES_IN_A_YEAR = 0.12  # of the couples who are not married
MOVES_IN_A_YEAR = {"owned": 0.04, "private": 0.15, "torus": 0.07, "social": 0.07}
SHELTERED_SHARE = 0.11  # of older people living alone
IN_A_CARE_HOME_SHARE = {75: 0.03, 85: 0.09}
NO_FIXED_ABODE_SHARE = 0.0012  # of adults under 65, at some time of the story; for two thirds of a year on average
WINTER_DEATHS = 0.25  # how much more deaths there are in mid-winter than on average
FRAILTY_GROWS_IN_A_YEAR = 0.10  # from 65 on, on average, of what it was when the story begins

LONG_TERM_CONDITIONS = {  # ICD-10 code: share at 40, at 65 and at 80
    "I10X": (0.12, 0.42, 0.55),
    "E119": (0.04, 0.14, 0.18),
    "J449": (0.02, 0.11, 0.14),
    "I259": (0.01, 0.10, 0.18),
    "I489": (0.00, 0.06, 0.17),
    "N183": (0.00, 0.05, 0.16),
    "I500": (0.00, 0.03, 0.10),
    "F03X": (0.00, 0.02, 0.14),
    "G309": (0.00, 0.01, 0.05),
    "M179": (0.02, 0.10, 0.16),
    "F329": (0.10, 0.08, 0.07),
    "J459": (0.09, 0.07, 0.06),
    "F171": (0.18, 0.10, 0.04),
    "E669": (0.09, 0.09, 0.04),
    "F819": (0.006, 0.003, 0.001),
}


@dataclass
class Borough:
    """Everybody and every home.

    people: one row a person, its number is its place; columns household, role, sex, born, died, council (st_helens,
    halton or knowsley; people of St Helens come first), origin, ethnicity, forename, middle_name, nhs_number, phone,
    practice, frailty (when the story begins; on average 1) and frailty_grows (a share of it in a year), is_reference (the
    first of the household), and the numbers of partner, parent and mother (-1: none). homes: see `homes.build`.
    residences: person to home. surnames: person to surname. conditions: one boolean column a long-term condition.
    spare_nhs_numbers are nobody's. begins and ends bound the days for which lives are told. adopted: who became somebody
    else on paper, see `looked_after.adoptions`.
    """

    people: pd.DataFrame
    homes: pd.DataFrame
    residences: Timeline
    surnames: Timeline
    conditions: pd.DataFrame
    spare_nhs_numbers: np.ndarray
    begins: int
    ends: int
    adopted: pd.DataFrame | None = None

    @property
    def everybody(self) -> np.ndarray:
        """The numbers of all people."""
        return np.arange(len(self.people))

    @property
    def middle(self) -> int:
        """The day in the middle of the story."""
        return (self.begins + self.ends) // 2

    @property
    def first_care_home(self) -> int:
        """The number of the first care home; all homes from it on are care homes."""
        return int((self.homes["tenure"] == "care home").to_numpy().argmax())

    def frailty(self, people: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """How frail people are on a day, or on a day of its own for each: on average 1 when the story begins."""
        of = self.people["frailty"].to_numpy()[people]
        return of * (1 + self.people["frailty_grows"].to_numpy()[people] * np.maximum(on - self.begins, 0) / YEAR)

    def has(self, *conditions: str) -> np.ndarray:
        """Whether each person has any of some long-term conditions, given by their codes."""
        return self.conditions[list(conditions)].to_numpy().any(axis=1)

    @property
    def is_alone(self) -> np.ndarray:
        """Whether each person is a household of one."""
        household = self.people["household"].to_numpy()
        return np.bincount(household)[household] == 1

    @property
    def adopted_on(self) -> np.ndarray:
        """The day from which each person is somebody else on paper; NEVER for all but adopted children."""
        assert self.adopted is not None, "this is told after the adoptions"
        days = np.full(len(self.people), NEVER)
        days[self.adopted["person"]] = self.adopted["on"]
        return days

    def known_until(self, people: np.ndarray, since: np.ndarray) -> np.ndarray:
        """The day on which what began on a day ends for each person at the latest: of death, or of an adoption after it.

        Care that went on beyond an adoption would betray who the child was.
        """
        adopted_on = self.adopted_on[people]
        return np.minimum(self.people["died"].to_numpy()[people], np.where(since < adopted_on, adopted_on, NEVER))

    def registered_in(self, council: str) -> np.ndarray:
        """Whether each person is registered with a GP practice in the area of a council."""
        return (map_of_homes.practices()["council"] == council).to_numpy()[self.people["practice"].to_numpy()]

    def live_in(self, council: str) -> np.ndarray:
        """Whether each person lives in the area of a council: st_helens, halton or knowsley."""
        return (self.people["council"] == council).to_numpy()

    def care_homes_for(self, rng: np.random.Generator, people: np.ndarray) -> np.ndarray:
        """A care home for each person, one of those of the council where they live."""
        return _care_homes(rng, self.homes, self.people["council"].to_numpy()[people])

    def move(self, people: np.ndarray, on: np.ndarray, homes: np.ndarray) -> None:
        """People go to live elsewhere from a day."""
        self.residences = self.residences.changed(people, on, homes)


def build(seed: int, count: int, begins: int, ends: int) -> Borough:
    """A borough of `count` people, with more in its fringe, whose lives are told from day `begins` to day `ends`."""
    people = _with_fringe(seed, count, begins, ends)
    count = len(people)
    people["frailty"], people["frailty_grows"] = _frailty(stream(seed, "frailty"), people, begins)
    people["died"] = _deaths(stream(seed, "deaths"), people, begins, ends)
    surnames = _name(stream(seed, "names"), people, begins, ends)
    numbers = identifiers.nhs_numbers(stream(seed, "nhs numbers"), count + max(50, count // 500))
    people["nhs_number"] = numbers[:count]
    people["phone"] = _phones(stream(seed, "phones"), people)
    homes, residences = _house(stream(seed, "homes"), people, begins, ends)
    people["practice"] = _practices(stream(seed, "practices"), people)
    conditions = _conditions(stream(seed, "health"), people, begins)
    return Borough(people, homes, residences, surnames, conditions, numbers[count:], begins, ends)


def _with_fringe(seed: int, count: int, begins: int, ends: int) -> pd.DataFrame:
    """The people of St Helens, then those of the other councils; numbers of people and households go on."""
    parts: list[pd.DataFrame] = []
    people = households = 0
    for council, share in {"st_helens": 1.0, **FRINGE}.items():
        wanted = round(count * share)
        rng = stream(seed, "households" if council == "st_helens" else f"households {council}")
        drawn = _of_the_right_ages(rng, _Households(rng, wanted, begins, ends).people(), wanted, begins, ends)
        part = _related(drawn, wanted).assign(council=council)
        for relative in ("partner", "parent", "mother"):
            part[relative] = np.where(part[relative] >= 0, part[relative] + people, -1)
        part["household"] += households
        people, households = people + wanted, int(part["household"].iat[-1]) + 1
        parts.append(part)
    return pd.concat(parts, ignore_index=True).astype({"council": object})


def _of_the_right_ages(rng: np.random.Generator, people: pd.DataFrame, count: int, begins: int, ends: int) -> pd.DataFrame:
    """Households drawn so that the people are of the published ages and sexes in the middle of the story.

    Those who will have died by then come on top. The households are numbered anew; about `count` people are in the first
    of them.
    """
    middle = (begins + ends) // 2
    years = age(people["born"].to_numpy(), middle)
    bands = np.searchsorted(list(AGES_OF_A_NEIGHBOUR), years, "right")  # 0: not yet born
    target = np.array([BIRTHS_PER_1000_A_YEAR / 1000 * (ends - middle) / YEAR, *shares_of_ages()])
    oldest = np.array([0, *AGES_OF_A_NEIGHBOUR]) + 2.5
    target[1:] /= np.exp(-_death_rate(oldest[1:]) * (middle - begins) / YEAR)
    target *= count / target.sum()
    household = people["household"].to_numpy()
    size = int(household.max()) + 1
    inside = [np.bincount(household[bands == band], minlength=size) for band in range(len(target))]
    inside.append(np.bincount(household[(people["sex"] == "F").to_numpy()], minlength=size))
    wanted = [*target, count * FEMALE_SHARE]
    # Weights of households under which the sums are right (iterative proportional updating).
    weight = np.full(size, count / len(people))
    for _ in range(25):
        for number, total in zip(inside, wanted, strict=True):
            has = number > 0
            there = float((weight[has] * number[has]).sum())
            if there:
                weight[has] *= total / there
    chosen = rng.random(size) < weight
    order = np.lexsort((rng.random(size), ~chosen))
    place = np.empty(size, dtype=int)
    place[order] = np.arange(size)
    return people.assign(household=place[household])


def shares_of_ages() -> np.ndarray:
    """The share of the people in each five years of age: those of the neighbour, brought to the broad shares of St Helens."""
    ages = np.array(list(AGES_OF_A_NEIGHBOUR))
    shares = np.array(list(AGES_OF_A_NEIGHBOUR.values()), dtype=float)
    broad = np.searchsorted(list(BROAD_AGES), ages, "right") - 1
    for number, share in enumerate(BROAD_AGES.values()):
        shares[broad == number] *= share / shares[broad == number].sum()
    return shares


class _Households:
    """Draws households by kind, and who lives in them; more than enough for `count` people."""

    def __init__(self, rng: np.random.Generator, count: int, begins: int, ends: int) -> None:
        self.rng, self.begins = rng, begins
        self.youngest = -(ends - begins) / YEAR  # years: children may be born while the story is told
        self.kinds = pick(rng, list(HOUSEHOLDS), list(HOUSEHOLDS.values()), count)
        self.parts: list[pd.DataFrame] = []

    def people(self) -> pd.DataFrame:
        """Columns household, role (adult, partner, sharer, child), born and sex; not yet in order."""
        rng = self.rng
        alone, size = self._of("older person alone")
        self._add(alone, "adult", self._old(size), self._sexes(size, 0.63))
        alone, size = self._of("person alone")
        self._add(alone, "adult", rng.triangular(19, 52, 65, size), self._sexes(size, 0.42))

        couple, size = self._of("older couple")
        years, sex = self._old(size), self._sexes(size)
        self._add(couple, "adult", years, sex)
        self._add(couple, "partner", np.maximum(years + rng.normal(-1, 3, size), 55), self._others(sex))
        couple, size = self._of("couple")
        years, sex = rng.triangular(21, 55, 65, size), self._sexes(size)
        self._add(couple, "adult", years, sex)
        self._add(couple, "partner", np.maximum(years + rng.normal(0, 3, size), 19), self._others(sex))

        family, size = self._of("couple with children")
        years = np.clip(rng.normal(37, 7.5, size), 19, 54)
        self._add(family, "adult", years, self._sexes(size, 1.0))
        self._add(family, "partner", np.maximum(years + rng.normal(2, 4, size), 19), self._sexes(size, 0.01))
        self._add_children(family, years)
        family, size = self._of("parent with children")
        years = np.clip(rng.normal(35, 8, size), 18, 54)
        self._add(family, "adult", years, self._sexes(size, 0.88))
        self._add_children(family, years)

        family, size = self._of("couple with grown-up children")
        years = np.clip(rng.normal(54, 5, size), 45, 66)
        self._add(family, "adult", years, self._sexes(size, 1.0))
        self._add(family, "partner", years + rng.normal(2, 3, size), self._sexes(size, 0.01))
        grown = rng.integers(1, 3, size)
        their_years = np.clip((years - 28).repeat(grown) + rng.normal(0, 3, grown.sum()), 18, 36)
        self._add(family.repeat(grown), "child", their_years, self._sexes(grown.sum(), 0.45))
        family, size = self._of("older person with a grown-up child")
        years = np.clip(rng.normal(79, 7, size), 65, 100)
        self._add(family, "adult", years, self._sexes(size, 0.7))
        self._add(family, "child", np.clip(years - 28, 38, 70), self._sexes(size))

        shared, size = self._of("sharers")
        for _ in range(3):
            self._add(shared, "sharer", rng.triangular(19, 25, 45, size), self._sexes(size))
        return pd.concat(self.parts, ignore_index=True)

    def _of(self, kind: str) -> tuple[np.ndarray, int]:
        chosen = np.flatnonzero(self.kinds == kind)
        return chosen, len(chosen)

    def _add(self, household: np.ndarray, role: str, years: np.ndarray, sex: np.ndarray) -> None:
        born = (self.begins - years * YEAR).astype(int)
        self.parts.append(pd.DataFrame({"household": household, "role": role, "born": born, "sex": sex}))

    def _add_children(self, household: np.ndarray, mother: np.ndarray) -> None:
        rng = self.rng
        number = pick(rng, list(CHILDREN_IN_A_FAMILY), list(CHILDREN_IN_A_FAMILY.values()), len(household)).astype(int)
        household, mother = household.repeat(number), mother.repeat(number)
        youngest = np.maximum(self.youngest, mother - 43)
        eldest = np.maximum(np.minimum(18, mother - 17), youngest + 0.5)
        years = youngest + rng.random(len(household)) * (eldest - youngest)
        twin = (rng.random(len(household)) < TWINS_SHARE) & (np.concatenate([[-1], household[:-1]]) == household)
        years = np.where(twin, np.concatenate([[0.0], years[:-1]]), years)
        self._add(household, "child", years, self._sexes(len(household), 0.487))

    def _old(self, size: int) -> np.ndarray:
        return np.minimum(65 + self.rng.gamma(1.6, 6.5, size), 103)

    def _sexes(self, size: int, female: float = 0.5) -> np.ndarray:
        return np.where(self.rng.random(size) < female, "F", "M").astype(object)

    def _others(self, sex: np.ndarray) -> np.ndarray:
        return np.where(self.rng.random(len(sex)) < 0.97, np.where(sex == "F", "M", "F"), sex).astype(object)


def _related(people: pd.DataFrame, count: int) -> pd.DataFrame:
    """The first `count` people, household by household, with who is whose partner, parent and mother."""
    order = {"adult": 0, "partner": 1, "sharer": 2, "child": 3}
    people = people.assign(place=people["role"].map(order)).sort_values(["household", "place", "born"], kind="stable")
    people = people.drop(columns="place").head(count).reset_index(drop=True)
    people["household"] = pd.factorize(people["household"])[0]
    people["is_reference"] = ~people["household"].duplicated().to_numpy()
    head = np.flatnonzero(people["is_reference"])[people["household"]]
    partner = (people["role"] == "partner").to_numpy()
    child = (people["role"] == "child").to_numpy()
    people["partner"] = -1
    people.loc[partner, "partner"] = head[partner]
    people.loc[head[partner], "partner"] = np.flatnonzero(partner)
    people["parent"] = np.where(child, head, -1)
    people["mother"] = np.where(child & (people["sex"].to_numpy()[head] == "F"), head, -1)
    return people.astype({"role": object, "sex": object})


def _frailty(rng: np.random.Generator, people: pd.DataFrame, begins: int) -> tuple[np.ndarray, np.ndarray]:
    older = age(people["born"].to_numpy(), begins) >= 65
    grows = np.where(older, rng.gamma(1.5, FRAILTY_GROWS_IN_A_YEAR / 1.5, len(people)), 0.0)
    return rng.gamma(1.2, 1 / 1.2, len(people)), grows


def _death_rate(years: np.ndarray) -> np.ndarray:
    """Deaths in a year, as a share of the people of an age (assumed)."""
    return 0.00003 * np.exp(0.096 * years)


def _deaths(rng: np.random.Generator, people: pd.DataFrame, begins: int, ends: int) -> np.ndarray:
    years = np.maximum(age(people["born"].to_numpy(), begins), 0)
    rate = _death_rate(years) * np.where(years >= 65, np.clip(people["frailty"], 0.3, 3), 1.0)
    waits = rng.exponential(1 / rate) * YEAR
    died = np.where(waits < ends - begins, begins + waits, NEVER).astype(int)
    in_summer = np.cos(2 * np.pi * (died - 15) / YEAR) < -0.3
    # Some of the deaths of summer are put off by half a year, which makes winter the time of more deaths.
    late = in_summer & (died < NEVER) & (rng.random(len(people)) < WINTER_DEATHS * 2)
    died = np.where(late, died + 182, died)
    died = np.where((died <= ends) & (died > people["born"].to_numpy()), died, NEVER)
    mother, born = people["mother"].to_numpy(), people["born"].to_numpy()
    orphaned = (mother >= 0) & (died[mother] <= born)
    died[mother[orphaned]] = NEVER
    return died


def _name(rng: np.random.Generator, people: pd.DataFrame, begins: int, ends: int) -> Timeline:
    household = people["household"].to_numpy()
    reference = np.flatnonzero(people["is_reference"].to_numpy())
    origin = names.origins(rng, len(reference))[household]
    related = np.isin(people["role"].to_numpy(), ["adult", "child"])
    origin = np.where(~related & (rng.random(len(people)) < 0.12), names.origins(rng, len(people)), origin)
    people["origin"] = origin
    people["ethnicity"] = names.ethnicities(rng, origin)
    sex, born = people["sex"].to_numpy(), people["born"].to_numpy()
    people["forename"] = names.forenames(rng, origin, sex, born)
    people["middle_name"] = np.where(rng.random(len(people)) < 0.7, names.forenames(rng, origin, sex, born), "")

    birth = names.surnames(rng, origin)
    partner, parent = people["partner"].to_numpy(), people["parent"].to_numpy()
    head = reference[household]
    father = np.where((partner[head] >= 0) & (sex[head] == "F"), partner[head], head)
    birth = np.where(parent >= 0, birth[father], birth)

    namesake = (parent >= 0) & (sex == sex[father]) & (rng.random(len(people)) < SAME_NAME_AS_PARENT_SHARE)
    people.loc[namesake, "forename"] = people["forename"].to_numpy()[father[namesake]]
    sibling = np.concatenate([[False], (household[1:] == household[:-1]) & (born[1:] == born[:-1])])
    same = sibling & (people["forename"].to_numpy() == np.concatenate([[""], people["forename"].to_numpy()[:-1]]))
    people.loc[same, "forename"] = people["middle_name"].to_numpy()[same]
    people.loc[people["forename"] == "", "forename"] = "Alex"

    wife = (partner >= 0) & (sex == "F") & (sex[partner] == "M") & (rng.random(len(people)) > KEEPS_HER_NAME_SHARE)
    unmarried = rng.random(len(people)) < np.where(age(born, begins) < 35, 0.5, 0.1)
    wedding = begins + (rng.random(len(people)) / MARRIES_IN_A_YEAR * YEAR).astype(int)
    wedding = np.where(unmarried, np.where(wedding < ends, wedding, NEVER), ALWAYS)
    everybody = np.arange(len(people))
    timeline = Timeline(everybody, np.full(len(people), ALWAYS), np.where(wife & (wedding == ALWAYS), birth[partner], birth))
    weds = wife & (wedding > ALWAYS) & (wedding < NEVER)
    return timeline.changed(everybody[weds], wedding[weds], birth[partner[weds]])


def _phones(rng: np.random.Generator, people: pd.DataFrame) -> np.ndarray:
    """Mobile numbers of the range kept for drama; a household's children and some partners share one."""
    own = np.array([f"07700 900{number:03d}" for number in range(1000)], dtype=object)[rng.integers(0, 1000, len(people))]
    head = np.flatnonzero(people["is_reference"].to_numpy())[people["household"].to_numpy()]
    shares = (people["parent"].to_numpy() >= 0) | ((people["partner"].to_numpy() >= 0) & (rng.random(len(people)) < 0.3))
    phone = np.where(shares, own[head], own)
    return np.where(rng.random(len(people)) < 0.12, "", phone)


def _practices(rng: np.random.Generator, people: pd.DataFrame) -> np.ndarray:
    reference = np.flatnonzero(people["is_reference"].to_numpy())
    council = people["council"].to_numpy()[reference]
    elsewhere = rng.random(len(council)) < REGISTERED_ACROSS_THE_BORDER
    practice = rng.integers(0, len(map_of_homes.practices()), len(council))
    for name, of_council in map_of_homes.practices().groupby("council"):
        here = (council == name) & ~elsewhere
        practice[here] = rng.choice(of_council.index.to_numpy(), here.sum())
    return practice[people["household"].to_numpy()]


def _care_homes(rng: np.random.Generator, homes: pd.DataFrame, council: np.ndarray) -> np.ndarray:
    chosen = np.zeros(len(council), dtype=int)
    care_homes = homes[homes["tenure"] == "care home"]
    for name, of_council in care_homes.groupby("council"):
        here = council == name
        chosen[here] = rng.choice(of_council.index.to_numpy(), here.sum())
    return chosen


def _house(rng: np.random.Generator, people: pd.DataFrame, begins: int, ends: int) -> tuple[pd.DataFrame, Timeline]:
    household = people["household"].to_numpy()
    count = int(household[-1]) + 1
    alone = np.bincount(household, minlength=count) == 1
    reference = np.flatnonzero(people["is_reference"].to_numpy())
    older = age(people["born"].to_numpy()[reference], begins) >= 65
    council = people["council"].to_numpy()[reference]
    sheltered = alone & older & (council == "st_helens") & (rng.random(count) < SHELTERED_SHARE)
    mover_draw, moves_on = rng.random(count), begins + (rng.random(count) * (ends - begins)).astype(int)
    homes = map_of_homes.build(rng, np.tile(council, 2), np.concatenate([sheltered, np.zeros(count, dtype=bool)]))
    years = (ends - begins) / YEAR
    chance = np.array([MOVES_IN_A_YEAR[tenure] for tenure in homes["tenure"][:count]]) * years
    # Home n is where household n lives first, home count + n where it goes; homes that nobody ever goes to are dropped.
    movers = np.flatnonzero(mover_draw < chance)
    homes = pd.concat([homes[:count], homes[count : 2 * count].iloc[movers], homes[2 * count :]], ignore_index=True)
    goes_to = np.full(count, -1)
    goes_to[movers] = count + np.arange(len(movers))

    everybody = np.arange(len(people))
    residences = Timeline(everybody, np.full(len(people), ALWAYS), household.copy())
    moving = goes_to[household] >= 0
    residences = residences.changed(everybody[moving], moves_on[household[moving]], goes_to[household[moving]])

    years_old = age(people["born"].to_numpy(), begins)
    share = np.select([years_old >= 85, years_old >= 75], [IN_A_CARE_HOME_SHARE[85], IN_A_CARE_HOME_SHARE[75]], 0.0)
    resident = everybody[(rng.random(len(people)) < share) & alone[household] & ~sheltered[household]]
    since = begins - rng.integers(30, 1500, len(resident))
    keep = ~np.isin(residences.subjects, resident) | (residences.from_days == ALWAYS)
    residences = Timeline(residences.subjects[keep], residences.from_days[keep], residences.values[keep])
    residences = residences.changed(resident, since, _care_homes(rng, homes, people["council"].to_numpy()[resident]))
    return homes, _without_a_home(rng, people, homes, residences, begins, ends)


def _without_a_home(
    rng: np.random.Generator, people: pd.DataFrame, homes: pd.DataFrame, residences: Timeline, begins: int, ends: int
) -> Timeline:
    """The same residences with some adults who have no fixed abode for a while, and then come back to their home."""
    years = age(people["born"].to_numpy(), begins)
    leaves = (years >= 18) & (years < 65) & (rng.random(len(people)) < NO_FIXED_ABODE_SHARE)
    person = np.flatnonzero(leaves & ~np.isin(people.index, residences.subjects[residences.from_days > ALWAYS]))
    nowhere = homes.index[homes["tenure"] == "none"].to_numpy()
    councils = homes["council"].to_numpy()[nowhere].tolist()
    place = np.array([nowhere[councils.index(council)] for council in people["council"].to_numpy()[person]], dtype=int)
    since = rng.integers(begins - 200, ends - 30, len(person))
    back = since + 20 + rng.exponential(220, len(person)).astype(int)
    home = residences.on(person, ALWAYS)
    return residences.changed(person, since, place).changed(person, back, home)


def _conditions(rng: np.random.Generator, people: pd.DataFrame, begins: int) -> pd.DataFrame:
    years = age(people["born"].to_numpy(), begins)
    frailty = people["frailty"].to_numpy()
    columns = {}
    for code, (at_40, at_65, at_80) in LONG_TERM_CONDITIONS.items():
        share = np.select([years >= 80, years >= 65, years >= 40, years >= 18], [at_80, at_65, at_40, at_40 / 2], 0.0)
        columns[code] = rng.random(len(people)) < share * np.clip(0.5 + frailty / 2, 0.5, 2)
    return pd.DataFrame(columns)
