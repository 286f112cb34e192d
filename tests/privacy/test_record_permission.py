"""Record permission: undecided, permitted, declined, withdrawn, emergency; by whom, in what scope, and from when to when."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from cares import builds
from cares.cli import typer_app
from cares.governance import permissions
from cares.governance.named_persons import NamedPersonError
from cares.governance.permissions import RecordPermissionError
from fresh_warehouse import FreshWarehouse
from privacy.people import (
    ADA,
    BOB,
    CAT,
    DAN,
    EVE,
    FLO,
    GUS,
    HAL,
    IDA,
    Someone,
    items,
    send_decisions,
    send_episodes,
    send_services,
)

EVERYBODY = (ADA, BOB, CAT, DAN, EVE, FLO, GUS, HAL, IDA)
ALL_CARE = [("council", "social care service"), ("sthk", "hospital stay")]


@pytest.fixture(scope="module")
def borough(warehouse_of_module: FreshWarehouse) -> Iterator[FreshWarehouse]:
    """Nine people with care from two organisations, and what the desk sent of seven of them."""
    warehouse = warehouse_of_module
    send_episodes(warehouse, *(one.episode() for one in EVERYBODY))
    send_services(warehouse, *(one.service() for one in EVERYBODY))
    send_decisions(
        warehouse,
        ADA.decision("D1", "Permitted"),
        CAT.decision("D2", "permitted"),
        CAT.decision("D3", "withdrawn", decided_on="06/03/2019"),
        DAN.decision("D4", "permitted"),
        DAN.decision("D5", "declined", decided_on="06/03/2019", scope="one organisation", contributing_organisation="RBN"),
        EVE.decision("D6", "permitted"),
        EVE.decision("D7", "declined"),
        EVE.decision("D12", "permitted", decided_at=""),
        FLO.decision("D8", "permitted", ends_on="31/03/2019"),
        GUS.decision("D9", "permitted", decided_by="parent", capacity="has capacity"),
        HAL.decision("D10", "permitted"),
        IDA.decision("D13", "permitted"),
        IDA.decision("D14", "withdrawn", decided_on="the other day", decided_at=""),
        HAL.decision("D11", "declined", decided_on="06/03/2019", scope="one organisation", contributing_organisation="ZZ9"),
    )
    builds.build()
    yield warehouse


def decide(someone: Someone, state: str, **more: object) -> int:
    words = {"decided_by": "person", "capacity": "has capacity", **more}
    return permissions.record(someone.hospital_record, state, "said so at the desk", **words)  # type: ignore[arg-type]


def soon() -> datetime:
    """In an hour, less a little."""
    return datetime.now(UTC) + timedelta(minutes=59)


def test_who_permitted_is_shown(borough: FreshWarehouse) -> None:
    assert items(borough, ADA) == ALL_CARE


def test_who_decided_nothing_is_not_shown(borough: FreshWarehouse) -> None:
    assert items(borough, BOB) == []


def test_a_refusal_whose_day_nobody_can_read_counts_from_when_it_came(borough: FreshWarehouse) -> None:
    assert items(borough, IDA) == []


def test_the_later_decision_wins(borough: FreshWarehouse) -> None:
    assert items(borough, CAT) == []


def test_of_two_decisions_at_one_moment_the_one_counts_that_shows_less(borough: FreshWarehouse) -> None:
    assert items(borough, EVE) == []


def test_a_permission_without_a_time_does_not_outlast_a_refusal_of_that_day(borough: FreshWarehouse) -> None:
    kept = "select state from governance.record_decision where reference = any(%s) order by reference"
    assert borough.rows(kept, ["D12", "D7"]) == [("permitted",), ("declined",)]
    assert items(borough, EVE) == []


def test_an_objection_to_one_organisation_hides_its_data_and_nobody_elses(borough: FreshWarehouse) -> None:
    assert items(borough, DAN) == [("council", "social care service")]


def test_an_objection_to_an_organisation_that_nobody_knows_hides_everything(borough: FreshWarehouse) -> None:
    assert items(borough, HAL) == []


def test_a_permission_for_a_time_is_over_after_its_last_day(borough: FreshWarehouse) -> None:
    assert items(borough, FLO) == []


def test_a_permission_by_somebody_who_may_not_give_it_does_not_count(borough: FreshWarehouse) -> None:
    assert items(borough, GUS) == []
    (one,) = permissions.history(GUS.hospital_record)
    assert (one.state, one.decided_by, one.counts) == ("permitted", "parent", False)


def test_what_is_withdrawn_at_the_desk_is_refused_a_second_later_and_the_history_stays(borough: FreshWarehouse) -> None:
    run = CliRunner().invoke(
        typer_app, ["permission", "record", "--state", "withdrawn", "--because", "rang the desk"], input=f"{ADA.nhs_number}\n"
    )
    began = time.monotonic()
    assert (run.exit_code, items(borough, ADA)) == (0, [])
    assert time.monotonic() - began < 1
    assert "the record is not shown to anybody" in run.output
    assert [one.state for one in permissions.history(ADA.nhs_number)] == ["withdrawn", "permitted"]
    decide(ADA, "permitted")
    assert items(borough, ADA) == ALL_CARE


def test_an_objection_at_the_desk_is_taken_back_by_a_permission_for_that_organisation(borough: FreshWarehouse) -> None:
    decide(ADA, "declined", organisation="council")
    assert items(borough, ADA) == [("sthk", "hospital stay")]
    decide(ADA, "permitted")
    assert items(borough, ADA) == [("sthk", "hospital stay")]
    decide(ADA, "permitted", organisation="E08000013")
    assert items(borough, ADA) == ALL_CARE


def test_an_objection_to_the_body_before_holds_for_its_successor(borough: FreshWarehouse) -> None:
    for code in ("RTV", "RW4", "north_west_boroughs"):
        decide(IDA, "declined", organisation=code)
    objections = borough.rows(
        """select organisation from governance.objection join person_index.membership using (person_id)
           where person_record_id = %s and valid_to is null""",
        IDA.hospital_record,
    )
    assert objections == [("north_west_boroughs",)]


def test_an_emergency_needs_a_reason(borough: FreshWarehouse) -> None:
    with pytest.raises(RecordPermissionError, match="emergency reason: is missing"):
        decide(BOB, "emergency", decided_by="professional", capacity="lacks capacity")
    assert items(borough, BOB) == []


def test_an_emergency_is_flagged_and_ends_by_itself(borough: FreshWarehouse) -> None:
    number = decide(
        BOB, "emergency", decided_by="professional", capacity="lacks capacity", emergency_reason="unconscious", until=soon()
    )
    assert items(borough, BOB) == ALL_CARE
    assert [(one.decision_id, one.reason) for one in permissions.emergencies()] == [(number, "unconscious")]
    assert "unconscious" in CliRunner().invoke(typer_app, ["permission", "emergencies"]).output
    with borough.connect() as connection:
        # As if the hour had passed.
        connection.execute(
            """update governance.record_decision
               set decided_at = decided_at - interval '1 hour', ends_at = ends_at - interval '1 hour' where decision_id = %s""",
            (number,),
        )
    assert (items(borough, BOB), permissions.emergencies()) == ([], [])


def test_an_emergency_lasts_a_day_if_nobody_says_otherwise_and_a_week_at_most(borough: FreshWarehouse) -> None:
    words = {"decided_by": "professional", "capacity": "lacks capacity", "emergency_reason": "unconscious"}
    decide(BOB, "emergency", **words)
    (one,) = permissions.emergencies()
    assert timedelta(hours=23) < one.until - one.since <= timedelta(hours=24)
    decide(BOB, "declined")
    assert items(borough, BOB) == []
    with pytest.raises(RecordPermissionError, match="at most 7 days"):
        decide(BOB, "emergency", until=datetime.now(UTC) + timedelta(days=8), **words)


def test_a_permission_that_contradicts_itself_is_not_recorded(borough: FreshWarehouse) -> None:
    with pytest.raises(RecordPermissionError, match="do not go together"):
        decide(BOB, "permitted", capacity="lacks capacity")
    with pytest.raises(RecordPermissionError, match="found 'maybe'; use undecided, permitted"):
        decide(BOB, "maybe")


def test_nobody_is_recorded_for_whom_the_index_does_not_know(borough: FreshWarehouse) -> None:
    for named in ("9990000190", "sthk/apc/nobody", "Ada Ash"):
        with pytest.raises(NamedPersonError) as error:
            permissions.record(named, "withdrawn", "x", decided_by="person", capacity="has capacity")
        assert named not in str(error.value)


def test_a_refusal_goes_with_every_record_that_the_person_had(borough: FreshWarehouse) -> None:
    decide(IDA, "permitted")
    decide(IDA, "withdrawn")
    with borough.connect() as connection:
        # The record by which it was said is gone from the index, as after its delivery was taken back.
        connection.execute(
            "update person_index.membership set valid_to = now() where person_record_id = %s", (IDA.hospital_record,)
        )
        shown = connection.execute(
            """select count(*) from governance.permitted_record join person_index.membership using (person_id)
               where person_record_id = %s""",
            (IDA.council_record,),
        ).fetchone()
        state = connection.execute(
            """select state from governance.record_state join person_index.membership using (person_id)
               where valid_to is null and person_record_id = %s""",
            (IDA.council_record,),
        ).fetchone()
        connection.rollback()
    assert (shown, state) == ((0,), ("withdrawn",))


def test_a_correction_of_the_desk_takes_the_place_of_what_it_sent_and_the_history_says_so(borough: FreshWarehouse) -> None:
    with borough.connect() as connection:
        connection.execute(
            "update staging.stg_record_permissions__decisions set state_code = 'permitted' where decision_id in ('D3', 'D7')"
        )
    permissions.take_up()
    assert items(borough, CAT) == ALL_CARE
    assert [(one.state, one.replaced_at is None) for one in permissions.history(CAT.hospital_record)] == [
        ("permitted", True),
        ("withdrawn", False),
        ("permitted", True),
    ]
    before = borough.rows("select count(*) from governance.record_decision")
    permissions.take_up()
    assert borough.rows("select count(*) from governance.record_decision") == before
