"""What did not come is named where analysts read, and is never a zero: one build on 9 May 2019."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from accepted_deliveries import deliver
from cares import builds, promises
from cares.governance import agreements
from fresh_warehouse import FreshWarehouse

JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
FEBRUARY = ("2019-02", date(2019, 2, 1), date(2019, 2, 28))
MARCH = ("2019-03", date(2019, 3, 1), date(2019, 3, 31))
QUARTER = ("2019-Q1", date(2019, 1, 1), date(2019, 3, 31))

STAY = {
    "local_patient_identifier": "P", "hospital_provider_spell_number": "S", "date_of_birth": "1935-02-28", "episode_number": "1",
    "start_date_hospital_provider_spell": "2019-01-05", "start_date_consultant_episode": "2019-01-05",
}  # fmt: skip
MEMBER = {"person_reference": "H", "tenancy_reference": "T", "date_of_birth": "28/02/1935"}
CONTACT = {
    "contact_id": "K", "local_person_id": "D", "date_of_birth": "28/02/1935", "received_date": "05/01/2019", "channel": "Telephone",
}  # fmt: skip
EVENT = {
    "la_person_unique_identifier": "A", "date_of_birth": "28/02/1935", "event_type": "Service", "event_start_date": "10/01/2019",
}  # fmt: skip


@pytest.fixture(scope="module")
def insight(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """The council's quarter has come. The hospital left February out. Torus stopped after February. The person file,
    agreed in March, never came."""
    warehouse = warehouse_of_module
    agreed_on = date(2019, 2, 28)
    agreements.sign(
        agreements.Agreement("TEST", "council/childrens_person_file", ("planning",), agreed_on, agreed_on),
    )
    for period in (JANUARY, MARCH):
        deliver(warehouse, "sthk/admitted_patient_care", period, "period", {"episodes": [STAY] * 10}, accepted_at="2019-04-12")
    for period in (JANUARY, FEBRUARY):
        deliver(warehouse, "torus/tenancies", period, "snapshot", {"household_members": [MEMBER] * 10}, accepted_at="2019-03-05")
    deliver(warehouse, "council/adult_social_care", QUARTER, "window", {"events": [EVENT] * 10},
            window=(date(2018, 4, 1), date(2019, 3, 31)), accepted_at="2019-04-30")  # fmt: skip
    build_id = builds.start_build()
    with warehouse.connect() as connection:
        connection.execute("update ledger.build set as_at = '2019-05-09 12:00' where build_id = %s", (build_id,))
    for layer in builds.LAYERS:
        builds.run_layer(build_id, layer)
        if layer == "person_records":
            builds.update_person_index(build_id)
    builds.publish(build_id)
    return warehouse


def coverage(insight: FreshWarehouse, feed: str) -> list[tuple[Any, ...]]:
    return insight.rows(
        """select period, status, deliveries, received_rows, accepted_rows, set_aside_rows, last_received_on
           from insight.feed_coverage where feed = %s order by period_start""",
        feed,
        role="analyst",
    )


NOTHING = (None, None, None, None, None)


def test_a_period_that_did_not_come_has_a_row_without_counts(insight: FreshWarehouse) -> None:
    assert coverage(insight, "torus/tenancies") == [
        ("2019-01", "arrived", 1, 10, 10, 0, date(2019, 3, 5)),
        ("2019-02", "arrived", 1, 10, 10, 0, date(2019, 3, 5)),
        ("2019-03", "missing", *NOTHING),
        ("2019-04", "late", *NOTHING),
    ]


def test_a_gap_before_a_period_that_came_is_named_and_what_is_in_time_is_due(insight: FreshWarehouse) -> None:
    assert coverage(insight, "sthk/admitted_patient_care") == [
        ("2019-01", "arrived", 1, 10, 10, 0, date(2019, 4, 12)),
        ("2019-02", "missing", *NOTHING),
        ("2019-03", "arrived", 1, 10, 10, 0, date(2019, 4, 12)),
        ("2019-04", "due", *NOTHING),
    ]


def test_no_count_of_what_did_not_come_is_zero(insight: FreshWarehouse) -> None:
    assert insight.rows(
        """select count(*) from insight.feed_coverage
           where status <> 'arrived' and coalesce(deliveries, received_rows, accepted_rows, set_aside_rows) is not null"""
    ) == [(0,)]


def test_each_feed_says_until_when_it_has_data_and_since_when_it_has_none(insight: FreshWarehouse) -> None:
    found = insight.rows(
        """select feed, status, data_until, no_data_since, late_periods, missing_periods, gaps, last_received_on
           from insight.feed_freshness order by feed""",
        role="analyst",
    )
    end_of_march = date(2019, 3, 31)
    assert found == [
        ("council/adult_social_care", "up to date", end_of_march, None, 0, 0, 0, date(2019, 4, 30)),
        ("council/childrens_person_file", "missing", None, date(2019, 3, 1), 0, 1, 0, None),
        ("sthk/admitted_patient_care", "missing", end_of_march, None, 0, 1, 1, date(2019, 4, 12)),
        ("torus/tenancies", "missing", date(2019, 2, 28), date(2019, 3, 1), 1, 1, 0, date(2019, 3, 5)),
    ]


@pytest.mark.parametrize("table", ["insight.hospital_stays", "insight.persons", "linked_care.care_timeline"])
def test_every_published_table_says_which_data_it_lacks(insight: FreshWarehouse, table: str) -> None:
    ((comment,),) = insight.rows("select obj_description(%s::regclass)", table)
    assert comment.endswith(
        "Build 1. No data from council/childrens_person_file since 2019-03-01. "
        "No data from sthk/admitted_patient_care for 1 earlier period. No data from torus/tenancies since 2019-03-01."
    )


def test_the_calendar_of_the_marts_is_that_of_the_promises(insight: FreshWarehouse) -> None:
    """What the check finds for the day of the build, the mart found too."""
    promises.check(date(2019, 5, 9))
    assert (
        insight.rows(
            """select feed, period, promise.status, coverage.status
           from ledger.promise full join insight.feed_coverage as coverage using (feed, period)
           where promise.status is distinct from coverage.status and promise.status <> 'expected'"""
        )
        == []
    )


def test_of_feeds_that_no_agreement_lets_the_board_count_it_reads_no_zero(warehouse: FreshWarehouse) -> None:
    for period in (JANUARY, FEBRUARY, MARCH):
        deliver(warehouse, "sthk/admitted_patient_care", period, "period", {"episodes": [STAY]})
        deliver(warehouse, "council/contact_cares", period, "key", {"contacts": [CONTACT]})
    with warehouse.connect() as connection:
        connection.execute("update governance.sharing_agreement set purposes = '{direct care,planning}'")
    builds.build()
    assert warehouse.rows("select count(*) from linked_care.front_door_contacts") == [(1,)]
    zeros = {}
    for table, column in warehouse.rows(
        """select table_name, column_name from information_schema.columns
           where table_schema = 'board' and data_type in ('bigint', 'integer', 'numeric') and column_name not like 'months_%%'"""
    ):
        if warehouse.rows(f"select 1 from board.{table} where {column} = 0 limit 1"):
            zeros[table] = column
    assert zeros == {}
