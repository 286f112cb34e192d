"""Admitted patient care: the legacy extract, SUS+ and HES tell the same stays in three dialects."""

from __future__ import annotations

import pytest

from cares import contracts
from end_to_end.receiving import sign_agreement
from formats.examples import accept, stage
from fresh_warehouse import FreshWarehouse

FEED = "sthk/admitted_patient_care"
OUTPATIENTS = "sthk/outpatients"
# The same three episodes came in January, February and March, each time in another dialect.
MONTHS = {"legacy": "2019-01", "hes": "2019-02", "sus_plus": "2019-03"}
CODED = {"diagnosis_codes", "diagnosis_marks", "procedure_codes", "procedure_dates", "record_id", "episode_id"}


@pytest.fixture(scope="module")
def stays(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """The three deliveries and one of outpatient appointments, staged and put together."""
    sign_agreement(FEED, OUTPATIENTS)
    accept(OUTPATIENTS, "outpatients/sus_plus", "2019-01")
    for dialect, month in MONTHS.items():
        accept(FEED, f"apc/{dialect}", month)
    stage("person_records", "care_events")
    return warehouse_of_module


def staged(stays: FreshWarehouse, month: str) -> list[tuple[object, ...]]:
    """What an episode of a month's delivery says of itself, without how its diagnoses and procedures came."""
    columns = stays.rows(
        """select column_name from information_schema.columns
           where table_schema = 'staging' and table_name = 'stg_apc__episodes' and ordinal_position > 13
           order by ordinal_position"""
    )
    said = ", ".join(name for (name,) in columns if name not in CODED)
    return stays.rows(
        f"select {said} from staging.stg_apc__episodes where to_char(period_end, 'YYYY-MM') = %s order by line_number", month
    )


def coded(stays: FreshWarehouse, month: str) -> list[tuple[object, ...]]:
    """Diagnoses and procedures of a month's delivery, one row each."""
    return stays.rows(
        """select spell_number, episode_number, kind, position, code, mark, performed_on
           from intermediate.int_hospital_episodes,
               lateral (
                   select 'diagnosis' as kind, position, code, mark, null::date as performed_on
                   from unnest(diagnosis_codes, diagnosis_marks) with ordinality as each (code, mark, position)
                   union all
                   select 'procedure', position, code, null, performed_on
                   from unnest(procedure_codes, procedure_dates) with ordinality as each (code, performed_on, position)
               ) as given
           where code is not null and to_char(period_end, 'YYYY-MM') = %s
           order by spell_number, episode_number, kind, position""",
        month,
    )


def test_an_episode_says_the_same_in_each_dialect(stays: FreshWarehouse) -> None:
    assert len(staged(stays, MONTHS["legacy"])) == 3
    assert staged(stays, MONTHS["legacy"]) == staged(stays, MONTHS["hes"]) == staged(stays, MONTHS["sus_plus"])


def test_diagnoses_and_procedures_are_the_same_rows_in_each_dialect(stays: FreshWarehouse) -> None:
    assert len(coded(stays, MONTHS["legacy"])) == 7 + 3
    assert coded(stays, MONTHS["legacy"]) == coded(stays, MONTHS["hes"]) == coded(stays, MONTHS["sus_plus"])


def test_each_diagnosis_is_a_row_with_its_place_and_its_dagger_or_asterisk(stays: FreshWarehouse) -> None:
    rows = stays.rows(
        """select spell_number, episode_number, position, diagnosis_code, diagnosis_mark
           from intermediate.int_hospital_diagnoses where attendance_id is null
           order by spell_number, episode_number, position"""
    )
    assert rows == [
        ("S900001", 1, 1, "S7200", None),
        ("S900001", 1, 2, "R54", None),
        ("S900001", 1, 3, "F001", "asterisk"),
        ("S900001", 1, 4, "G301", "dagger"),
        ("S900001", 2, 1, "I10", None),
        ("S900001", 2, 2, "J189", None),
        ("S900002", 1, 1, "I251", None),
    ]


def test_each_procedure_is_a_row_with_its_place_and_day(stays: FreshWarehouse) -> None:
    rows = stays.rows(
        """select spell_number, episode_number, position, procedure_code, performed_on::text
           from intermediate.int_hospital_procedures where attendance_id is null
           order by spell_number, episode_number, position"""
    )
    assert rows == [
        ("S900001", 1, 1, "W371", "2018-12-21"),
        ("S900001", 1, 2, "Z942", "2018-12-21"),
        ("S900002", 1, 1, "K633", "2019-01-15"),
    ]


def test_diagnoses_and_procedures_of_outpatients_stand_beside_them(stays: FreshWarehouse) -> None:
    diagnoses = stays.rows(
        """select person_record_id, attendance_id, began_on::text, position, diagnosis_code
           from intermediate.int_hospital_diagnoses where spell_number is null order by position"""
    )
    assert diagnoses == [
        ("sthk/apc/H1001", "A500001", "2019-01-22", 1, "I48"),
        ("sthk/apc/H1001", "A500001", "2019-01-22", 2, "R54"),
    ]
    procedures = "select attendance_id, procedure_code from intermediate.int_hospital_procedures where spell_number is null"
    assert stays.rows(procedures) == [("A500001", "U192")]


def test_a_stay_has_its_first_diagnosis_and_procedure_where_they_came_as_files_of_their_own(stays: FreshWarehouse) -> None:
    rows = stays.rows(
        """select spell_number, episodes, discharged_on::text, primary_diagnosis_code, primary_procedure_code
           from intermediate.int_hospital_stays order by spell_number"""
    )
    assert rows == [("S900001", 2, "2019-01-08", "S7200", "W371"), ("S900002", 1, "2019-01-15", "I251", "K633")]


def test_nothing_of_a_dialect_is_a_fault_but_a_diagnosis_whose_episode_did_not_come(stays: FreshWarehouse) -> None:
    assert stays.rows("select table_name, line_number, rule from ledger.finding") == [
        ("diagnoses", 9, "diagnoses.PRIMARYKEY_ID.refers_to")
    ]


def test_a_table_that_no_purpose_needs_is_counted(stays: FreshWarehouse) -> None:
    counted = stays.rows("select table_name, not_needed_rows from ledger.delivery_file where not_needed_rows is not null")
    assert counted == [("spell_episodes_home_leave", 2)]


def test_a_nursing_home_has_its_old_code_in_old_periods_only() -> None:
    feed = contracts.load().feed(FEED)
    codes = feed.format.tables["episodes"].codes
    assert "86" in codes("discharge_destination", feed.version(feed.period("2002-03")))
    assert "86" not in codes("discharge_destination", feed.version(feed.period("2012-04")))


def test_every_table_of_the_newer_dialect_is_recognised() -> None:
    known = contracts.load().formats["apc"].table_of_stem
    assert known["spellepisodesclinicalcodingdiagnosisicd"] == "diagnoses"
    assert known["spellepisodeshomeleave"] == "spell_episodes_home_leave"
    assert len(set(known.values())) == 42
