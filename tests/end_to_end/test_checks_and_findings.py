"""Great Expectations and the findings are two readings of one contract: they must count the same."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from beside_the_clone import SAMPLES
from cares import checks, contracts, deliveries, landing
from end_to_end.receiving import sign_agreement
from fresh_warehouse import FreshWarehouse

COUNTS_WITHOUT_VALUES = {"result_format": "BASIC", "partial_unexpected_count": 0}
SSDA903_SAMPLE = sorted((SAMPLES / "ssda903").glob("*.csv"))

# One row for each way in which a value of the Client Level Data or the person file can break a rule.
PEOPLE = [
    {"Local Person ID": "1", "NHS Number": "9434765919", "Forename": "Ann", "Surname": "Ash", "Date of Birth": "01/02/2010"},
    {"Local Person ID": "1", "NHS Number": "943 476 5919", "Forename": "Ben", "Surname": "Elm", "Date of Birth": "29/02/2012"},
    {"Local Person ID": "", "NHS Number": "9434765918", "Forename": " ", "Surname": "Fir", "Date of Birth": "30/02/2010"},
    {"Local Person ID": "4", "NHS Number": "1111111111", "Forename": "Cy", "Surname": "", "Date of Birth": "01/02/2099"},
    {"Local Person ID": "5", "NHS Number": "9.43E+09", "Forename": "Di", "Surname": "Oak", "Date of Birth": "2010-02-01"},
    {"Local Person ID": "6" * 30, "NHS Number": "٩٤٣٤٧٦٥٩١٩", "Forename": "Ed", "Surname": "Yew", "Date of Birth": "1/2/2010"},
]


def counts_by_both(warehouse: FreshWarehouse, feed: str, files: list[Path], period: str) -> dict[str, tuple[int, int]]:
    """Rule to (rows broken as Great Expectations counts them, as the findings do)."""
    registration = deliveries.register(feed, files, period, "test")
    landing.land(registration.delivery_id)
    checks.check([registration.delivery_id])
    counts = {}
    checker = checks.Checker()
    for file_id, around, _ in checks.files_to_check(registration.delivery_id):
        rules = around.table.rules(around.version)
        for rule, result in zip(rules, checker.validate(rules, around, file_id, COUNTS_WITHOUT_VALUES), strict=True):
            found = warehouse.rows("select count(*) from ledger.finding where rule = %s", rule.id)[0][0]
            counts[rule.id] = (result.result["unexpected_count"], found)
    return counts


def test_both_count_the_same_for_every_kind_of_rule(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    sign_agreement("council/childrens_person_file")
    table = contracts.load().formats["person_file"].tables["people"]
    with (tmp_path / "people.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, table.file.columns, restval="")
        writer.writeheader()
        writer.writerows(PEOPLE)
    kind = contracts.load().feeds["council/childrens_person_file"].file.arrives.every
    period = {"day": "2019-03-31", "month": "2019-03", "financial year": "2018-19"}[kind]

    counts = counts_by_both(warehouse, "council/childrens_person_file", [tmp_path / "people.csv"], period)

    assert all(expected == found for expected, found in counts.values()), counts
    assert counts["people.NHS Number.nhs_number"] == (4, 4)
    assert counts["people.Date of Birth.uk_date"] == (3, 3)
    assert counts["people.Date of Birth.not_in_future"] == (1, 1)
    assert counts["people.Forename.filled"] == (1, 1)
    assert counts["people.Surname.filled"] == (1, 1)
    assert counts["people.Local Person ID.filled"] == (1, 1)
    assert counts["people.key.unique"] == (2, 2)


@pytest.mark.skipif(not SSDA903_SAMPLE, reason="the public SSDA903 sample is not beside this checkout")
def test_both_count_the_same_on_the_public_sample(warehouse: FreshWarehouse) -> None:
    sign_agreement("council/looked_after_children")

    counts = counts_by_both(warehouse, "council/looked_after_children", SSDA903_SAMPLE, "2023-24")

    assert all(expected == found for expected, found in counts.values()), counts
    assert counts["placed_for_adoption.REASON_PLACED_CEASED.one_of"] == (29, 29)


def test_a_file_is_never_worked_out_anew_for_each_of_its_rows(warehouse: FreshWarehouse) -> None:
    """PostgreSQL takes a file that it has not looked at yet for one of few rows, and would; 5,000 rows then take hours."""
    with checks.Checker()._source.get_execution_engine().engine.connect() as session:
        assert session.exec_driver_sql("show enable_nestloop").scalar() == "off"


@pytest.mark.skipif(not SSDA903_SAMPLE, reason="the public SSDA903 sample is not beside this checkout")
def test_the_public_sample_lands_whole_and_each_broken_rule_is_explained(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    sign_agreement("council/looked_after_children")

    first = deliveries.receive("council/looked_after_children", SSDA903_SAMPLE, "2023-24")

    assert first.state == "accepted"
    ledger = warehouse.rows(
        """select table_name, received_rows, landed_rows, received_rows = landed_rows + unreadable_rows
             and landed_rows = accepted_rows + set_aside_rows + erased_rows from ledger.delivery_file"""
    )
    received = {table: rows for table, rows, *_ in ledger}
    assert len(received) == 12 and all(adds_up for *_, adds_up in ledger)
    assert (received["header"], received["episodes"], received["reviews"]) == (2675, 5050, 12582)
    explained = dict(warehouse.rows("select rule, sentence from ledger.check_result where rows_broken > 0"))
    assert explained["dolo.table.in_version"] == "dolo is part of the format only from version 2025 on"

    assert deliveries.receive("council/looked_after_children", SSDA903_SAMPLE, "2023-24").state == "duplicate"

    episodes = tmp_path / "episodes.csv"
    lines = next(file for file in SSDA903_SAMPLE if file.name == "episodes.csv").read_text().splitlines(keepends=True)
    episodes.write_text("".join([lines[0], lines[1].replace("PR0", "PR1"), *lines[2:]]))
    correction = deliveries.receive("council/looked_after_children", [episodes], "2023-24")

    assert correction.state == "accepted"
    assert warehouse.rows("select table_name from ledger.table_in_force where superseded_at is not null") == [("episodes",)]
    assert warehouse.rows("select state from ledger.delivery where delivery_id = %s", first.delivery_id) == [("accepted",)]


@pytest.mark.parametrize(
    ("number", "is_one"),
    [
        ("9434765919", True),
        ("943 476 5919", True),
        ("943-476-5919", True),
        ("9434765918", False),
        ("943476591", False),
        ("0000000000", False),
        ("9999999999", False),
        ("4444444444", False),
        ("9434765919\n", False),
        ("\uff19\uff14\uff13\uff14\uff17\uff16\uff15\uff19\uff11\uff19", False),
    ],
)
def test_an_nhs_number_has_ten_digits_and_agrees_with_its_check_digit(
    warehouse_of_module: FreshWarehouse, number: str, is_one: bool
) -> None:
    from cares.predicates import matches

    pattern = contracts.load().patterns["nhs_number"]

    assert warehouse_of_module.rows(f"select {matches('given', pattern)} from (select %s::text as given) as one", number) == [
        (is_one,)
    ]


@pytest.mark.parametrize(
    "day", ["29/02/2020", "29/02/2019", "31/04/2019", "31/12/1999", "00/01/2019", "1/1/2019", "2019-01-01", "aa/bb/cccc"]
)
def test_a_date_is_a_real_day_of_the_calendar(warehouse_of_module: FreshWarehouse, day: str) -> None:
    from cares.predicates import matches

    def is_real() -> bool:
        try:
            return bool(date(int(day[6:]), int(day[3:5]), int(day[:2]))) and len(day) == 10
        except ValueError:
            return False

    pattern = contracts.load().patterns["uk_date"]
    assert warehouse_of_module.rows(f"select {matches('given', pattern)} from (select %s::text as given) as one", day) == [
        (is_real(),)
    ]
