"""A sharing agreement decides what is taken, held and shown, from its first day to its last, and what becomes of the data then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from accepted_deliveries import deliver
from cares import builds, deliveries
from cares.cli import typer_app
from cares.deliveries import DeliveryRefused
from cares.governance import agreements, partnership, permissions
from cares.governance.agreements import Agreement, AgreementError
from end_to_end.receiving import AS_PROMISED, deliver_tenancies
from fresh_warehouse import FreshWarehouse

TODAY = date.today()
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
HOSPITAL, COUNCIL, HOUSING = "sthk/admitted_patient_care", "council/adult_social_care", "torus/tenancies"
ALL = ("direct care", "planning", "board reporting")
JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
QUARTER = ("2019-Q1", date(2019, 1, 1), date(2019, 3, 31))
# As `accepted_deliveries.deliver` signs.
OF_THE_TESTS = Agreement("of the tests", HOSPITAL, ALL, date(2018, 1, 1), date(2018, 1, 1))
KINDS = "select kind from insight.care_timeline order by kind"
PERSONS = "select count(*) from insight.persons"


@pytest.fixture(scope="module")
def shown(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """Ada stands in hospital and council, Ben in hospital only, and analysts see both."""
    hospital = {
        "hospital_provider_spell_number": "S1", "episode_number": "1", "start_date_hospital_provider_spell": "2019-01-05",
        "start_date_consultant_episode": "2019-01-05", "sex": "2", "postcode": "WA101AB",
    }  # fmt: skip
    deliver(warehouse_of_module, HOSPITAL, JANUARY, "period", {
        "episodes": [
            hospital | {"nhs_number": "9990000018", "local_patient_identifier": "P1", "person_given_name": "Ada",
                        "person_family_name": "Ash", "date_of_birth": "1935-02-28"},
            hospital | {"nhs_number": "9990000026", "local_patient_identifier": "P2", "person_given_name": "Ben",
                        "person_family_name": "Box", "date_of_birth": "1940-05-01", "hospital_provider_spell_number": "S2"},
        ],
    })  # fmt: skip
    deliver(warehouse_of_module, COUNCIL, QUARTER, "window", {
        "events": [{
            "nhs_number": "9990000018", "la_person_unique_identifier": "A1", "first_name": "Ada", "last_name": "Ash",
            "date_of_birth": "28/02/1935", "event_type": "Service", "event_start_date": "10/01/2019", "service_component": "Reablement",
        }],
    }, window=(date(2018, 4, 1), date(2019, 3, 31)))  # fmt: skip
    builds.build()
    return warehouse_of_module


@pytest.fixture
def stands_as(shown: FreshWarehouse) -> Iterator[Callable[..., None]]:
    """Lets the hospital's agreement stand otherwise during a test."""

    def change(**how: object) -> None:
        agreements.sign(replace(OF_THE_TESTS, **how))  # type: ignore[arg-type]

    yield change
    agreements.sign(OF_THE_TESTS)


def kinds(warehouse: FreshWarehouse) -> list[str]:
    return [kind for (kind,) in warehouse.rows(KINDS, role="analyst")]


# --- what is taken


def test_not_signed_nothing_is_taken(warehouse: FreshWarehouse) -> None:
    with pytest.raises(DeliveryRefused, match="no sharing agreement that covers this feed is signed and in force"):
        deliver_tenancies("as_promised")
    assert warehouse.rows("select count(*) from ledger.delivery") == [(0,)]


def test_signed_from_tomorrow_it_is_held_until_then(warehouse: FreshWarehouse) -> None:
    tomorrow = Agreement("Schedule 4", HOUSING, ALL, TODAY, TOMORROW)
    agreements.sign(tomorrow)
    held = deliver_tenancies("as_promised")
    assert (held.state, held.reason) == (
        "held",
        f"the sharing agreement is signed and comes into force on {TOMORROW}; held until then",
    )
    agreements.sign(replace(tomorrow, in_force_from=TODAY))
    assert deliveries.decide(held.delivery_id).state == "accepted"


def test_ended_nothing_more_is_taken(warehouse: FreshWarehouse) -> None:
    agreements.sign(Agreement("Schedule 4", HOUSING, ALL, date(2018, 1, 1), date(2018, 1, 1), YESTERDAY))
    with pytest.raises(DeliveryRefused):
        deliveries.receive(HOUSING, AS_PROMISED, "2019-03")


# --- what is shown


def test_in_force_its_rows_are_shown(shown: FreshWarehouse) -> None:
    assert kinds(shown) == ["hospital stay", "hospital stay", "social care service"]
    assert shown.rows(PERSONS, role="analyst") == [(2,)]


def test_ended_with_stop_its_rows_are_gone_at_once_and_others_stay(shown: FreshWarehouse, stands_as: Callable[..., None]) -> None:
    stands_as(in_force_until=YESTERDAY)
    assert kinds(shown) == ["social care service"]


def test_who_is_known_by_that_feed_only_is_no_longer_shown_either(shown: FreshWarehouse, stands_as: Callable[..., None]) -> None:
    stands_as(in_force_until=YESTERDAY)
    assert shown.rows(PERSONS, role="analyst") == [(1,)]


def test_on_its_last_day_it_is_still_in_force(shown: FreshWarehouse, stands_as: Callable[..., None]) -> None:
    stands_as(in_force_until=TODAY)
    assert len(kinds(shown)) == 3


def test_kept_until_a_day_that_has_not_passed_its_rows_are_shown(shown: FreshWarehouse, stands_as: Callable[..., None]) -> None:
    stands_as(in_force_until=YESTERDAY, on_ending="keep until", kept_until=TODAY)
    assert len(kinds(shown)) == 3
    assert shown.rows("select feed from governance.feed_to_delete") == []


def test_kept_until_a_day_that_has_passed_its_rows_are_gone_and_to_be_deleted(
    shown: FreshWarehouse, stands_as: Callable[..., None]
) -> None:
    stands_as(in_force_until=YESTERDAY - timedelta(days=3), on_ending="keep until", kept_until=YESTERDAY)
    assert kinds(shown) == ["social care service"]
    assert shown.rows("select feed, since from governance.feed_to_delete") == [(HOSPITAL, YESTERDAY)]


def test_ended_with_delete_its_rows_are_gone_at_once_and_to_be_deleted(
    shown: FreshWarehouse, stands_as: Callable[..., None]
) -> None:
    stands_as(in_force_until=YESTERDAY, on_ending="delete")
    assert kinds(shown) == ["social care service"]
    assert shown.rows("select feed from governance.feed_to_delete") == [(HOSPITAL,)]


def test_what_another_agreement_without_an_end_still_covers_is_not_deleted(
    shown: FreshWarehouse, stands_as: Callable[..., None]
) -> None:
    with as_it_was(OF_THE_TESTS):
        stands_as(in_force_until=YESTERDAY, on_ending="delete")
        agreements.sign(replace(OF_THE_TESTS, agreement="Schedule 17"))
        assert len(kinds(shown)) == 3
        assert shown.rows("select feed from governance.feed_to_delete") == []


def test_for_a_purpose_that_it_does_not_name_nothing_is_shown(shown: FreshWarehouse, stands_as: Callable[..., None]) -> None:
    stands_as(purposes=("direct care", "board reporting"))
    assert kinds(shown) == ["social care service"]


def test_police_data_serve_a_purpose_only_on_a_basis_for_police_data(shown: FreshWarehouse) -> None:
    with shown.connect() as connection:
        police = [feed for (feed,) in connection.execute("select feed from governance.police_feed").fetchall()]
        assert police == ["merseyside_police/incidents"] or all(feed.startswith("merseyside_police/") for feed in police)
        connection.execute(
            """insert into governance.sharing_agreement (agreement, feed, purposes, signed_on, in_force_from, on_ending)
               values ('Schedule 9', %s, '{direct care,planning}', '2018-01-01', '2018-01-01', 'stop')""",
            (police[0],),
        )
        used = "select purpose from governance.feed_in_use where feed = %s"
        assert connection.execute(used, (police[0],)).fetchall() == []
        connection.execute(
            "update governance.purpose set police_basis = 'Data Protection Act 2018, schedule 1' where purpose = 'planning'"
        )
        assert connection.execute(used, (police[0],)).fetchall() == [("planning",)]
        connection.rollback()


# --- ending and novation


@contextmanager
def as_it_was(*what: Agreement) -> Iterator[None]:
    try:
        yield
    finally:
        with FreshWarehouse("").connect() as connection:
            connection.execute("delete from governance.sharing_agreement where feed = %s", (HOSPITAL,))
        agreements.sign(*what)


def test_one_command_ends_it_and_leaves_a_certificate(shown: FreshWarehouse) -> None:
    with as_it_was(OF_THE_TESTS):
        run = CliRunner().invoke(
            typer_app, ["agreement", "end", HOSPITAL, "--agreement", "of the tests", "--because", "the trust has left"]
        )
        assert run.exit_code == 0, run.output
        assert "nobody is shown what was sent under it" in run.output
        assert kinds(shown) == ["social care service"]
    (certificate,) = shown.rows(
        "select act, ground, counts, text from governance.certificate order by certificate_id desc limit 1"
    )
    act, ground, counts, text = certificate
    assert (act, ground, counts) == ("end of agreement", "the trust has left", {"deliveries": 1, "accepted rows": 2})
    assert "of the tests, over sthk/admitted_patient_care: signed on 2018-01-01" in text
    kept = Path(run.output.rsplit(": ", 1)[1].strip())
    assert kept.read_text("utf-8").endswith(text)
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_successor_takes_over_without_a_day_between_and_nothing_is_hidden(shown: FreshWarehouse) -> None:
    with as_it_was(OF_THE_TESTS):
        run = CliRunner().invoke(typer_app, [
            "agreement", "novate", HOSPITAL, "--agreement", "of the tests", "--to", "Schedule 17",
            "--body", "Mersey and West Lancashire (RBN)", "--from", str(TODAY), "--because", "the trusts have merged",
        ])  # fmt: skip
        assert run.exit_code == 0, run.output
        assert len(kinds(shown)) == 3
        books = {one.agreement.agreement: one.agreement for one in agreements.recorded() if one.agreement.feed == HOSPITAL}
        assert books["of the tests"].in_force_until == YESTERDAY
        successor = books["Schedule 17"]
        assert (successor.in_force_from, successor.succeeds, successor.purposes) == (TODAY, "of the tests", ALL)


def test_a_successor_cannot_widen_what_it_takes_over(shown: FreshWarehouse) -> None:
    narrow = replace(OF_THE_TESTS, purposes=("direct care",))
    with as_it_was(OF_THE_TESTS):
        agreements.sign(narrow)
        with pytest.raises(AgreementError, match="does not cover planning; a wider agreement is signed, not taken over"):
            agreements.novate(
                "of the tests", HOSPITAL, replace(narrow, agreement="Schedule 17", body="RBN", in_force_from=TODAY,
                                                  purposes=("direct care", "planning")), "merger",
            )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "last_day", "problem"),
    [
        ("Schedule 99", YESTERDAY, "no agreement 'Schedule 99' covers sthk/admitted_patient_care"),
        ("of the tests", date(2017, 1, 1), "is in force from 2018-01-01, so that 2017-01-01 cannot be its last day"),
    ],
)
def test_what_is_not_in_force_cannot_be_ended(shown: FreshWarehouse, name: str, last_day: date, problem: str) -> None:
    with pytest.raises(AgreementError, match=problem):
        agreements.end(name, HOSPITAL, last_day, "left")


# --- what is remembered


def test_every_recording_stays_in_a_history_that_nobody_can_change(shown: FreshWarehouse) -> None:
    with as_it_was(OF_THE_TESTS):
        agreements.sign(replace(OF_THE_TESTS, purposes=("direct care",)))
    told = [(one.act, one.agreement.purposes) for one in agreements.history() if one.agreement.feed == HOSPITAL]
    assert told[0] == ("recorded", ALL)
    assert told[-3:] == [("changed", ("direct care",)), ("removed", ("direct care",)), ("recorded", ALL)]
    for statement in (
        "delete from governance.sharing_agreement_recording",
        "update governance.sharing_agreement_recording set by = ''",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), shown.connect() as connection:
            connection.execute(statement)


def test_partnership_agreements_are_reported_and_gate_nothing(shown: FreshWarehouse) -> None:
    told = partnership.take_up()
    assert ("2019-01", "STHK", "approved") in [(one.since, one.body, one.state) for one in told]
    with shown.connect() as connection:
        connection.execute("delete from governance.partnership_event")
    assert len(kinds(shown)) == 3
    assert "delegated" in CliRunner().invoke(typer_app, ["partnership", "list"]).output


def test_that_a_source_knows_somebody_is_told_as_long_as_it_may_be_used(
    shown: FreshWarehouse, stands_as: Callable[..., None]
) -> None:
    known = "select count(*) filter (where has_hospital_care) > 0, count(*) filter (where has_adult_social_care) > 0 from insight.persons"
    assert shown.rows(known, role="analyst") == [(True, True)]
    stands_as(in_force_until=YESTERDAY)
    assert shown.rows(known, role="analyst") == [(False, True)]


def test_what_only_that_feed_tells_of_somebody_is_no_longer_told(shown: FreshWarehouse, stands_as: Callable[..., None]) -> None:
    """Hospital and council tell Ada's name and birth date alike; the hospital alone tells her postcode and sex."""
    permissions.record("9990000018", "permitted", "asked", decided_by="person", capacity="has capacity")
    head = "select surname, born_on, postcode, sex_code from shared_care_record.persons"
    of_analysts = "select sources, sex_code, age_band is not null from insight.persons order by sources desc"
    ((surname, born_on, postcode, sex_code),) = shown.rows(head)
    assert (born_on, postcode, sex_code) == (date(1935, 2, 28), "WA10 1AB", "F")
    assert shown.rows(of_analysts, role="analyst") == [(2, "F", True), (1, "F", True)]
    stands_as(in_force_until=YESTERDAY)
    assert shown.rows(head) == [(surname, born_on, None, None)]
    assert shown.rows(of_analysts, role="analyst") == [(1, None, True)]


# --- what is built


def test_the_next_build_leaves_an_ended_feed_out_of_the_figures_of_the_board(
    shown: FreshWarehouse, stands_as: Callable[..., None]
) -> None:
    counted = "select distinct organisation from board.care_by_month order by organisation"
    assert shown.rows(counted, role="analyst") == [("all",), ("council",), ("sthk",)]
    stands_as(in_force_until=YESTERDAY)
    builds.build()
    assert shown.rows(counted, role="analyst") == [("all",), ("council",)]
