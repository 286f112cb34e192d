"""The Mental Health Services Data Set: a month of version 5 and one of version 6 are one continuous staging."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cares import builds, contracts
from cares.contracts import Format
from end_to_end.receiving import EXTRACTS, sign_agreement
from formats.examples import accept, receive, stage
from fresh_warehouse import FreshWarehouse

FEED = "north_west_boroughs/mental_health_services"
MONTHS = {"2024-03": "march_2024_version_5", "2024-04": "april_2024_version_6"}


@pytest.fixture(scope="module")
def staged(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """The last month of version 5, the first of version 6, and the first of version 6 once more, with a patient twice."""
    sign_agreement(FEED)
    for period, folder in MONTHS.items():
        accept(FEED, f"mhsds/{folder}", period)
    assert receive(FEED, "mhsds/a_patient_twice", "2024-04").state == "rejected"
    stage()
    builds._run_dbt("run", "--select", "int_mental_health_referral_teams")
    return warehouse_of_module


def findings(staged: FreshWarehouse, rule: str) -> list[tuple[str, int, str]]:
    """Where an accepted delivery breaks a rule: period, line, and what became of it."""
    return staged.rows(
        """select delivery.period, finding.line_number, finding.if_broken
           from ledger.finding join ledger.delivery using (delivery_id)
           where finding.rule = %s and delivery.state = 'accepted' order by 1, 2""",
        rule,
    )


def mhsds() -> Format:
    return contracts.load().formats["mhsds"]


@pytest.mark.parametrize("table", contracts.load().formats["mhsds"].tables)
def test_every_table_that_a_purpose_needs_is_staged(staged: FreshWarehouse, table: str) -> None:
    assert staged.rows(f"select count(*) > 0 from staging.stg_mhsds__{table}") == [(True,)]


def test_a_submission_without_patients_is_rejected_as_the_national_service_does(staged: FreshWarehouse, tmp_path: Path) -> None:
    sent = shutil.copytree(EXTRACTS / "mhsds" / MONTHS["2024-04"], tmp_path / "sent")
    patients = sent / "MHS001MPI.csv"
    patients.write_text(patients.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")

    decision = receive(FEED, sent, "2024-05")

    assert decision.state == "rejected"
    assert "has a header and no rows, and the format has no delivery without rows of this table" in decision.reason


def test_a_referral_goes_on_from_version_5_to_version_6(staged: FreshWarehouse) -> None:
    told = staged.rows(
        """select format_version, local_person_id, received_on::text, referring_organisation_code, discharged_on::text
           from staging.stg_mhsds__referrals where referral_id = 'R3' order by period_end"""
    )
    assert told == [("5", "P3", "2024-01-20", "N83001", None), ("6", "P3", "2024-01-20", "N83001", "2024-04-20")]


def test_renamed_columns_stand_under_one_name(staged: FreshWarehouse) -> None:
    contacts = staged.rows(
        "select format_version, contact_id, team_id, attendance_code from staging.stg_mhsds__care_contacts order by contact_id"
    )
    assert contacts == [
        ("5", "C1", "T10", "5"),
        ("5", "C2", "T20", "5"),
        ("5", "C3", "T30", "3"),
        ("6", "C4", None, "5"),
        ("6", "C5", "T40", "6"),
        ("6", "C6", None, "5"),
    ]
    practices = staged.rows(
        "select gp_practice_code from staging.stg_mhsds__gp_registrations where local_person_id = 'P1' order by period_end"
    )
    assert practices == [("N83001",), ("N83001",)]


def test_the_kind_of_team_comes_from_one_place(staged: FreshWarehouse) -> None:
    teams = staged.rows(
        """select period_end::text, referral_id, team_id, team_type_code from intermediate.int_mental_health_referral_teams
           order by period_end, referral_id, team_id"""
    )
    assert teams == [
        ("2024-03-31", "R1", "T10", "C06"),
        ("2024-03-31", "R2", "T20", "A02"),
        ("2024-03-31", "R3", "T30", "F04"),
        ("2024-04-30", "R1", "T10", "C06"),
        ("2024-04-30", "R1", "T40", "C10"),
        ("2024-04-30", "R2", "T20", "A02"),
        ("2024-04-30", "R3", "T30", "A17"),
    ]


def test_a_delayed_discharge_and_a_patient_ready_for_discharge_say_which_they_are(staged: FreshWarehouse) -> None:
    delays = staged.rows(
        """select measure, spell_id, started_on::text, ended_on::text, delay_reason_code, responsible_council_code
           from staging.stg_mhsds__discharge_delays order by period_end, line_number"""
    )
    assert delays == [
        ("delayed discharge", "S2", "2024-03-01", "2024-03-18", "D1", "E08000013"),
        ("delayed discharge", "S2", "2024-03-19", None, "07", "E08000013"),
        ("clinically ready for discharge", "S2", "2024-04-01", "2024-04-20", "07", "E08000013"),
        ("clinically ready for discharge", "S1", "2024-04-25", None, "D1", "E08000013"),
    ]


def test_a_reason_for_a_delay_is_judged_by_the_version_of_the_delivery(staged: FreshWarehouse) -> None:
    # D1 belongs to version 5 only, and 07 to version 6 only: each is the second row of the other month.
    assert findings(staged, "discharge_delays.ClinReadyforDischDelayReason.one_of") == [
        ("2024-03", 3, "warn"),
        ("2024-04", 3, "warn"),
    ]


def test_a_kind_of_bed_is_judged_by_the_version_of_the_delivery(staged: FreshWarehouse) -> None:
    # 10 belongs to version 5 only, and 200 to version 6 only.
    assert findings(staged, "ward_stays.HospitalBedTypeMH.one_of") == [("2024-03", 3, "warn")]
    assert findings(staged, "ward_stays.MHAdmittedPatientClass.one_of") == [("2024-04", 3, "warn")]


def test_a_contact_of_an_unknown_referral_is_found_and_set_aside(staged: FreshWarehouse) -> None:
    assert findings(staged, "care_contacts.ServiceRequestID.refers_to") == [("2024-04", 5, "set the row aside")]
    assert staged.rows("select count(*) from staging.stg_mhsds__care_contacts where contact_id = 'C7'") == [(0,)]


def test_a_patient_listed_twice_rejects_the_delivery(staged: FreshWarehouse) -> None:
    rejected = staged.rows(
        """select finding.rule, finding.line_number from ledger.finding join ledger.delivery using (delivery_id)
           where delivery.state = 'rejected' and finding.rule = 'mpi.key.unique' order by 2"""
    )
    assert rejected == [("mpi.key.unique", 3), ("mpi.key.unique", 4)]


def test_a_moment_counts_by_its_own_zone_or_else_by_the_clock_on_the_wall(staged: FreshWarehouse) -> None:
    made = staged.rows("select created_at at time zone 'UTC' from staging.stg_mhsds__header order by period_end")
    assert [str(moment) for (moment,) in made] == ["2024-04-10 08:30:00", "2024-05-10 08:30:00"]
    diagnosed = staged.rows(
        """select diagnosed_on::text, diagnosed_at is not null from staging.stg_mhsds__primary_diagnoses
           where referral_id = 'R3' group by 1, 2"""
    )
    assert diagnosed == [("2024-02-01", False)]


def test_a_code_of_a_destination_means_what_mental_health_means_by_it() -> None:
    theirs, ours = contracts.load().formats["apc"].code_lists["discharge_destination"].codes, mhsds().code_lists
    for code in ("40", "42", "55", "56", "89"):
        assert code in ours["discharge_destination"].codes
    for code in ("54", "65", "85"):
        assert code in theirs
        assert code not in ours["discharge_destination"].codes
        assert code not in ours["admission_source"].codes


def test_staff_and_wards_are_counted_and_go_no_further(staged: FreshWarehouse) -> None:
    counted = staged.rows(
        """select table_name, received_rows, not_needed_rows from ledger.delivery_file join ledger.delivery using (delivery_id)
           where not_needed_rows > 0 and state = 'accepted' order by file_id"""
    )
    assert counted == [("mhs901staffdetails", 1, 1), ("mhs903warddetails", 2, 2)]
    assert staged.rows("select to_regclass('landing.mhsds__mhs901staffdetails')") == [(None,)]


def test_62_tables_of_version_5_and_61_of_version_6_are_recognised() -> None:
    assert len(mhsds().recognised("5")) == 62
    assert len(mhsds().recognised("6")) == 61
