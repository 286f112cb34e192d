"""The Community Services Data Set: one staging of three dialects and two versions, and every table recognised."""

from __future__ import annotations

import pytest

from cares import contracts
from end_to_end.receiving import sign_agreement
from formats.examples import accept, stage
from fresh_warehouse import FreshWarehouse

COMMUNITY, IV_THERAPY = "bridgewater/community_services", "sthk/iv_therapy"
MONTHS = {
    "2022-12": "version_1_5",
    "2023-01": "intermediate_database",
    "2023-02": "data_dictionary",
    "2023-03": "snake_case",
}


@pytest.fixture(scope="module")
def staged(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """Four months of one provider, a month in each dialect, and a month of IV therapy."""
    sign_agreement(COMMUNITY, IV_THERAPY)
    for period, folder in MONTHS.items():
        accept(COMMUNITY, f"csds/{folder}", period)
    accept(IV_THERAPY, "csds/an_unknown_referral", "2023-01")
    stage()
    return warehouse_of_module


def staged_rows(warehouse: FreshWarehouse, table: str, period: str) -> list[dict[str, object]]:
    """The rows of one month in the staging of a table, without what the delivery adds."""
    with warehouse.connect() as connection:
        cursor = connection.execute(
            f"select * from staging.stg_csds__{table} "
            "where feed = %s and to_char(period_end, 'YYYY-MM') = %s order by line_number",
            (COMMUNITY, period),
        )
        names = [column.name for column in cursor.description]
        of_delivery = names.index("changed_by_build_id") + 1
        return [dict(zip(names[of_delivery:], row[of_delivery:], strict=True)) for row in cursor]


@pytest.mark.parametrize("table", contracts.load().feed(COMMUNITY).format.tables)
def test_each_dialect_of_the_headers_gives_the_same_rows(staged: FreshWarehouse, table: str) -> None:
    as_in_the_intermediate_database = staged_rows(staged, table, "2023-01")
    assert as_in_the_intermediate_database
    assert staged_rows(staged, table, "2023-02") == as_in_the_intermediate_database
    assert staged_rows(staged, table, "2023-03") == as_in_the_intermediate_database


def test_no_column_of_any_dialect_is_left_out(staged: FreshWarehouse) -> None:
    assert staged.rows("select delivery_id, reason from ledger.delivery_event where event = 'columns left out'") == []


def test_attendance_and_mechanism_of_both_versions_stand_in_one_column(staged: FreshWarehouse) -> None:
    contacts = staged.rows(
        "select format_version, contact_id, attendance_code, consultation_mechanism_code from staging.stg_csds__care_contacts "
        "where feed = %s and period_end < '2023-02-01' order by contact_id",
        COMMUNITY,
    )
    assert contacts == [
        ("1.5", "C0", "5", "03"),
        ("1.6", "C1", "5", "01"),
        ("1.6", "C2", "6", "11"),
        ("1.6", "C3", "2", "01"),
        ("1.6", "C4", "5", "01"),
    ]


def test_a_code_that_version_1_6_gave_up_is_a_finding_there_and_not_before(staged: FreshWarehouse) -> None:
    found = staged.rows(
        "select delivery.feed, delivery.period, finding.line_number from ledger.finding join ledger.delivery using (delivery_id) "
        "where rule = 'care_contacts.ConsMechanism.one_of'"
    )
    assert found == [(IV_THERAPY, "2023-01", 2)]


def test_a_contact_of_an_unknown_referral_or_team_is_found_and_kept(staged: FreshWarehouse) -> None:
    found = staged.rows("select rule, line_number from ledger.finding where rule like '%.refers_to' order by rule")
    assert found == [("care_contacts.ServiceRequestID.refers_to", 3), ("care_contacts.TeamID_Local.refers_to", 3)]
    assert staged.rows("select count(*) from staging.stg_csds__care_contacts where referral_id = 'R99'") == [(1,)]


def test_a_local_team_is_known_as_iv_therapy_where_its_feed_says_so(staged: FreshWarehouse) -> None:
    named = (
        "select feed, team_id, local_service from staging.stg_csds__{} "
        "where team_id in ('IV01', 'OTHER') and period_end = '2023-01-31' group by 1, 2, 3 order by 1, 2"
    )
    assert staged.rows(named.format("care_contacts")) == [
        (COMMUNITY, "IV01", None),
        (IV_THERAPY, "IV01", "IV therapy"),
        (IV_THERAPY, "OTHER", None),
    ]
    assert staged.rows(named.format("service_types")) == [
        (COMMUNITY, "IV01", None),
        (IV_THERAPY, "IV01", "IV therapy"),
    ]


def test_a_looked_after_child_is_known_by_the_indicator(staged: FreshWarehouse) -> None:
    children = staged.rows(
        "select local_person_id, is_looked_after from staging.stg_csds__mpi where period_end = '2023-01-31' and feed = %s "
        "order by local_person_id",
        COMMUNITY,
    )
    assert children == [("BW1001", False), ("BW1002", True), ("BW1003", None)]


def test_staff_are_counted_and_go_no_further(staged: FreshWarehouse) -> None:
    counted = staged.rows(
        "select table_name, received_rows, landed_rows, not_needed_rows from ledger.delivery_file "
        "where not_needed_rows is not null group by 1, 2, 3, 4"
    )
    assert counted == [("cyp901staffdetails", 2, 0, 2)]
    assert staged.rows("select to_regclass('landing.csds__cyp901staffdetails')") == [(None,)]


def test_36_tables_of_version_1_5_and_37_of_version_1_6_are_recognised() -> None:
    csds = contracts.load().feed(COMMUNITY).format
    before, after = set(csds.recognised("1.5")), set(csds.recognised("1.6"))
    assert (len(before), len(after)) == (36, 37)
    assert after - before == {"cyp008overseasvisitorchargcat"}
