"""Deliveries that come twice, too early, or smaller than they should be."""

from __future__ import annotations

from collections.abc import Callable

from cares import deliveries
from faults.pipeline import AS_PROMISED, Pipeline, child, people

Seen = Callable[[str], None]
MARCH = "torus/tenancies/2019-03"


def test_d01_the_same_file_twice_changes_nothing_the_second_time(pipeline: Pipeline, seen: Seen) -> None:
    first = pipeline.deliver(MARCH, AS_PROMISED)
    second = pipeline.deliver(f"{MARCH}__again", AS_PROMISED)
    noted = pipeline.events(first.delivery_id).count("duplicate received")
    seen(
        f"first {first.words}; second: {second.words}, {noted} event says that it came again; "
        f"{pipeline.rows_in_landing(first.delivery_id)} rows in landing"
    )

    assert (first.state, second.state, noted) == ("accepted", "nothing taken", 1)
    assert pipeline.warehouse.rows("select count(*) from ledger.delivery") == [(1,)]
    assert pipeline.warehouse.rows("select count(*) from landing.housing__tenancies") == [(12,)]


def test_d01_a_b_a_is_three_deliveries_and_next_month_s_same_file_is_new(pipeline: Pipeline, seen: Seen) -> None:
    b = {**AS_PROMISED, "tenancies.csv": AS_PROMISED["tenancies.csv"].replace("Assured", "Secure")}
    sent = [("2019-03", AS_PROMISED), ("2019-03__b", b), ("2019-03__a", AS_PROMISED), ("2019-04", AS_PROMISED)]
    outcomes = [pipeline.deliver(f"torus/tenancies/{folder}", files) for folder, files in sent]
    states = [state for (state,) in pipeline.warehouse.rows("select state from ledger.delivery order by delivery_id")]
    seen(f"A, B, A and A for April: {', '.join(outcome.state for outcome in outcomes)}; in the end {', '.join(states)}")

    assert [outcome.state for outcome in outcomes] == ["accepted"] * 4
    assert states == ["superseded", "superseded", "superseded", "accepted"]


def test_d02_the_same_bytes_under_a_new_name_change_nothing(pipeline: Pipeline, seen: Seen) -> None:
    first = pipeline.deliver(MARCH, AS_PROMISED)
    renamed = {
        "Household-Members_20190331.csv": AS_PROMISED["household_members.csv"],
        "TENANCIES 201903.CSV": AS_PROMISED["tenancies.csv"],
    }
    second = pipeline.deliver(f"{MARCH}__new names", renamed)
    noted = pipeline.events(first.delivery_id).count("duplicate received")
    seen(f"first {first.words}; second: {second.words}, {noted} event says that it came again")

    assert (first.state, second.state, noted) == ("accepted", "nothing taken", 1)
    assert pipeline.warehouse.rows("select count(*) from landing.housing__tenancies") == [(12,)]


def so_many(count: int) -> dict[str, str]:
    """A person file of so many people."""
    return people(*(child(f"C{number}", surname=f"Ash{number}") for number in range(count)))


def test_d11_far_fewer_rows_than_usual_wait_for_a_person_s_word(pipeline: Pipeline, seen: Seen) -> None:
    for month, count in [("2019-01", 100), ("2019-02", 104), ("2019-03", 98)]:
        assert pipeline.deliver(f"council/childrens_person_file/{month}", so_many(count)).state == "accepted"

    outcome = pipeline.deliver("council/childrens_person_file/2019-04", so_many(40))
    accepted = pipeline.warehouse.rows(
        "select count(*) from accepted.person_file__people where delivery_id = %s", outcome.delivery_id
    )[0][0]
    seen(f"{outcome.words}, {accepted} accepted")
    deliveries.act("release", outcome.delivery_id, "the team moved 60 records to another system")
    ((after,),) = pipeline.warehouse.rows("select state from ledger.delivery where delivery_id = %s", outcome.delivery_id)
    seen(f"released with a reason: {after}")

    assert (outcome.state, accepted) == ("held", 0)
    assert "people has 40 rows where 100 are usual" in outcome.reason
    assert after == "accepted"
