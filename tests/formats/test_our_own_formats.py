"""Formats of our own, where no national one names people: what arrives, what staging holds of it, and what is refused.

Every example holds one row, or one value, that breaks the rule that matters most in its format.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from cares import contracts
from end_to_end.receiving import sign_agreement
from formats.examples import accept_or_release, broken_rules, stage
from fresh_warehouse import FreshWarehouse

# Feed, folder of examples, period; in the order in which they come.
ARRIVALS = [
    ("council/isah", "contact_cares/march_2019_isah", "2019-03"),
    ("council/contact_cares", "contact_cares/october_2019", "2019-10"),
    ("torus/neighbourhoods", "housing_support/october_2019", "2019-10"),
    ("gp_practices/summary", "gp_summary/october_2019", "2019-10"),
    ("gp_practices/summary", "gp_summary/november_2019_one_practice", "2019-11"),
    ("merseyside_police/incidents", "police_incidents/october_2019", "2019-10"),
    ("merseyside_fire/home_safety_visits", "fire_visits/october_2019", "2019-10"),
    ("halton_st_helens_vca/referrals", "vcse_referrals/october_2019", "2019-10"),
]


@pytest.fixture(scope="module")
def staged(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """All examples received, and the person records made of them."""
    sign_agreement(*{feed for feed, _, _ in ARRIVALS})
    for feed, folder, period in ARRIVALS:
        accept_or_release(feed, folder, period)
    stage("person_records")
    return warehouse_of_module


def findings(warehouse: FreshWarehouse, format: str) -> list[tuple[str, int, str]]:
    """Each broken rule of a format's examples, the line of the file that breaks it, and what became of that."""
    return broken_rules(warehouse, *(feed for feed, folder, _ in ARRIVALS if folder.startswith(format)))


# --- Contact Cares and ISAH


def test_a_crisis_is_answered_within_two_hours_of_the_clock_that_the_night_had(staged: FreshWarehouse) -> None:
    took = dict(
        staged.rows(
            "select contact_id, first_responded_at - received_at from staging.stg_contact_cares__contacts where urgency = 'Crisis'"
        )
    )
    assert took["CC-1"] == timedelta(hours=1)  # from 01:30 to 01:30, when the clocks went back
    assert took["CC-2"] == timedelta(hours=2, minutes=30)  # from 00:30 to 02:00, and too late
    assert took["IS-1"] == timedelta(hours=1, minutes=15)  # from 00:30 to 02:45, when the clocks went forward


def test_a_response_before_the_contact_is_not_measured_and_the_contact_counts(staged: FreshWarehouse) -> None:
    assert findings(staged, "contact_cares") == [
        ("contacts.First Response Date.not_before", 4, "set the value aside"),
        ("onward_referrals.Contact ID.refers_to", 4, "warn"),
    ]
    assert staged.rows(
        "select received_on::text, first_responded_on, first_responded_at, outcome "
        "from staging.stg_contact_cares__contacts where contact_id = 'CC-3'"
    ) == [("2019-10-05", None, None, "Information and Advice")]


def test_a_contact_about_nobody_named_counts_and_describes_nobody(staged: FreshWarehouse) -> None:
    assert staged.rows(
        "select adult_or_child, tier_code, requester_code from staging.stg_contact_cares__contacts where local_person_id is null"
    ) == [("Child", "1", "ANON")]
    assert staged.rows(
        "select referred_to_service, accepted_on::text from staging.stg_contact_cares__onward_referrals where contact_id = 'CC-4'"
    ) == [("Children's social care", "2019-10-14")]


def test_who_came_through_isah_and_through_contact_cares_is_one_person_record(staged: FreshWarehouse) -> None:
    assert staged.rows(
        "select nhs_number, forename, surname from intermediate.int_person_records where person_record_id = 'council/contact_cares/P-11'"
    ) == [("9990001413", "Agnes", "Alder")]


# --- Torus


def test_an_alert_with_a_code_that_nobody_knows_is_shown_to_nobody(staged: FreshWarehouse) -> None:
    assert ("alerts.Alert Code.one_of", 4, "set the row aside") in findings(staged, "housing_support")
    assert staged.rows(
        "select local_person_id, alert_code, ended_on::text from staging.stg_housing_support__alerts order by 1"
    ) == [
        ("T0000001", "20-60", None),
        ("T0000002", "10", "2019-09-01"),
    ]


def test_the_sum_of_arrears_goes_no_further_than_landing(staged: FreshWarehouse) -> None:
    assert ("arrears.Arrears Band.one_of", 3, "set the value aside") in findings(staged, "housing_support")
    for arrears in ("accepted.housing_support__arrears", "staging.stg_housing_support__arrears"):
        assert staged.rows(f"select tenancy_reference, arrears_band from {arrears} order by 1") == [
            ("TEN-1", "None"),
            ("TEN-2", None),
        ]


def test_damp_in_a_home_is_found_by_the_number_of_its_property(staged: FreshWarehouse) -> None:
    assert staged.rows(
        """select repairs.tenancy_reference, repairs.reported_on::text, adaptations.adaptation_type
           from staging.stg_housing_support__repairs as repairs
           inner join staging.stg_housing_support__adaptations as adaptations on adaptations.uprn = repairs.uprn
           where repairs.has_damp_or_mould and repairs.completed_on is null"""
    ) == [("TEN-1", "2019-10-02", "Level Access Shower")]


def test_an_accusation_is_held_against_a_home_and_never_against_a_person() -> None:
    cases = contracts.load().formats["housing_support"].tables["anti_social_behaviour"]
    assert not [header for header in cases.file.columns if "Person" in header or "Name" in header]


# --- GP practices


def test_an_appointment_of_somebody_who_is_not_registered_is_set_aside(staged: FreshWarehouse) -> None:
    assert ("appointments.Patient ID.refers_to", 4, "set the row aside") in findings(staged, "gp_summary")
    assert staged.rows(
        "select local_person_id, appointment_on::text, appointment_at is null from staging.stg_gp_summary__appointments order by 1"
    ) == [("N83901/101", "2019-10-08", False), ("N83902/101", "2019-10-09", True)]


def test_a_practice_that_did_not_sign_sends_nothing(staged: FreshWarehouse) -> None:
    assert ("registrations.Practice Code.refers_to", 5, "set the row aside") in findings(staged, "gp_summary")
    assert staged.rows("select distinct gp_practice_code from staging.stg_gp_summary__registrations order by 1") == [
        ("N83901",),
        ("N83902",),
    ]


def test_patients_of_two_practices_with_one_number_are_two_people(staged: FreshWarehouse) -> None:
    assert staged.rows(
        "select local_person_id, surname from intermediate.int_person_records where source = 'gp_summary' order by 1"
    ) == [("N83901/101", "Alder"), ("N83901/102", "Birch"), ("N83902/101", "Cedar")]


def test_a_type_1_code_that_nobody_knows_is_kept_so_that_it_can_be_taken_for_an_opt_out(staged: FreshWarehouse) -> None:
    assert ("registrations.Type 1 Opt-out Code.one_of", 4, "warn") in findings(staged, "gp_summary")
    assert staged.rows(
        """select local_person_id, type_1_opt_out_code, type_1_opt_out_on::text from staging.stg_gp_summary__registrations
           where period_end = '2019-10-31' and type_1_opt_out_code is not null order by 1"""
    ) == [("N83901/101", "XaZ89", "2018-05-14"), ("N83902/101", "9Nu?", "2019-02-02")]


def test_a_practice_that_sends_alone_replaces_its_own_rows_only(staged: FreshWarehouse) -> None:
    assert staged.rows(
        """select local_person_id, deregistered_on::text, superseded_at is null from staging.stg_gp_summary__registrations
           order by local_person_id, period_end"""
    ) == [
        ("N83901/101", None, True),
        ("N83901/102", None, True),
        ("N83902/101", None, False),
        ("N83902/101", "2019-11-15", True),
    ]
    assert staged.rows(
        "select term, is_deleted from staging.stg_gp_summary__problems where superseded_at is null order by 1"
    ) == [
        ("Asthma", True),
        ("Osteoarthritis", False),
    ]


def test_a_result_that_is_no_number_is_told_in_words(staged: FreshWarehouse) -> None:
    assert staged.rows("select value::text, unit, value_in_words from staging.stg_gp_summary__results order by result_id") == [
        ("88.5", "umol/L", None),
        (None, "mL/min", ">90"),
    ]


# --- police


def test_somebody_whose_part_in_an_incident_is_not_certain_is_set_aside(staged: FreshWarehouse) -> None:
    assert findings(staged, "police_incidents") == [("people.Role.one_of", 3, "set the row aside")]
    assert staged.rows(
        """select local_person_id, role, category, occurred_at at time zone 'UTC' = '2019-10-27 00:30', has_marac_referral
           from staging.stg_police_incidents__people inner join staging.stg_police_incidents__incidents using (incident_reference)
           order by 1"""
    ) == [("M-501", "Victim", "Domestic incident", True, True), ("M-503", "At Risk", "Missing person", False, False)]


def test_nothing_from_the_police_serves_direct_care() -> None:
    tables = contracts.load().formats["police_incidents"].tables.values()
    assert not [header for table in tables for header, column in table.file.columns.items() if "direct care" in column.needed_for]


# --- fire


def test_a_visit_counts_although_nobody_agreed_to_be_named(staged: FreshWarehouse) -> None:
    assert staged.rows(
        "select visit_reference, local_person_id, uprn, outcome from staging.stg_fire_visits__visits order by 1"
    ) == [("V-1", "F-31", "39012345678", "Completed"), ("V-2", None, "39012345679", "No Answer")]
    assert staged.rows("select local_person_id from intermediate.int_person_records where source = 'fire_visits'") == [("F-31",)]


def test_what_makes_a_home_vulnerable_is_told_by_words_that_are_agreed(staged: FreshWarehouse) -> None:
    assert findings(staged, "fire_visits") == [("vulnerabilities.Vulnerability.one_of", 4, "set the row aside")]
    assert staged.rows("select vulnerability from staging.stg_fire_visits__vulnerabilities order by 1") == [
        ("Medical Oxygen",),
        ("Smoking",),
    ]
    assert staged.rows("select action, quantity from staging.stg_fire_visits__actions order by 1") == [
        ("Escape Plan", None),
        ("Smoke Alarm", 2),
    ]


# --- voluntary sector


def test_a_first_contact_before_the_referral_is_not_measured_and_the_referral_counts(staged: FreshWarehouse) -> None:
    assert findings(staged, "vcse_referrals") == [("referrals.First Contact Date.not_before", 3, "set the value aside")]
    assert staged.rows(
        "select service_id, first_contact_on::text, is_social_prescribing from staging.stg_vcse_referrals__referrals order by referral_id"
    ) == [("befriending-1", "2019-10-08", True), ("money-advice-2", None, False)]
