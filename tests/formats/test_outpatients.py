"""Outpatient attendances: the legacy extract, SUS+ and HES tell the same appointments in three dialects."""

from __future__ import annotations

import pytest

from cares import contracts
from end_to_end.receiving import sign_agreement
from formats.examples import accept, stage
from fresh_warehouse import FreshWarehouse

FEED = "sthk/outpatients"
# The same two appointments came in January, February and March, each time in another dialect.
MONTHS = {"legacy": "2019-01", "hes": "2019-02", "sus_plus": "2019-03"}


@pytest.fixture(scope="module")
def staged(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """The three deliveries, staged."""
    sign_agreement(FEED)
    for dialect, month in MONTHS.items():
        accept(FEED, f"outpatients/{dialect}", month)
    stage()
    return warehouse_of_module


def appointments(staged: FreshWarehouse, month: str) -> list[tuple[object, ...]]:
    return staged.rows(
        """select attendance_id, local_person_id, nhs_number, born_on::text, sex_code, postcode, appointment_on::text,
             attendance_code, first_attendance_code, outcome_code, treatment_function_code, referred_on::text,
             referral_source_code, priority_code, site_code, gp_practice_code, provider_code
           from staging.stg_outpatients__attendances where to_char(period_end, 'YYYY-MM') = %s order by line_number""",
        month,
    )


def test_an_appointment_says_the_same_in_each_dialect(staged: FreshWarehouse) -> None:
    assert appointments(staged, MONTHS["legacy"]) == [
        ("A500001", "H1001", "9990000018", "1936-05-02", "F", "WA10 1HP", "2019-01-22", "5", "2", "1", "320", "2018-12-03",
         "03", "1", "RBN01", "N83001", "RBN"),
        ("A500002", "H1003", "9990000034", "1980-07-14", "M", "WA9 2AB", "2019-01-23", "3", "1", None, "410", "2018-11-19",
         "03", "2", "RBN01", "N83001", "RBN"),
    ]  # fmt: skip
    assert appointments(staged, MONTHS["hes"]) == appointments(staged, MONTHS["legacy"])
    assert appointments(staged, MONTHS["sus_plus"]) == appointments(staged, MONTHS["legacy"])


def test_its_diagnoses_and_procedures_stand_in_their_order(staged: FreshWarehouse) -> None:
    in_columns = staged.rows(
        """select array_remove(diagnosis_codes, null), array_remove(procedure_codes, null)
           from staging.stg_outpatients__attendances where attendance_id = 'A500001' and record_id is null"""
    )
    assert in_columns == [(["I48", "R54"], ["U192"])] * 2
    in_rows = staged.rows(
        """select array_agg(diagnosis_code order by position) from staging.stg_outpatients__diagnoses group by record_id
           union all
           select array_agg(procedure_code order by position) from staging.stg_outpatients__procedures group by record_id"""
    )
    assert in_rows == [(["I48", "R54"],), (["U192"],)]


def test_nothing_of_a_dialect_is_a_fault(staged: FreshWarehouse) -> None:
    assert staged.rows("select table_name, line_number, rule from ledger.finding") == []


def test_a_consultant_as_the_kind_of_staff_belongs_to_old_periods_only() -> None:
    feed = contracts.load().feed(FEED)
    codes = feed.format.tables["attendances"].codes
    assert "01" in codes("staff_type", feed.version(feed.period("2004-06")))
    assert "01" not in codes("staff_type", feed.version(feed.period("2019-06")))
