"""Writes the person records of a made-up borough, to measure a person index by: `python borough_records.py OUT.parquet`.

The people and their errors are the simulator's (`cares.simulator.residents` and `cares.simulator.records`, at the rates of
its `error_rates.yml`); what its formats do not allow, but real registers have, comes on top (`further_errors.yml`). Each
register has seen each of its people on a day of their own within five years, and holds the
surname and the home that it had heard of by then, so that marriages and moves stand between the records of one person.

Which registers hold a person is drawn here, by age: the shares are chosen so that a person has four records on average,
of which one in general practice (nearly everybody has that) and one in a hospital are the most usual. Everybody has at
least one. A register leaves out what its format does not hold: community and mental health services send no names, the
police neither an NHS number nor an address.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from further_errors import Errors, People

from cares.simulator import identifiers, residents
from cares.simulator.chance import stream
from cares.simulator.days import age, by_age, day, iso
from cares.simulator.lives import looked_after
from cares.simulator.records import Records, profiles
from cares.simulator.residents import FRINGE, Borough

FIRST, LAST = date(2016, 4, 1), date(2021, 3, 31)
COLUMNS = [
    "record_id",
    "source",
    "nhs_number",
    "forename",
    "middle_name",
    "surname",
    "date_of_birth",
    "sex",
    "address",
    "postcode",
    "uprn",
    "person",
]
NAMES = ("forename", "surname")


@dataclass(frozen=True)
class Register:
    """Who keeps a register, its kind in `error_rates.yml`, what it leaves out, and whose: shares of the people by age."""

    source: str
    kind: str
    without: tuple[str, ...]
    shares: dict[int, float]


REGISTERS = (
    Register("general_practice", "general_practice", ("middle_name", "uprn"), {-5: 0.985}),
    Register("hospital", "hospital", ("middle_name", "uprn"), {-5: 0.85, 2: 0.45, 18: 0.52, 40: 0.6, 65: 0.8, 80: 0.92}),
    Register("other_hospital", "hospital", ("middle_name", "uprn"), {-5: 0.14, 18: 0.2, 40: 0.25, 65: 0.34}),
    Register("emergency", "emergency", ("middle_name", "uprn"), {-5: 0.65, 5: 0.48, 18: 0.5, 65: 0.56, 80: 0.7}),
    Register("urgent_treatment", "emergency", ("middle_name", "uprn"), {-5: 0.2, 18: 0.16, 65: 0.1}),
    Register(
        "community", "community", (*NAMES, "middle_name", "address", "uprn"), {-5: 0.97, 6: 0.4, 18: 0.22, 65: 0.5, 80: 0.75}
    ),
    Register(
        "mental_health", "mental_health", (*NAMES, "middle_name", "address", "uprn"), {-5: 0.02, 10: 0.13, 18: 0.16, 65: 0.1}
    ),
    Register("adult_social_care", "adult_social_care", ("middle_name", "address", "uprn"), {18: 0.05, 65: 0.18, 80: 0.5}),
    Register("childrens_social_care", "childrens_social_care", (), {-5: 0.1, 18: 0.06, 25: 0.0}),
    Register("front_door", "front_door", ("middle_name", "uprn"), {-5: 0.2, 18: 0.09, 65: 0.2, 80: 0.45}),
    Register("police", "police", ("nhs_number", "middle_name", "address", "uprn"), {-5: 0.03, 12: 0.14, 50: 0.1, 65: 0.05}),
    Register("fire", "fire", ("nhs_number", "middle_name"), {18: 0.05, 65: 0.22}),
    Register("voluntary", "voluntary", ("middle_name", "uprn"), {18: 0.05, 65: 0.15}),
    # Those who once asked a social landlord for a home; its tenants come on top.
    Register("housing", "housing", ("middle_name",), {-5: 0.2, 65: 0.1}),
)
UPRN_NOT_HELD = 1 / 6  # of the children's records, as in the simulator's person file


def borough(seed: int, people: int) -> Borough:
    """A borough of about so many people, those of its fringe included, with the adoptions of its children."""
    built = residents.build(seed, round(people / (1 + sum(FRINGE.values()))), day(FIRST), day(LAST))
    built.adopted = looked_after.adoptions(seed, built, looked_after.lives(seed, built))
    return built


def records(seed: int, people: int, profile: str) -> tuple[pd.DataFrame, Borough]:
    """All person records (the columns in `COLUMNS`, null where nothing is held), in no order, and their borough."""
    built = borough(seed, people)
    rng = stream(seed, "registers")
    years = age(built.people["born"].to_numpy(), built.ends)
    lived = np.unique(built.residences.subjects[np.isin(_tenure(built), ["torus", "social"])])
    held = {register.source: rng.random(len(years)) < by_age(years, register.shares) for register in REGISTERS}
    held["housing"][lived] = True
    held["emergency"] |= ~np.any(list(held.values()), axis=0)
    known = People(seed, built)
    tables = [_register(seed, profile, register, known, np.flatnonzero(held[register.source])) for register in REGISTERS]
    table = pd.concat(tables, ignore_index=True).iloc[rng.permutation(sum(map(len, tables)))].reset_index(drop=True)
    numbers = rng.permutation(10_000_000)[: len(table)]
    table["record_id"] = [f"r{number:07d}" for number in numbers]
    return table[COLUMNS], built


def _tenure(built: Borough) -> np.ndarray:
    return built.homes["tenure"].to_numpy()[built.residences.values]


def _register(seed: int, profile: str, register: Register, known: People, persons: np.ndarray) -> pd.DataFrame:
    built = known.borough
    kept = Records(seed, profile, register.source, register.kind, register.source, "{:07d}", built, persons)
    rng = stream(seed, f"seen by {register.source}")
    size = len(kept.person)
    born = built.people["born"].to_numpy()
    seen_from = np.maximum(built.begins, born + 1)
    seen_until = np.minimum(built.ends, built.people["died"].to_numpy())
    some_day = (seen_from + rng.random(len(born)) * np.maximum(seen_until - seen_from, 0)).astype(int)
    first, last = seen_from[kept.life], seen_until[kept.life]
    number = np.arange(size)
    second_from = _second_from(kept, first, last)
    is_second = number >= len(persons)
    first = np.where(is_second, np.maximum(first, second_from), first)
    last = np.where(is_second, last, np.minimum(last, second_from - 1))
    on = first + np.floor(rng.random(size) * np.maximum(last - first + 1, 1)).astype(int)
    # Where the second record replaces the first under its number, only the one that is used on some day is on file.
    replaced = pd.Series(kept.local_id).duplicated(keep=False).to_numpy()
    there = (last >= first) & (~replaced | (kept.of(kept.life, some_day[kept.life]) == number))
    chosen = number[there]
    on = on[there]
    table = pd.DataFrame(
        {
            "source": register.source,
            "nhs_number": kept.nhs_number[chosen],
            "forename": kept.forename[chosen],
            "middle_name": kept.middle_name[chosen],
            "surname": kept.surname(chosen, on),
            "date_of_birth": iso(kept.born[chosen]),
            "sex": kept.sex[chosen],
            "address": kept.address(chosen, on),
            "postcode": kept.postcode(chosen, on),
            "uprn": kept.uprn(chosen, on),
            "person": kept.person[chosen],
        },
        dtype=object,
    )
    life = kept.life[chosen]
    errors = Errors(seed, profile, register.source, register.kind, known)
    table = errors.applied(table, life, is_self=kept.person[chosen] == life)
    for column in register.without:
        table[column] = None
    if register.kind == "childrens_social_care":
        table.loc[rng.random(len(table)) < UPRN_NOT_HELD, "uprn"] = None
    return table.mask(table == "", None)


def _second_from(kept: Records, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The first day on which each record's person uses the second record; a day after the last where there is none."""
    low, high = first.copy(), last + 1
    first_record = kept.of(kept.life, kept.borough.begins - 100_000)
    while (low < high).any():
        middle = (low + high) // 2
        second = kept.of(kept.life, middle) != first_record
        high = np.where((low < high) & second, middle, high)
        low = np.where((low < high) & ~second, middle + 1, low)
    return low


def summary(table: pd.DataFrame, built: Borough) -> str:
    """What stands in the records, in a few lines."""
    given = table["nhs_number"].fillna("").to_numpy(dtype=str)
    valid = ~identifiers.wrong_nhs_numbers(given)
    people = built.people
    by_source = pd.DataFrame(
        {
            "records": table.groupby("source").size(),
            "valid NHS number": pd.Series(valid).groupby(table["source"]).mean().round(4),
            "no birth date": table["date_of_birth"].isna().groupby(table["source"]).mean().round(4),
            "no surname": table["surname"].isna().groupby(table["source"]).mean().round(4),
            "no postcode": table["postcode"].isna().groupby(table["source"]).mean().round(4),
            "no UPRN": table["uprn"].isna().groupby(table["source"]).mean().round(4),
        }
    )
    forename, born = people["forename"].to_numpy(), people["born"].to_numpy()
    parent, household = people["parent"].to_numpy(), people["household"].to_numpy()
    head = np.where(parent >= 0, parent, 0)
    partner = np.where(people["partner"].to_numpy()[head] >= 0, people["partner"].to_numpy()[head], head)
    namesakes = (parent >= 0) & ((forename == forename[head]) | (forename == forename[partner]))
    twins = (household[1:] == household[:-1]) & (born[1:] == born[:-1]) & (parent[1:] >= 0) & (parent[:-1] >= 0)
    surnames = table["surname"].dropna().str.upper().value_counts()
    each = table.groupby("person").size()
    return "\n".join(
        [
            by_source.to_string(),
            f"{len(table):,} records of {len(each):,} people, {each.mean():.2f} each; one record: {(each == 1).mean():.1%}",
            f"valid NHS number {valid.mean():.1%}, no surname {table['surname'].isna().mean():.1%}",
            f"{len(surnames):,} surnames ({surnames.index[0].title()}: {surnames.iloc[0] / surnames.sum():.2%}), "
            f"{table['forename'].str.upper().nunique():,} forenames",
            f"biggest households {np.sort(np.bincount(household))[-3:]}, {twins.sum():,} pairs of twins, "
            f"{namesakes.sum():,} children with a parent's forename",
        ]
    )


def truth(built: Borough) -> pd.DataFrame:
    """Who the people are: columns person, origin (of the name) and date_of_birth (ISO); for results by group."""
    assert built.adopted is not None, "the adoptions are part of the borough"
    of = np.concatenate([built.everybody, built.adopted["person"].to_numpy()])
    people = built.people.iloc[of]
    born = iso(people["born"].to_numpy())
    return pd.DataFrame({"person": np.arange(len(of)), "origin": people["origin"].to_numpy(), "date_of_birth": born})


def main() -> None:
    """Write the records of a borough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the Parquet file to write; who the people are goes to OUT.people.parquet")
    parser.add_argument("--people", type=int, default=250_000, help="how many people there are (250,000)")
    parser.add_argument("--seed", type=int, default=1, help="from which everything is drawn (1)")
    parser.add_argument("--profile", choices=profiles(), default="realistic", help="how much goes wrong (realistic)")
    options = parser.parse_args()
    began = time.monotonic()
    table, built = records(options.seed, options.people, options.profile)
    table.to_parquet(options.out, index=False)
    truth(built).to_parquet(options.out.with_suffix(".people.parquet"), index=False)
    print(summary(table, built))
    print(f"{options.out}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
