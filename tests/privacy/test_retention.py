"""Retention: whoever has not been told of for long enough expires, a hold stops it, and what an ended agreement says goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from typer.testing import CliRunner

from accepted_deliveries import deliver
from cares import builds, erasing, retention
from cares.cli import typer_app
from cares.governance import holds
from cares.retention import Rule, kept_until
from corrected_deliveries import home, member, placement, service, stay
from fresh_warehouse import FreshWarehouse

HOSPITAL, COUNCIL, CHILDREN, HOUSING = (
    "sthk/admitted_patient_care", "council/adult_social_care", "council/looked_after_children", "torus/tenancies",
)  # fmt: skip
LONG_AGO = ("2005-01", date(2005, 1, 1), date(2005, 1, 31))
LONG_AGO_YEAR = ("2004-05", date(2004, 4, 1), date(2005, 3, 31))
LATELY = ("2026-09", date(2026, 9, 1), date(2026, 9, 30))
LATELY_QUARTER = ("2026-Q3", date(2026, 7, 1), date(2026, 9, 30))
WINDOW = (date(2025, 10, 1), date(2026, 9, 30))
TODAY = date(2026, 11, 20)

LONGER = [
    Rule("child", last_told_before_age=18, until_birthday=25),
    Rule("mental health", formats=("mhsds",), years_after_last_told=20),
    Rule("looked after", formats=("ssda903",), until_birthday=75),
]


def until(last_told: date, born: date | None, *formats: str) -> date:
    return kept_until(last_told, born, formats, 8, LONGER, 75)


def test_an_adult_is_kept_for_the_years_of_the_purposes() -> None:
    assert until(date(2019, 3, 31), date(1950, 1, 1), "apc") == date(2027, 3, 31)


def test_a_child_is_kept_until_the_25th_birthday() -> None:
    assert until(date(2019, 3, 31), date(2015, 6, 1), "apc") == date(2040, 6, 1)


def test_a_child_of_17_is_kept_for_8_years_where_that_is_longer() -> None:
    assert until(date(2019, 3, 31), date(2001, 4, 2), "apc") == date(2027, 3, 31)


def test_whom_a_mental_health_service_told_of_is_kept_for_20_years() -> None:
    assert until(date(2019, 3, 31), date(1950, 1, 1), "apc", "mhsds") == date(2039, 3, 31)


def test_whoever_was_looked_after_is_kept_until_the_75th_birthday() -> None:
    assert until(date(2019, 3, 31), date(2010, 2, 3), "ssda903") == date(2085, 2, 3)


def test_whoever_was_looked_after_and_has_no_birth_date_is_kept_as_long_as_anybody() -> None:
    assert until(date(2019, 3, 31), None, "ssda903") == date(2094, 3, 31)


def test_the_rules_of_the_register_are_those_of_these_tests() -> None:
    assert retention.rules() == (LONGER, 75)


@dataclass
class Story:
    warehouse: FreshWarehouse
    due: retention.Due
    acts: list[erasing.Erased]
    records: dict[str, list[str]]
    told: dict[str, str]


@pytest.fixture(scope="module")
def story(warehouse_of_module: FreshWarehouse) -> Iterator[Story]:
    """Told of long ago: H1, H2 (held) and a looked-after child; told of lately: A1 and a household. Then housing leaves."""
    warehouse = warehouse_of_module
    deliver(warehouse, HOSPITAL, LONG_AGO, "period", {"episodes": [
        stay("H1", "S1", "2005-01-02", "2005-01-05"), stay("H2", "S2", "2005-01-03", "2005-01-05", person_family_name="Yew"),
    ]})  # fmt: skip
    deliver(warehouse, CHILDREN, LONG_AGO_YEAR, "key", {
        "episodes": [placement("C1", "01/05/2004")],
        "header": [{"child": "C1", "sex": "1", "dob": "03/02/2000"}],
    })  # fmt: skip
    deliver(warehouse, COUNCIL, LATELY_QUARTER, "window", {"events": [service("A1", "01/07/2026")]}, window=WINDOW)
    deliver(warehouse, HOUSING, LATELY, "snapshot", {"tenancies": [home("T1", "M1")], "household_members": [member("M1", "T1")]})
    builds.build()
    with warehouse.connect() as connection:
        # As our register says; that of the tests keeps everybody.
        connection.execute("update governance.purpose set retention_years = 8")
    told: dict[str, str] = {}
    hold = holds.add("sthk/apc/H2", "an inquiry")
    due = retention.due(TODAY)
    acts = retention.run(TODAY)
    records = {"after": records_of(warehouse)}
    told["still in force"] = str(CliRunner().invoke(typer_app, ["exit", "torus", "--ground", "leaves", "--yes"]).exception)
    end_agreement(warehouse, HOUSING, "delete")
    records["feeds due"] = list(retention.due(TODAY).feeds)
    acts += retention.run(TODAY)
    records["after the end"] = records_of(warehouse)
    end_agreement(warehouse, COUNCIL, "stop")
    end_agreement(warehouse, CHILDREN, "stop")
    run = CliRunner().invoke(typer_app, ["exit", "council", "--ground", "a trial of leaving", "--yes"])
    told["exit"] = run.output + str(run.exception or "")
    records["after the exit"] = records_of(warehouse)
    holds.remove(hold, "the inquiry is over")
    acts += retention.run(TODAY)
    records["after the hold"] = records_of(warehouse)
    yield Story(warehouse, due, acts, records, told)


def records_of(warehouse: FreshWarehouse) -> list[str]:
    return [one for (one,) in warehouse.rows("select person_record_id from person_index.membership order by 1")]


def end_agreement(warehouse: FreshWarehouse, feed: str, on_ending: str) -> None:
    with warehouse.connect() as connection:
        connection.execute(
            "update governance.sharing_agreement set in_force_until = %s, on_ending = %s where feed = %s",
            (date.today() - timedelta(days=1), on_ending, feed),
        )


def test_who_has_not_been_told_of_for_8_years_is_due(story: Story) -> None:
    assert (story.due.persons, story.due.held, story.due.feeds) == (2, 1, ())


def test_the_expired_are_gone_and_a_hold_and_longer_rules_keep_others(story: Story) -> None:
    assert story.records["after"] == ["council/cld/A1", "council/person_file/C1", "sthk/apc/H2", "torus/housing/M1"]


def test_what_expired_may_come_again_with_care_since(story: Story) -> None:
    stones = story.warehouse.rows("select distinct covers_until from governance.tombstone")
    assert stones == [(TODAY,)]


def test_nothing_leaves_while_its_agreements_are_in_force(story: Story) -> None:
    assert "still in force" in story.told["still in force"]


def test_a_feed_whose_agreement_says_delete_goes_once_it_has_ended(story: Story) -> None:
    assert story.records["feeds due"] == [HOUSING]
    assert story.records["after the end"] == ["council/cld/A1", "council/person_file/C1", "sthk/apc/H2"]
    assert story.warehouse.rows("select count(*) from landing.housing__tenancies") == [(0,)]
    assert story.warehouse.rows("select state from ledger.delivery where feed = %s", HOUSING) == [("withdrawn",)]


def test_an_organisation_that_leaves_takes_all_that_it_sent_with_it(story: Story) -> None:
    assert "Certificate" in story.told["exit"]
    assert story.records["after the exit"] == ["sthk/apc/H2"]
    assert story.warehouse.rows("select count(*) from linked_care.social_care_events") == [(0,)]


def test_when_a_hold_is_over_what_has_expired_goes(story: Story) -> None:
    assert story.records["after the hold"] == []


def test_each_act_has_a_certificate_with_counts(story: Story) -> None:
    acts = story.warehouse.rows(
        "select act, (counts ->> 'person records')::int from governance.certificate order by certificate_id"
    )
    assert acts == [("retention", 1), ("retention", 1), ("exit", 2), ("retention", 1)]
    assert all(act.certificate.is_file() for act in story.acts)


def test_the_ledger_adds_up(story: Story) -> None:
    assert story.warehouse.rows(
        "select sum(landed_rows - accepted_rows - set_aside_rows - erased_rows) from ledger.delivery_file"
    ) == [(0,)]
    assert story.warehouse.rows("select sum(erased_rows) = sum(landed_rows) from ledger.delivery_file") == [(True,)]
