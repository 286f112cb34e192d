"""The looked after children return changes some codes by year: each return is judged by the codes of its own year."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cares import deliveries
from end_to_end.receiving import sign_agreement
from fresh_warehouse import FreshWarehouse

FEED = "council/looked_after_children"
YEARS = ("2016-17", "2023-24", "2024-25", "2025-26")
SEXES = ("1", "2", "M", "F", "U")
PLACEMENTS = ("U4", "H5", "P2", "K3", "Z1", "Z11", "Z12", "Z13", "Z14")


def write(folder: Path, year: str) -> list[Path]:
    """A return in which each child has another sex and each episode another placement: the same codes in every year."""
    children = [
        {"CHILD": f"C{number}", "SEX": sex, "DOB": "04/03/2012", "ETHNIC": "WBRI", "UPN": "UN1", "MOTHER": "", "MC_DOB": ""}
        for number, sex in enumerate(SEXES)
    ]
    episodes = [
        {"CHILD": f"C{number}", "DECOM": f"01/05/20{year[2:4]}", "RNE": "S", "LS": "C2", "CIN": "N1", "PLACE": place,
         "PLACE_PROVIDER": "PR1", "DEC": "", "REC": "", "REASON_PLACE_CHANGE": "", "HOME_POST": "", "PL_POST": "", "URN": ""}
        for number, place in enumerate(PLACEMENTS)
    ]  # fmt: skip
    files = []
    for name, rows in (("header", children), ("episodes", episodes)):
        files.append(folder / f"{name}.csv")
        with files[-1].open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return files


@pytest.fixture(scope="module")
def returns(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> FreshWarehouse:
    """The return of each year, received."""
    sign_agreement(FEED)
    for year in YEARS:
        assert deliveries.receive(FEED, write(tmp_path_factory.mktemp(year), year), year).state in ("accepted", "held")
    return warehouse_of_module


def refused(warehouse: FreshWarehouse, rule: str, codes: tuple[str, ...], year: str) -> set[str]:
    """Those of the codes, one on each line below the header, that a year's return was found not to accept."""
    lines = warehouse.rows(
        "select line_number from ledger.finding inner join ledger.delivery using (delivery_id) where rule = %s and period = %s",
        rule, year,
    )  # fmt: skip
    return {codes[line - 2] for (line,) in lines}


@pytest.mark.parametrize(
    ("year", "not_accepted"),
    [("2016-17", {"M", "F", "U"}), ("2023-24", {"M", "F", "U"}), ("2024-25", {"1", "2"}), ("2025-26", {"1", "2"})],
)
def test_sex_is_1_or_2_up_to_2023_24_and_a_letter_from_2024_25(
    returns: FreshWarehouse, year: str, not_accepted: set[str]
) -> None:
    assert refused(returns, "header.SEX.one_of", SEXES, year) == not_accepted


@pytest.mark.parametrize(
    ("year", "not_accepted"),
    [
        ("2016-17", {"K3", "Z11", "Z12", "Z13", "Z14"}),
        ("2023-24", {"K3", "Z11", "Z12", "Z13", "Z14"}),
        ("2024-25", {"H5", "P2", "Z11", "Z12", "Z13", "Z14"}),
        ("2025-26", {"H5", "P2", "Z1"}),
    ],
)
def test_placements_drop_h5_and_p2_and_gain_k3_in_2024_25_and_z11_to_z14_take_over_from_z1_in_2025_26(
    returns: FreshWarehouse, year: str, not_accepted: set[str]
) -> None:
    assert refused(returns, "episodes.PLACE.one_of", PLACEMENTS, year) == not_accepted


def test_each_return_is_judged_by_the_version_of_its_year(returns: FreshWarehouse) -> None:
    versions = returns.rows("select period, format_version from ledger.delivery order by period")
    assert versions == [("2016-17", "2017"), ("2023-24", "2024"), ("2024-25", "2025"), ("2025-26", "2026")]
