"""Type 1 opt-outs: what a GP practice sent of somebody serves their own care only; what others sent stays.

Ada opted out, Ben took that back, Cal's code is known to nobody, Dot's new practice says that she took it back, and Eve never
said anything. The hospital knows Ada, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from accepted_deliveries import deliver
from cares import builds
from cares.governance import opt_outs, purposes
from fresh_warehouse import OUR_REGISTER, FreshWarehouse

MARCH = ("2019-03", date(2019, 3, 1), date(2019, 3, 31))
APRIL = ("2019-04", date(2019, 4, 1), date(2019, 4, 30))
PRACTICE, OTHER = "N83001", "N83002"
NUMBERS = {"Ada": "9990000018", "Ben": "9990000026", "Cal": "9990000034", "Dot": "9990000042", "Eve": "9990000050"}
GP, HOSPITAL = "gp_practices", "sthk"


def registration(name: str, code: str, on: str, practice: str = PRACTICE) -> dict[str, str]:
    born = f"{10 + list(NUMBERS).index(name)}/02/1950"
    return {
        "practice_code": practice, "patient_id": name, "nhs_number": NUMBERS[name], "forename": name, "surname": f"{name}son",
        "date_of_birth": born, "sex": "F", "postcode": "WA10 1AB", "registered_from": "01/01/2000",
        "type_1_opt_out_code": code, "type_1_opt_out_date": on, "deleted": "N",
    }  # fmt: skip


def send(warehouse: FreshWarehouse, period: tuple[str, date, date], registrations: list[dict[str, str]]) -> None:
    of_patients = [(row["practice_code"], row["patient_id"]) for row in registrations]
    deliver(warehouse, "gp_practices/summary", period, "key", {
        "registrations": registrations,
        "appointments": [
            {
                "practice_code": practice, "appointment_id": f"A{patient}", "patient_id": patient, "status": "Attended",
                "appointment_date": "04/03/2019", "appointment_time": "09:10", "mode": "Telephone", "professional": "GP",
            }
            for practice, patient in of_patients
        ] + [
            {
                "practice_code": PRACTICE, "appointment_id": "A9", "patient_id": "Eve", "status": "Did Not Attend",
                "appointment_date": "05/03/2019",
            }
        ],
        "problems": [
            {
                "practice_code": practice, "problem_id": f"P{patient}", "patient_id": patient, "code": "38341003",
                "code_system": "SNOMED CT", "term": "Hypertension", "onset_date": "01/05/2010",
            }
            for practice, patient in of_patients
        ] + [
            {
                "practice_code": PRACTICE, "problem_id": "P9", "patient_id": "Eve", "code": "38341003", "term": "Hypertension",
                "onset_date": "01/05/2010", "deleted": "Y",
            }
        ],
        "medication": [
            {
                "practice_code": practice, "medication_id": f"M{patient}", "patient_id": patient, "code": "39732311000001104",
                "term": "Amlodipine", "started_date": "02/05/2010",
            }
            for practice, patient in of_patients
        ],
    })  # fmt: skip


@pytest.fixture(scope="module")
def built(warehouse_of_module: FreshWarehouse) -> Iterator[FreshWarehouse]:
    """All five with their practices, and Ada in hospital; everybody may be used as far as the national data opt-out goes."""
    register, purposes.REGISTER = purposes.REGISTER, OUR_REGISTER
    warehouse = warehouse_of_module
    send(
        warehouse,
        MARCH,
        [
            registration("Ada", "9Nu0.", "01/02/2018"),
            registration("Ben", "9Nu1.", "01/02/2019"),
            registration("Cal", "9Nu0?", ""),
            registration("Dot", "827241000000103", "01/02/2016"),
            registration("Dot", "827261000000102", "01/02/2019", OTHER),
            registration("Eve", "", ""),
        ],
    )
    deliver(warehouse, "sthk/admitted_patient_care", MARCH, "period", {
        "episodes": [{
            "nhs_number": NUMBERS["Ada"], "local_patient_identifier": "P1", "hospital_provider_spell_number": "S1",
            "episode_number": "1", "start_date_hospital_provider_spell": "2019-03-05",
            "start_date_consultant_episode": "2019-03-05", "person_given_name": "Ada", "person_family_name": "Adason",
            "date_of_birth": "1950-02-10", "sex": "2", "postcode": "WA10 1AB",
        }],
    })  # fmt: skip
    answers = [{"nhs_number": number} for number in NUMBERS.values()]
    this_month = ("this", date.today(), date.today())
    delivery_id = deliver(warehouse, "nhs_england/national_data_opt_outs", this_month, "snapshot", {"numbers": answers})
    with warehouse.connect() as connection:
        connection.execute("update ledger.delivery set received_at = now() where delivery_id = %s", (delivery_id,))
    try:
        builds.build()
        yield warehouse
    finally:
        purposes.REGISTER = register


def shown(warehouse: FreshWarehouse) -> dict[str, set[tuple[str, str]]]:
    """What analysts see of each: contributing organisation and kind of care."""
    rows = warehouse.rows(
        """select split_part(person_record_id, '/', 4), timeline.organisation, kind
           from insight.care_timeline as timeline
           inner join governance.pseudonym using (pseudonym)
           inner join person_index.membership using (person_id)
           where valid_to is null and person_record_id like 'gp_practices/gp_summary/%%'"""
    )
    found: dict[str, set[tuple[str, str]]] = {}
    for name, organisation, kind in rows:
        found.setdefault(name, set()).add((organisation, kind))
    return found


OF_A_PRACTICE = {(GP, "GP appointment"), (GP, "GP problem"), (GP, "GP medication")}


def test_what_practices_tell_is_care(built: FreshWarehouse) -> None:
    told = built.rows(
        """select kind, detail, started_on, started_at is not null from linked_care.care_timeline as timeline
           inner join person_index.membership using (person_id)
           where valid_to is null and person_record_id = 'gp_practices/gp_summary/N83001/Eve' order by kind"""
    )
    assert told == [
        ("GP appointment", "GP, Telephone, Attended", date(2019, 3, 4), True),
        ("GP medication", "Amlodipine", date(2010, 5, 2), False),
        ("GP problem", "Hypertension", date(2010, 5, 1), False),
    ]


def test_what_was_taken_back_or_never_came_about_is_accounted_for(built: FreshWarehouse) -> None:
    outcomes = built.rows(
        """select outcome, rows from linked_care.rows_accounted_for
           where staging_table in ('stg_gp_summary__appointments', 'stg_gp_summary__problems') and not is_in_a_mart
           order by outcome"""
    )
    assert outcomes == [("did not come about", 1), ("taken back by the practice", 1)]


def test_an_opt_out_takes_away_what_the_practice_sent_and_leaves_what_the_hospital_sent(built: FreshWarehouse) -> None:
    assert shown(built)["Ada"] == {(HOSPITAL, "hospital stay")}


def test_a_code_that_nobody_knows_counts_as_an_opt_out(built: FreshWarehouse) -> None:
    assert "Cal" not in shown(built)


def test_an_opt_out_that_was_taken_back_counts_no_more_also_where_another_practice_recorded_that(built: FreshWarehouse) -> None:
    assert shown(built)["Ben"] == OF_A_PRACTICE
    assert shown(built)["Dot"] == OF_A_PRACTICE


def test_whoever_never_said_anything_is_shown(built: FreshWarehouse) -> None:
    assert shown(built)["Eve"] == OF_A_PRACTICE


def test_the_persons_own_care_and_the_boards_figures_know_no_type_1_opt_out(built: FreshWarehouse) -> None:
    own = built.rows(
        """select count(*) from linked_care.care_timeline inner join person_index.membership using (person_id)
           where valid_to is null and person_record_id = 'gp_practices/gp_summary/N83001/Ada'"""
    )
    assert own == [(4,)]
    assert opt_outs.status().type_1 == 2


def test_every_code_of_the_contract_is_an_opt_out_or_takes_one_back() -> None:
    assert sorted(opt_outs.withdrawals()) == ["827261000000102", "9Nu1", "9Nu1.", "XaZ8A"]


def test_a_later_word_of_the_practice_changes_it_with_the_next_build(built: FreshWarehouse) -> None:
    send(built, APRIL, [registration("Ada", "9Nu1.", "02/04/2019"), registration("Eve", "9Nu0.", "02/04/2019")])
    builds.build()
    after = shown(built)
    assert after["Ada"] == OF_A_PRACTICE | {(HOSPITAL, "hospital stay")}
    assert "Eve" not in after
