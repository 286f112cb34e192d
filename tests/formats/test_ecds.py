"""Emergency care: names of the data dictionary, of SUS+ and of the older data set; clinical lists that can be loaded."""

from __future__ import annotations

import pytest

from cares import contracts
from end_to_end.receiving import sign_agreement
from formats.examples import accept, stage
from fresh_warehouse import FreshWarehouse

FEED = "sthk/emergency_care"
LISTS = "sthk/clinical_lists"
# The same two attendances came in January, February and March, each time in another dialect.
MONTHS = {"dictionary": "2020-01", "sus_plus": "2020-02", "older": "2020-03"}


@pytest.fixture(scope="module")
def staged(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """The three deliveries and a list of chief complaints, staged."""
    sign_agreement(FEED, LISTS)
    for dialect, month in MONTHS.items():
        accept(FEED, f"ecds/{dialect}", month)
    accept(LISTS, "clinical_lists", "2020-Q1")
    stage()
    return warehouse_of_module


def attendances(staged: FreshWarehouse, month: str, columns: str) -> list[tuple[object, ...]]:
    return staged.rows(
        f"""select {columns} from staging.stg_ecds__attendances
            where to_char(period_end, 'YYYY-MM') = %s order by attendance_id""",
        month,
    )


def test_an_attendance_says_who_where_and_when_in_each_dialect(staged: FreshWarehouse) -> None:
    columns = """attendance_id, local_person_id, nhs_number, born_on::text, sex_code, postcode, gp_practice_code, site_code,
        department_type_code, provider_code, arrived_at::text, departed_at::text"""
    said = attendances(staged, MONTHS["dictionary"], columns)
    assert said == [
        ("E700001", "H1001", "9990000018", "1936-05-02", "F", "WA10 1HP", "N83001", "RBN01", "01", "RBN",
         "2020-01-14 22:40:00+00", "2020-01-15 03:05:00+00"),
        ("E700002", "H1004", "9990000042", "2014-02-11", "M", "WA9 2AB", "N83001", "RBN07", "03", "RBN",
         "2020-01-20 11:15:00+00", "2020-01-20 12:20:00+00"),
    ]  # fmt: skip
    assert attendances(staged, MONTHS["sus_plus"], columns) == said
    assert attendances(staged, MONTHS["older"], columns) == said


def test_what_was_found_and_decided_is_the_same_in_both_newer_dialects(staged: FreshWarehouse) -> None:
    columns = """attendance_category_code, chief_complaint_code, acuity_code, injury_mechanism_code, ready_to_proceed_at::text,
        discharge_status_code, discharge_destination_code"""
    said = attendances(staged, MONTHS["dictionary"], columns)
    assert said[0][-3:] == ("2020-01-15 02:30:00+00", "182992009", "306706006")
    assert attendances(staged, MONTHS["sus_plus"], columns) == said


def test_the_words_of_the_older_data_set_are_not_taken_for_the_newer_ones(staged: FreshWarehouse) -> None:
    columns = "attendance_category_code, discharge_status_code, arrival_mode_code"
    assert attendances(staged, MONTHS["older"], columns) == [(None, None, None)] * 2


def test_diagnoses_investigations_and_treatments_find_their_attendance(staged: FreshWarehouse) -> None:
    rows = staged.rows(
        """select attendance_id, kind, given.code
           from staging.stg_ecds__attendances
           join (
               select delivery_id, record_id, 'diagnosis ' || position as kind, diagnosis_code as code
               from staging.stg_ecds__diagnoses
               union all
               select delivery_id, record_id, 'investigation', investigation_code from staging.stg_ecds__investigations
               union all
               select delivery_id, record_id, 'treatment', treatment_code from staging.stg_ecds__treatments
           ) as given using (delivery_id, record_id)
           order by attendance_id, kind"""
    )
    assert rows == [
        ("E700001", "diagnosis 1", "5913000"),
        ("E700001", "diagnosis 2", "386661006"),
        ("E700001", "investigation", "168537006"),
        ("E700002", "diagnosis 1", "44465007"),
        ("E700002", "treatment", "15631002"),
    ]


def test_a_clinical_code_is_judged_by_its_shape_and_named_by_a_list_that_was_loaded(staged: FreshWarehouse) -> None:
    assert staged.rows("select table_name, line_number, rule from ledger.finding") == []
    named = staged.rows(
        """select attendance_id, members.term
           from staging.stg_ecds__attendances as attendances
           join staging.stg_clinical_lists__members as members
               on members.list = 'chief_complaint' and members.code = attendances.chief_complaint_code
               and arrived_on between members.valid_from_on and coalesce(members.valid_until_on, 'infinity')
           where to_char(attendances.period_end, 'YYYY-MM') = %s
           order by attendance_id""",
        MONTHS["dictionary"],
    )
    assert named == [("E700001", "Backache"), ("E700002", "Itching")]


def test_a_walk_in_centre_is_a_department_until_june_2023_and_an_urgent_treatment_centre_goes_on() -> None:
    feed = contracts.load().feed(FEED)
    codes = feed.format.tables["attendances"].codes
    before, after = (codes("department_type", feed.version(feed.period(month))) for month in ("2023-06", "2023-07"))
    assert set(before) - set(after) == {"04"}
    assert "03" in after
