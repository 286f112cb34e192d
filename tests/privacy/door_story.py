"""A borough of five people for tests of the door: Ada, Bert and Cora are known to the hospital, two of them to others too.

Ada permitted her record, Bert declined, Cora never decided. Dora came through Contact Cares, which referred her to the
mental health trust, and permitted it; Ewan is known to Torus alone.
"""

from __future__ import annotations

from datetime import date

import psycopg

from accepted_deliveries import deliver
from cares import builds
from cares.governance import permissions, staff
from fresh_warehouse import FreshWarehouse

ADA, BERT, CORA, DORA, EWAN = "9990000018", "9990000026", "9990000034", "9990000042", "9990000050"
NOBODY = "9990000069"
JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
MAY = ("2019-05", date(2019, 5, 1), date(2019, 5, 31))
QUARTER = ("2019-Q1", date(2019, 1, 1), date(2019, 3, 31))
PEOPLE = {
    ADA: ("P1", "Ada", "Ash", "1935-02-28", "WA101AB"),
    BERT: ("P2", "Bert", "Birch", "1941-07-14", "WA93AA"),
    CORA: ("P3", "Cora", "Cedar", "1950-11-30", "WA101AB"),
}
OPENERS = (
    "bridgewater", "council", "gp_practices", "halton", "north_west_boroughs", "sthk", "torus", "merseyside_police",
    "merseyside_fire", "halton_st_helens_vca",
)  # fmt: skip


def tell(warehouse: FreshWarehouse) -> None:
    """Deliver what is known of the five, build, record what they decided, and register one member of staff everywhere."""
    deliver(warehouse, "sthk/admitted_patient_care", JANUARY, "period", {
        "episodes": [{
            "nhs_number": number, "local_patient_identifier": local, "hospital_provider_spell_number": f"S{local}",
            "episode_number": "1", "start_date_hospital_provider_spell": "2019-01-05",
            "start_date_consultant_episode": "2019-01-05", "person_given_name": forename, "person_family_name": surname,
            "date_of_birth": born, "sex": "2", "postcode": postcode,
            **({"patient_usual_address": "1 Ash Lane"} if postcode == "WA101AB" else {}),
        } for number, (local, forename, surname, born, postcode) in PEOPLE.items()],
    })  # fmt: skip
    deliver(warehouse, "council/adult_social_care", QUARTER, "window", {
        "events": [{
            "nhs_number": ADA, "la_person_unique_identifier": "A1", "first_name": "Ada", "last_name": "Ash",
            "date_of_birth": "28/02/1935", "event_type": "Service", "event_start_date": "10/01/2019",
            "service_component": "Reablement",
        }],
    }, window=(date(2018, 4, 1), date(2019, 3, 31)))  # fmt: skip
    deliver(warehouse, "torus/tenancies", JANUARY, "snapshot", {
        "tenancies": [{
            "tenancy_reference": "T1", "postcode": "WA10 1AB", "tenancy_start_date": "01/01/1990", "main_tenant_reference": "H1",
        }],
        "household_members": [{
            "person_reference": "H1", "tenancy_reference": "T1", "forename": "Ewan", "surname": "Elm",
            "date_of_birth": "01/01/1960", "gender": "M", "nhs_number": EWAN,
        }],
    })  # fmt: skip
    deliver(warehouse, "council/contact_cares", MAY, "key", {
        "contacts": [{
            "contact_id": "CC-1", "local_person_id": "C4", "nhs_number": DORA, "forename": "Dora", "surname": "Dogwood",
            "date_of_birth": "01/02/1948", "sex": "F", "address": "4 Den Lane", "postcode": "WA10 4AA", "phone": "01744 000004",
            "adult_or_child": "Adult", "channel": "Telephone", "tier": "1", "urgency": "Planned", "received_date": "05/05/2019",
            "contacted_by": "S", "reason": "REQ-I", "outcome": "Referred On",
        }],
        "onward_referrals": [{
            "onward_referral_id": "OR-1", "contact_id": "CC-1", "referred_date": "05/05/2019",
            "referred_to_organisation": "North West Boroughs", "referred_to_service": "Crisis team",
        }],
    })  # fmt: skip
    with warehouse.connect() as connection:
        connection.execute(
            """insert into governance.sharing_agreement (agreement, feed, purposes, signed_on, in_force_from, on_ending)
               select 'of the tests', feed, '{direct care}', '2018-01-01', '2018-01-01', 'stop' from unnest(%s::text[]) as feed
               on conflict do nothing""",
            (
                [
                    "halton/adult_social_care", "north_west_boroughs/mental_health_services", "gp_practices/summary",
                    "bridgewater/community_services", "merseyside_police/incidents", "merseyside_fire/home_safety_visits",
                    "halton_st_helens_vca/referrals",
                ],
            ),
        )  # fmt: skip
    builds.build()
    for number in (ADA, DORA):
        permissions.record(number, "permitted", "asked at the desk", decided_by="person", capacity="has capacity")
    permissions.record(BERT, "declined", "asked at the desk", decided_by="person", capacity="has capacity")
    for organisation in OPENERS:
        staff.register(organisation, "S1")


def open_as(
    warehouse: FreshWarehouse, organisation: str, nhs_number: str, purpose: str = "direct care", reason: str | None = None
) -> list[tuple[str, dict[str, object]]]:
    """What staff S1 of an organisation is shown, through a real login; the database's error where it is refused."""
    return warehouse.rows(
        "select part, content from record.open(%s, 'S1', %s, %s)", nhs_number, purpose, reason, role=f"staff_{organisation}"
    )


def refused(
    warehouse: FreshWarehouse, organisation: str, nhs_number: str, purpose: str = "direct care", reason: str | None = None
) -> str:
    """Why an opening was refused, in the database's words; it must be refused."""
    try:
        open_as(warehouse, organisation, nhs_number, purpose, reason)
    except psycopg.errors.InsufficientPrivilege as error:
        return error.diag.message_primary
    raise AssertionError("it was not refused")


def written(warehouse: FreshWarehouse, columns: str, last: int = 1) -> list[tuple[object, ...]]:
    """The last rows of the audit, the earliest first."""
    rows = warehouse.rows(f"select {columns} from audit.opening order by number desc limit {last}", role="governance")
    return rows[::-1]
