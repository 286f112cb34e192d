"""Errors of registers beside those of the simulator, at the rates of `further_errors.yml`."""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cares.simulator.chance import pick, stream
from cares.simulator.days import age
from cares.simulator.records import misspelt, profiles
from cares.simulator.residents import Borough

GIVEN_LAST = ["chinese", "muslim_south_asian", "indian"]  # origins where the family name may come first


@cache
def _known() -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))


class People:
    """What is so of people in all registers: who is called by the middle name, and who has a double surname."""

    def __init__(self, seed: int, borough: Borough) -> None:
        rng, people, known = stream(seed, "habits of names"), borough.people, _known()
        size = len(people)
        self.borough = borough
        self.origin = people["origin"].to_numpy()
        self.middle_name = people["middle_name"].to_numpy()
        self.uses_middle_name = (rng.random(size) < known["people_called_by_middle_name"]) & (self.middle_name != "")
        parent = people["parent"].to_numpy()
        young = age(people["born"].to_numpy(), borough.ends) < 18
        share = np.where(young & (parent >= 0), known["children_with_a_double_surname"], known["adults_with_a_double_surname"])
        self.is_double = rng.random(size) < share
        other = np.where(parent >= 0, parent, rng.integers(0, size, size))
        self.other_surname = borough.surnames.on(other, borough.begins - 100_000)
        own = borough.surnames.on(np.arange(size), borough.begins)
        self.is_double &= (own != self.other_surname) & ~_has(own, "-") & ~_has(self.other_surname, "-")


class Errors:
    """What one register does to what it was told."""

    def __init__(self, seed: int, profile: str, source: str, kind: str, people: People) -> None:
        self._rng = stream(seed, f"further errors of {source}")
        self._times, self._column, self._people = profiles()[profile], _known()["kinds"][kind], people

    def applied(self, table: pd.DataFrame, life: np.ndarray, is_self: np.ndarray) -> pd.DataFrame:
        """The records with errors; `life` is whose each is, `is_self` whether under the own name, not an adopted child's new one."""
        table = table.copy()
        self._rename(table, life, is_self)
        self._misdate(table)
        self._misplace(table)
        return table

    def _happens(self, name: str, size: int) -> np.ndarray:
        usual = float(_known()["rates"][name][self._column])
        return self._rng.random(size) < 1 - (1 - usual) ** self._times

    def _rename(self, table: pd.DataFrame, life: np.ndarray, is_self: np.ndarray) -> None:
        size, people, rng = len(table), self._people, self._rng
        forename, surname = (
            table["forename"].to_numpy(dtype=object, copy=True),
            table["surname"].to_numpy(dtype=object, copy=True),
        )
        double = is_self & people.is_double[life]
        before = self._happens("name_before_marriage", size) & is_self
        maiden = people.borough.people["partner"].to_numpy()[life] >= 0
        before &= maiden & (table["sex"].to_numpy(dtype=object) == "F")
        surname[before & ~double] = people.other_surname[life[before & ~double]]
        for at in np.flatnonzero(double):
            written = f"{surname[at]}-{people.other_surname[life[at]]}"
            surname[at] = written.upper() if surname[at].isupper() else written
        for at in np.flatnonzero(double & self._happens("double_surname_changed", size)):
            first, last = surname[at].rsplit("-", 1)
            ways = [first, last, f"{last}-{first}", f"{first} {last}", f"{first}{last}"]
            surname[at] = ways[int(rng.choice(len(ways), p=[0.3, 0.3, 0.1, 0.2, 0.1]))]
        called = is_self & people.uses_middle_name[life] & self._happens("called_by_middle_name", size) & (forename != "Baby")
        forename[called] = people.middle_name[life[called]]
        alike = _alike()
        for names in (forename, surname):
            for at in np.flatnonzero(self._happens("spelt_by_ear", size)):
                others = alike.get(names[at].title(), [])
                if others:
                    written = others[int(rng.integers(0, len(others)))]
                    names[at] = written.upper() if names[at].isupper() else written
        initial = self._happens("only_an_initial", size)
        forename[initial] = [name[:1] for name in forename[initial]]
        turned = self._happens("family_name_first", size) & np.isin(people.origin[life], GIVEN_LAST)
        forename[turned], surname[turned] = surname[turned], forename[turned]
        table["forename"], table["surname"] = forename, surname

    def _misdate(self, table: pd.DataFrame) -> None:
        rng, born = self._rng, table["date_of_birth"].to_numpy(dtype=object, copy=True)
        for at in np.flatnonzero(self._happens("birth_date_mistyped", len(born))):
            place = int(rng.choice([3, 5, 6, 8, 9]))
            text = f"{born[at][:place]}{int(rng.integers(0, 10))}{born[at][place + 1 :]}"
            if not pd.isna(pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")):
                born[at] = text
        born[self._happens("birth_date_is_1900", len(born))] = "1900-01-01"
        born[self._happens("birth_date_missing", len(born))] = ""
        table["date_of_birth"] = born

    def _misplace(self, table: pd.DataFrame) -> None:
        size, rng = len(table), self._rng
        address = table["address"].to_numpy(dtype=object, copy=True)
        right = address.copy()
        is_flat = np.array([text.startswith("Flat ") for text in address], dtype=bool)
        for at in np.flatnonzero(is_flat & self._happens("flat_left_out", size)):
            address[at] = address[at].split(", ", 1)[1]
        for at in np.flatnonzero(self._happens("street_misspelt", size)):
            address[at] = misspelt(rng, address[at])
        styles = _known()["address_styles"][self._column]
        style = pick(rng, list(styles), list(styles.values()), size)
        capitals = style == "capitals"
        address[capitals] = [text.replace(",", "").upper() for text in address[capitals]]
        shortened = _known()["shortened"]
        for at in np.flatnonzero(style == "shortened"):
            words = [word.partition(",") for word in address[at].split(" ")]
            address[at] = " ".join(shortened.get(word, word) + comma for word, comma, _ in words)
        postcode = table["postcode"].to_numpy(dtype=object, copy=True)
        for at in np.flatnonzero(self._happens("postcode_mistyped", size) & (postcode != "")):
            letters = list(postcode[at])
            place = int(rng.choice([-3, -2, -1]))
            drawn = "0123456789" if place == -3 else "ABDEFGHJLNPQRSTUWXYZ"
            letters[place] = drawn[int(rng.integers(0, len(drawn)))]
            postcode[at] = "".join(letters)
        together = self._happens("postcode_without_space", size)
        postcode[together] = [text.replace(" ", "") for text in postcode[together]]
        postcode[self._happens("postcode_missing", size)] = ""
        uprn = table["uprn"].to_numpy(dtype=object, copy=True)
        for at in np.flatnonzero(is_flat & self._happens("uprn_of_the_block", size)):
            block = zlib.crc32(right[at].split(", ", 1)[1].encode())
            uprn[at] = f"0098{block % 100_000_000:08d}" if uprn[at] else ""
        uprn[self._happens("uprn_missing", size)] = ""
        table["address"], table["postcode"], table["uprn"] = address, postcode, uprn


@cache
def _alike() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in _known()["alike"]:
        names = line.split()
        for name in names:
            found.setdefault(name.title(), []).extend(other for other in names if other != name)
    return found


def _has(names: np.ndarray, text: str) -> np.ndarray:
    return np.array([text in name for name in names], dtype=bool)
