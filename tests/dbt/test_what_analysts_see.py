"""Whatever an organisation writes into a column, an analyst sees known codes, our own words, months, bands and counts."""

from __future__ import annotations

from datetime import date

import pytest

from accepted_deliveries import Row, columns, deliver
from cares import builds, contracts
from fresh_warehouse import FreshWarehouse

JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
FEBRUARY = ("2019-02", date(2019, 2, 1), date(2019, 2, 28))
QUARTER = ("2019-Q1", date(2019, 1, 1), date(2019, 3, 31))
YEAR = ("2018-19", date(2018, 4, 1), date(2019, 3, 31))
BAD = "Mrs Zebra, ring 07700 900123"
NOT_KNOWN = "not a known code"

EVENT = {
    "la_person_unique_identifier": "A", "date_of_birth": "28/02/1935", "event_type": "Service", "event_start_date": "10/01/2019",
    "client_type": "Service user", "primary_support_reason": "Physical Support: Personal care support",
}  # fmt: skip
STAY = {
    "local_patient_identifier": "P", "hospital_provider_spell_number": "S", "date_of_birth": "1935-02-28", "episode_number": "1",
    "start_date_hospital_provider_spell": "2019-01-05", "admission_method_hospital_provider_spell": "21",
    "discharge_date_from_hospital_provider_spell": "2019-01-09", "discharge_method_hospital_provider_spell": "1",
    "patient_classification": "1", "treatment_function_code": "300", "start_date_consultant_episode": "2019-01-05",
}  # fmt: skip
TENANCY = {"tenancy_reference": "T", "tenancy_start_date": "01/01/1990", "main_tenant_reference": "H"}
MEMBER = {"person_reference": "H", "tenancy_reference": "T", "date_of_birth": "28/02/1935"}
PERSON = {"local_person_id": "C", "date_of_birth": "01/05/2010", "sex": "M"}
LOOKED_AFTER = {
    "header": {"child": "C", "sex": "1", "dob": "01/05/2010"},
    "episodes": {"child": "C", "decom": "01/02/2019", "place": "U6"},
}
CONTACT = {
    "contact_id": "K", "local_person_id": "D", "date_of_birth": "28/02/1935", "adult_or_child": "Adult", "eligible_because": "Both",
    "channel": "Telephone", "tier": "1", "urgency": "Planned", "staff_organisation": "STHK", "received_date": "05/01/2019",
    "contacted_by": "S", "reason": "REQ-I", "outcome": "Other",
}  # fmt: skip
CODED = {
    "care_timeline": {"provider_code", "accountable_code"},
    "front_door_contacts": {
        "channel", "tier_code", "urgency", "staff_organisation", "requester_code", "reason_code", "outcome", "adult_or_child",
        "eligible_because",
    },
    "hospital_stays": {"discharge_method_code", "patient_classification_code", "treatment_function_code"},
    "social_care_events": {
        "client_type", "primary_support_reason", "route_of_access", "assessment_type", "service_type", "service_component",
        "delivery_mechanism", "outcome",
    },
}  # fmt: skip
# Words that we choose: names of feeds and organisations in the contracts, and what our own `case` expressions say.
OUR_WORDS = {
    "pseudonym", "organisation", "feed", "period", "status", "kind", "admission_kind", "age_band", "sex_code",
    "primary_diagnosis_chapter", "front_door", "service", "cohort",
}  # fmt: skip


@pytest.fixture(scope="module")
def insight(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """Of each table a good row, and for each of its columns the same row with something written there that is no code."""
    warehouse = warehouse_of_module

    def spoilt(view: str, good: Row, own: tuple[str, ...]) -> list[Row]:
        rows = [good] + [good | {column: BAD} for column in columns(warehouse, view)]
        # Each row tells of somebody else, so that none replaces or hides another.
        return [
            {column: f"{value}{number}" if column in own and value != BAD else value for column, value in row.items()}
            for number, row in enumerate(rows)
        ]

    deliver(warehouse, "council/adult_social_care", QUARTER, "window", {
        "events": spoilt("cld__events", EVENT, ("la_person_unique_identifier",)),
    }, window=(date(2018, 4, 1), date(2019, 3, 31)))  # fmt: skip
    deliver(warehouse, "sthk/admitted_patient_care", JANUARY, "period", {
        "episodes": spoilt("apc__episodes", STAY, ("local_patient_identifier", "hospital_provider_spell_number")),
    })  # fmt: skip
    deliver(warehouse, "torus/tenancies", JANUARY, "snapshot", {
        "tenancies": spoilt("housing__tenancies", TENANCY, ("tenancy_reference", "main_tenant_reference")),
        "household_members": spoilt("housing__household_members", MEMBER, ("person_reference", "tenancy_reference")),
    })  # fmt: skip
    deliver(warehouse, "council/childrens_person_file", JANUARY, "snapshot", {
        "people": spoilt("person_file__people", PERSON, ("local_person_id",)),
    })  # fmt: skip
    deliver(warehouse, "council/looked_after_children", YEAR, "period", {
        table: spoilt(f"ssda903__{table}", good, ("child",)) for table, good in LOOKED_AFTER.items()
    })  # fmt: skip
    deliver(warehouse, "council/contact_cares", JANUARY, "key", {
        "contacts": spoilt("contact_cares__contacts", CONTACT, ("contact_id", "local_person_id")),
    })  # fmt: skip
    deliver(warehouse, "sthk/admitted_patient_care", FEBRUARY, "period", {"episodes": [STAY] * 20}, accepted_at="2020-08-01")
    deliver(warehouse, "sthk/admitted_patient_care", FEBRUARY, "period", {"episodes": [STAY] * 12}, accepted_at="2020-08-02")
    deliver(warehouse, "council/childrens_person_file", FEBRUARY, "snapshot", {"people": [PERSON] * 7})
    builds.build()
    return warehouse


def text_columns(warehouse: FreshWarehouse) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, column in warehouse.rows(
        """select table_name, column_name from information_schema.columns
           where table_schema = 'insight' and data_type not in ('date', 'boolean', 'integer', 'bigint', 'numeric')""",
        role="analyst",
    ):
        found.setdefault(table, set()).add(column)
    return found


def test_what_stands_in_no_code_list_is_seen_by_no_analyst(insight: FreshWarehouse) -> None:
    for table, names in text_columns(insight).items():
        for column in names:
            values = {value for (value,) in insight.rows(f"select distinct {column} from insight.{table}", role="analyst")}
            leaked = {value for value in values if value and ("ZEBRA" in value.upper() or "900123" in value)}
            assert not leaked, f"insight.{table}.{column}"


@pytest.mark.parametrize(("table", "column"), [(table, column) for table in CODED for column in sorted(CODED[table])])
def test_a_coded_column_says_that_a_code_is_not_known(insight: FreshWarehouse, table: str, column: str) -> None:
    assert insight.rows(f"select count(*) from insight.{table} where {column} = %s", NOT_KNOWN, role="analyst") == [(1,)]


def test_a_text_column_that_is_neither_coded_nor_our_own_words_does_not_go_to_insight(insight: FreshWarehouse) -> None:
    neither = {table: names - CODED.get(table, set()) - OUR_WORDS for table, names in text_columns(insight).items()}
    assert {table: names for table, names in neither.items() if names} == {}


def test_a_known_code_is_shown(insight: FreshWarehouse) -> None:
    lists = contracts.load().formats["cld"].code_lists
    assert EVENT["primary_support_reason"] in lists["primary_support_reason"].codes
    shown = insight.rows("select client_type, primary_support_reason, count(*) > 9 from insight.social_care_events group by 1, 2")
    assert (EVENT["client_type"], EVENT["primary_support_reason"], True) in shown


def test_coverage_counts_what_is_in_force_for_the_period_and_hides_small_numbers(insight: FreshWarehouse) -> None:
    coverage = insight.rows(
        """select feed, deliveries, received_rows, accepted_rows, set_aside_rows from insight.feed_coverage
           where period = '2019-02' and status = 'arrived' order by feed""",
        role="analyst",
    )
    assert coverage == [("council/childrens_person_file", 1, None, None, 0), ("sthk/admitted_patient_care", 1, 10, 10, 0)]
