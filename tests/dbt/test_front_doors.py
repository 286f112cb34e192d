"""Contact Cares beside ISAH: what analysts and the Board read of ISAH's March, an April that did not come, and May."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from accepted_deliveries import Row, deliver
from cares import builds
from fresh_warehouse import FreshWarehouse

ADA = "9876543210"
MARCH = ("2019-03", date(2019, 3, 1), date(2019, 3, 31))
MAY = ("2019-05", date(2019, 5, 1), date(2019, 5, 31))
JUNE = ("2019-06", date(2019, 6, 1), date(2019, 6, 30))
YEAR = ("2018-19", date(2018, 4, 1), date(2019, 3, 31))

CONTACT = {
    "adult_or_child": "Adult", "eligible_because": "Both", "channel": "Telephone", "tier": "1", "urgency": "Planned",
    "staff_organisation": "St Helens Council", "contacted_by": "S", "reason": "REQ-I",
}  # fmt: skip
CRISIS = CONTACT | {
    "contact_id": "CC-A", "local_person_id": "A", "nhs_number": ADA, "forename": "Ada", "surname": "Ash",
    "date_of_birth": "28/02/1935", "sex": "F", "tier": "2", "urgency": "Crisis", "received_date": "05/05/2019",
    "received_time": "10:00", "first_response_date": "05/05/2019", "first_response_time": "12:00", "assessed_date": "05/05/2019",
}  # fmt: skip
STAY = {
    "nhs_number": ADA, "local_patient_identifier": "P", "hospital_provider_spell_number": "S", "episode_number": "1",
    "date_of_birth": "1935-02-28", "sex": "2", "person_given_name": "Ada", "person_family_name": "Ash",
    "start_date_hospital_provider_spell": "2019-05-10", "start_date_consultant_episode": "2019-05-10",
    "admission_method_hospital_provider_spell": "21",
}  # fmt: skip


def contacts(service: str, on: str, resolved: int, referred_on: int) -> list[Row]:
    """Contacts of as many people on one day: resolved by telephone, or referred on."""
    outcomes = ["Information and Advice"] * resolved + ["Referred On"] * referred_on
    return [
        CONTACT | {
            "contact_id": f"{service}-{number}", "local_person_id": f"{service}{number}", "forename": f"{service}", "outcome": outcome,
            "date_of_birth": f"{number + 1:02}/01/1950", "received_date": on, "closed_date": on,
        }
        for number, outcome in enumerate(outcomes)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def borough(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """ISAH resolves 8 of 20, Contact Cares 16 of 20. Ada has a crisis in May, goes to hospital, and rings again in June."""
    warehouse = warehouse_of_module
    deliver(warehouse, "council/isah", MARCH, "key", {"contacts": contacts("IS", "04/03/2019", 8, 12)})
    deliver(warehouse, "council/contact_cares", MARCH, "key", {"contacts": []})
    deliver(warehouse, "council/contact_cares", MAY, "key", {
        "contacts": [*contacts("CC", "06/05/2019", 16, 4), CRISIS],
        "onward_referrals": [{
            "onward_referral_id": "OR-1", "contact_id": "CC-A", "referred_date": "05/05/2019",
            "referred_to_organisation": "STHK", "referred_to_service": "Community nursing", "accepted_date": "06/05/2019",
        }],
    })  # fmt: skip
    again = CRISIS | {
        "contact_id": "CC-B",
        "urgency": "Planned",
        "received_date": "04/06/2019",
        "first_response_date": "04/06/2019",
    }
    deliver(warehouse, "council/contact_cares", JUNE, "key", {"contacts": [again]})
    for period, stays in ((MAY, [STAY]), (JUNE, [])):
        deliver(warehouse, "sthk/admitted_patient_care", period, "period", {"episodes": stays})
    deliver(warehouse, "council/childrens_person_file", YEAR, "snapshot", {
        "people": [{"local_person_id": f"C{number}", "date_of_birth": f"{number + 1:02}/05/2008", "sex": "M"} for number in range(20)],
    })  # fmt: skip
    deliver(warehouse, "council/looked_after_children", YEAR, "period", {
        "header": [{"child": f"C{number}", "sex": "1", "dob": f"{number + 1:02}/05/2008"} for number in range(20)],
        "episodes": [{"child": f"C{number}", "decom": "01/02/2017", "rne": "S", "place": "U6"} for number in range(20)],
        "oc2": [
            {"child": f"C{number}", "dob": f"{number + 1:02}/05/2008", "health_assessment": "1" if number < 15 else "0"}
            for number in range(20)
        ],
    })  # fmt: skip
    builds.build()
    return warehouse


def test_the_board_compares_both_front_doors_and_a_month_that_did_not_come_is_no_zero(borough: FreshWarehouse) -> None:
    found = borough.rows(
        """select to_char(month, 'YYYY-MM'), front_door, contacts_as_shown, resolved_percent
           from board.front_door where dimension = 'all' and month between '2019-03-01' and '2019-05-01' order by month, front_door""",
        role="governance",
    )
    assert found == [
        ("2019-03", "Contact Cares", "0", None),
        ("2019-03", "ISAH", "20", Decimal(50)),
        ("2019-04", "Contact Cares", "no data", None),
        ("2019-05", "Contact Cares", "20", Decimal(75)),
    ]


def test_analysts_see_what_became_of_a_crisis(borough: FreshWarehouse) -> None:
    """Two hours are in time; 4 June is the 30th day after 5 May; what nobody told of is null."""
    found = borough.rows(
        """select tier_code, minutes_to_first_response, is_crisis_answered_in_time, has_repeat_within_30_days,
             onward_referrals_arrived, has_unplanned_stay_within_30_days, has_unplanned_stay_within_90_days,
             has_social_care_service_within_30_days
           from insight.front_door_contacts where urgency = 'Crisis'""",
        role="analyst",
    )
    assert found == [("2", 120, True, True, 1, True, None, None)]


def test_health_assessments_are_counted_as_the_council_returned_them_and_the_health_service_told_nothing(
    borough: FreshWarehouse,
) -> None:
    found = borough.rows(
        """select measure, denominator, numerator_as_shown, percent from board.looked_after_health
           where measure in ('health assessment done', 'seen by the health service by the due date') order by measure""",
        role="governance",
    )
    assert found == [
        ("health assessment done", 20, "15", Decimal(75)),
        ("seen by the health service by the due date", None, "no data", None),
    ]
