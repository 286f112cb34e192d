"""What each organisation has on file about a person: a number of its own, and details that may be wrong.

The rates of every kind of error stand in `error_rates.yml`.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cares.simulator import identifiers, names
from cares.simulator.chance import stream
from cares.simulator.days import ALWAYS, NEVER, Timeline, date_of, day
from cares.simulator.residents import Borough

NAMED_WITHIN_DAYS = 42  # a birth is registered within six weeks


@cache
def rates() -> dict[str, Any]:
    """The rates of `error_rates.yml`, as they stand there."""
    return yaml.safe_load(resources.files(__package__).joinpath("error_rates.yml").read_text(encoding="utf-8"))


def profiles() -> dict[str, float]:
    """The profiles that a borough may have, to how many times as often as usual things go wrong."""
    return dict(rates()["profiles"])


class Records:
    """The person records of one source of an organisation, with errors at the rates of its kind in `error_rates.yml`.

    `person` is who each record is really about; the other arrays are what the record says. Some people have a second
    record, which is used from some day on: those registered twice; babies who had no name when they were registered, in
    place of the first and under its number; and adopted children, who are somebody else from then on. Nothing in their
    second record comes from the first. Children's social care keeps the child whom it knew.
    """

    def __init__(
        self,
        seed: int,
        profile: str,
        source: str,
        kind: str,
        organisation: str,
        local_id: str,
        borough: Borough,
        persons: np.ndarray,
    ) -> None:
        self.source, self.kind, self.organisation, self.borough = source, kind, organisation, borough
        self._times = profiles()[profile]
        self._rng = stream(seed, f"records {organisation} {source}")
        rng, people = self._rng, borough.people
        persons = np.unique(persons)
        adopted = self._adopted(persons)
        born = people["born"].to_numpy()[persons]
        unnamed = self._happens("baby_without_a_name", len(persons)) & (born > borough.begins) & (born < borough.ends)
        twice = self._happens("registered_twice", len(persons)) & ~unnamed
        unnamed, twice = (persons[chosen & ~np.isin(persons, adopted["person"])] for chosen in (unnamed, twice))
        # Whose life each record tells, which is the person but for adopted children.
        self.life = np.concatenate([persons, twice, unnamed, adopted["person"].to_numpy()])
        self.person = np.concatenate([self.life[: len(self.life) - len(adopted)], adopted["identity"].to_numpy()])
        size = len(self.person)
        self._first = np.full(len(people), -1)
        self._first[persons] = np.arange(len(persons))
        self._second = np.full(len(people), -1)
        self._second[self.life[len(persons) :]] = np.arange(len(persons), size)
        self._second_from = np.full(len(people), NEVER)
        self._second_from[twice] = rng.integers(borough.begins + 450, borough.ends, len(twice))
        self._second_from[unnamed] = people["born"].to_numpy()[unnamed] + rng.integers(8, NAMED_WITHIN_DAYS, len(unnamed))
        self._second_from[adopted["person"]] = adopted["on"]
        self.local_id = identifiers.in_no_order(rng, local_id, size)
        self.local_id[self._second[unnamed]] = self.local_id[self._first[unnamed]]
        self.is_used = np.zeros(size, dtype=bool)

        truth = people.iloc[self.life].reset_index(drop=True)
        self._is_adopted = self.person >= len(people)
        for column in ("nhs_number", "forename", "middle_name", "phone", "practice"):
            truth.loc[self._is_adopted, column] = adopted[column].to_numpy()
        self.nhs_number = self._nhs_numbers(truth["nhs_number"].to_numpy().copy())
        self.forename, self.surnames = self._names(truth["forename"].to_numpy().copy(), adopted["surname"].to_numpy())
        self.forename[self._first[unnamed]], self.nhs_number[self._first[unnamed]] = "Baby", ""
        middle = truth["middle_name"].to_numpy().copy()
        middle[self._happens("middle_name_not_recorded", size)] = ""
        middle[self._first[unnamed]] = ""
        self.middle_name = middle
        self.born = self._birth_dates(truth["born"].to_numpy().copy())
        self.died = truth["died"].to_numpy()
        self.sex = self._sexes(truth["sex"].to_numpy().copy())
        self.ethnicity, self.phone = truth["ethnicity"].to_numpy(), truth["phone"].to_numpy()
        self.practice = truth["practice"].to_numpy()
        homes = _begun_anew(borough.residences.of(self.life), self._is_adopted, adopted["home"].to_numpy())
        self.homes = homes.as_heard(rng, self._rate("news_takes_days"), self._rate("move_never_heard_of"))
        self._postcode = self._wrong_postcodes()

    def of(self, persons: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """The numbers of the records that are used for persons on a day, or on a day of its own for each; -1: it has none."""
        second = on >= self._second_from[persons]
        return np.where(second, self._second[persons], self._first[persons])

    def surname(self, records: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """The surname on file on a day."""
        return self.surnames.on(records, on)

    def address(self, records: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """The address on file on a day."""
        return self.borough.homes["address"].to_numpy()[self.homes.on(records, on)]

    def uprn(self, records: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """The property number on file on a day."""
        return self.borough.homes["uprn"].to_numpy()[self.homes.on(records, on)]

    def postcode(self, records: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """The postcode on file on a day; blank where there is none."""
        right = self.borough.homes["postcode"].to_numpy()[self.homes.on(records, on)]
        wrong = self._postcode[records]
        return np.where(wrong == None, right, wrong)  # noqa: E711 - compares each element

    def _rate(self, name: str) -> float:
        """A rate of this kind of register under the profile; what is always so, like an NHS number that is not held, stays."""
        usual = float(rates()[name][self.kind])
        return usual if usual == 1 else usual * self._times if usual > 1 else 1 - (1 - usual) ** self._times

    def _happens(self, name: str, size: int) -> np.ndarray:
        return self._rng.random(size) < self._rate(name)

    def _nhs_numbers(self, numbers: np.ndarray) -> np.ndarray:
        people, size = self.borough.people, len(numbers)
        relative = np.where(people["partner"] >= 0, people["partner"], people["parent"])[self.life]
        relative = np.where(self._is_adopted, -1, relative)
        for at in np.flatnonzero(self._happens("nhs_number_of_a_relative", size) & (relative >= 0)):
            numbers[at] = people["nhs_number"].iat[relative[at]]
        for at in np.flatnonzero(self._happens("nhs_number_with_a_wrong_digit", size)):
            numbers[at] = identifiers.with_wrong_digit(self._rng, numbers[at])
        for at in np.flatnonzero(self._happens("nhs_number_written_with_spaces", size)):
            numbers[at] = f"{numbers[at][:3]} {numbers[at][3:6]} {numbers[at][6:]}"
        numbers[self._happens("nhs_number_missing", size)] = ""
        return numbers

    def _adopted(self, persons: np.ndarray) -> pd.DataFrame:
        """The new identities of the adopted children among the persons; none in children's social care."""
        adopted = self.borough.adopted
        assert adopted is not None, "registers are kept when the story is told"
        known = np.isin(adopted["person"], persons) & (self.kind != "childrens_social_care")
        return adopted[known].reset_index(drop=True)

    def _names(self, forenames: np.ndarray, adoptive_surnames: np.ndarray) -> tuple[np.ndarray, Timeline]:
        size = len(forenames)
        for at in np.flatnonzero(self._happens("forename_is_a_nickname", size)):
            forenames[at] = names.nickname(self._rng, forenames[at])
        for at in np.flatnonzero(self._happens("forename_misspelt", size)):
            forenames[at] = misspelt(self._rng, forenames[at])
        heard = _begun_anew(self.borough.surnames.of(self.life), self._is_adopted, adoptive_surnames)
        heard = heard.as_heard(self._rng, self._rate("news_takes_days"), self._rate("change_of_name_never_heard_of"))
        surnames = heard.values.copy()

        def entries(name: str) -> np.ndarray:
            return np.flatnonzero(self._happens(name, size)[heard.subjects])

        for at in entries("surname_misspelt"):
            surnames[at] = misspelt(self._rng, surnames[at])
        plain = self._happens("accents_lost", size)
        for at in np.flatnonzero(plain):
            forenames[at] = without_accents(forenames[at])
        for at in np.flatnonzero(plain[heard.subjects]):
            surnames[at] = without_accents(surnames[at])
        for at in entries("names_swapped"):
            record = heard.subjects[at]
            forenames[record], surnames[at] = surnames[at], forenames[record]
        for at in entries("surname_in_capitals"):
            surnames[at] = surnames[at].upper()
        return forenames, Timeline(heard.subjects, heard.from_days, surnames)

    def _birth_dates(self, born: np.ndarray) -> np.ndarray:
        size = len(born)
        for at in np.flatnonzero(self._happens("birth_day_and_month_swapped", size)):
            of = date_of(born[at])
            if of.day <= 12:
                born[at] = min(day(of.replace(day=of.month, month=of.day)), self.borough.begins)
        for at in np.flatnonzero(self._happens("birth_year_mistyped", size)):
            of = date_of(born[at])
            wrong = min(of.year + int(self._rng.choice([-10, -1, 1, 10])), date_of(self.borough.begins).year - 1)
            born[at] = day(of.replace(year=wrong, day=min(of.day, 28)))
        for at in np.flatnonzero(self._happens("birth_date_is_first_of_january", size)):
            born[at] = day(date_of(born[at]).replace(month=1, day=1))
        return born

    def _sexes(self, sexes: np.ndarray) -> np.ndarray:
        wrong = self._happens("sex_wrong", len(sexes))
        sexes[wrong] = np.where(sexes[wrong] == "F", "M", "F")
        sexes[self._happens("sex_not_recorded", len(sexes))] = "U"
        return sexes

    def _wrong_postcodes(self) -> np.ndarray:
        size = len(self.person)
        wrong = np.full(size, None, dtype=object)
        right = self.borough.homes["postcode"].to_numpy()[self.homes.on(np.arange(size), ALWAYS)]
        for at in np.flatnonzero(self._happens("postcode_mistyped", size)):
            wrong[at] = right[at][:-1] + "ABDEFGHJLNPQRSTUWXYZ"[int(self._rng.integers(0, 20))]
        wrong[self._happens("postcode_missing", size)] = ""
        return wrong


def _begun_anew(facts: Timeline, subjects: np.ndarray, values: np.ndarray) -> Timeline:
    """The same facts, but of some subjects (a boolean of each) one value each has always held."""
    kept = ~subjects[facts.subjects]
    new = np.flatnonzero(subjects)
    return Timeline(
        np.concatenate([facts.subjects[kept], new]),
        np.concatenate([facts.from_days[kept], np.full(len(new), ALWAYS)]),
        np.concatenate([facts.values[kept], values]),
    )


def without_accents(name: str) -> str:
    """A name as an old system keeps it: plain letters only."""
    plain = unicodedata.normalize("NFKD", name.replace("ł", "l").replace("Ł", "L").replace("’", "'"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def misspelt(rng: np.random.Generator, name: str) -> str:
    """A name with one slip of the keyboard: a letter left out, doubled, changed, or two swapped."""
    if len(name) < 3:
        return name
    at = int(rng.integers(1, len(name) - 1))
    match int(rng.integers(0, 4)):
        case 0:
            return name[:at] + name[at + 1 :]
        case 1:
            return name[:at] + name[at] + name[at:]
        case 2:
            return name[:at] + "aeiourstln"[int(rng.integers(0, 10))] + name[at + 1 :]
        case _:
            return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
