"""Two engineers at once, a DAG run and a command at once: one after the other, and no step is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cares import builds, deliveries
from cares.deliveries import DeliveryError, Row
from end_to_end.receiving import AS_PROMISED, deliver_tenancies, sign_agreement
from fresh_warehouse import FreshWarehouse


@pytest.fixture(autouse=True)
def agreement(warehouse: FreshWarehouse) -> None:
    sign_agreement("torus/tenancies")


def at_once(*steps: Callable[[], object]) -> list[object]:
    """Begin all steps at the same moment; what each gave, or the error of ours that it ended with."""
    together = threading.Barrier(len(steps))

    def begin(step: Callable[[], object]) -> object:
        together.wait()
        try:
            return step()
        except (DeliveryError, builds.BuildError) as error:
            return error

    with ThreadPoolExecutor(len(steps)) as people:
        return [done.result() for done in [people.submit(begin, step) for step in steps]]


def test_of_two_who_withdraw_the_same_delivery_one_is_told_that_it_is_withdrawn(warehouse: FreshWarehouse) -> None:
    delivery_id = deliver_tenancies("as_promised").delivery_id

    done = at_once(
        lambda: deliveries.act("withdraw", delivery_id, "Ann's reason", by="Ann"),
        lambda: deliveries.act("withdraw", delivery_id, "Ben's reason", by="Ben"),
    )

    [refused] = [str(one) for one in done if isinstance(one, DeliveryError)]
    assert refused.startswith(f"Delivery {delivery_id} is withdrawn: to withdraw it, it must be held, accepted or superseded.")
    assert warehouse.rows("select count(*) from ledger.delivery_event where event = 'withdrawn'") == [(1,)]


def test_every_step_of_many_hands_is_in_the_ledger(warehouse: FreshWarehouse) -> None:
    delivery_id = deliver_tenancies("as_promised").delivery_id

    done = at_once(
        *(
            lambda action=action, by=by: deliveries.act(action, delivery_id, "a reason", by=by)
            for action, by in [("hold", "Ann"), ("release", "Ben"), ("withdraw", "Cat"), ("release", "Dan"), ("hold", "Eve")]
        )
    )

    acted = sum(not isinstance(one, DeliveryError) for one in done)
    told = warehouse.rows(
        "select count(*) from ledger.delivery_event where by in ('Ann', 'Ben', 'Cat', 'Dan', 'Eve') and event in ('held', 'released', 'withdrawn')"
    )
    assert told == [(acted,)]
    [(state, counts)] = warehouse.rows(
        "select state, exists (select from ledger.in_force where until is null) from ledger.delivery where delivery_id = %s",
        delivery_id,
    )
    assert counts == (state == "accepted")


def test_a_run_and_a_command_that_take_the_same_files_make_one_delivery(warehouse: FreshWarehouse) -> None:
    done = at_once(
        lambda: deliver_tenancies("as_promised"),
        lambda: deliver_tenancies("as_promised"),
        lambda: deliver_tenancies("as_promised"),
    )

    assert {one.delivery_id for one in done} == {1}
    assert warehouse.rows("select state from ledger.delivery") == [("accepted",)]
    assert warehouse.rows("select count(*), count(distinct line_number) from landing.housing__tenancies") == [(12, 12)]
    assert warehouse.rows("select count(*) from ledger.delivery_event where event = 'accepted'") == [(1,)]


def test_two_corrections_at_once_leave_one_in_force(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    deliver_tenancies("as_promised")

    def correct(tenure: str) -> deliveries.Decision:
        folder = tmp_path / tenure
        folder.mkdir()
        for file in AS_PROMISED:
            (folder / file.name).write_text(file.read_text().replace("Assured", tenure))
        return deliveries.receive("torus/tenancies", sorted(folder.iterdir()), "2019-03")

    at_once(lambda: correct("Secure"), lambda: correct("Licence"))

    states = [state for (state,) in warehouse.rows("select state from ledger.delivery order by received_at, delivery_id")]
    assert states == ["superseded", "superseded", "accepted"]


def test_a_row_is_released_once(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    for file in AS_PROMISED:
        (tmp_path / file.name).write_text(file.read_text().replace("02/04/2015,,M001", "30/02/2015,,M001"))
    delivery_id = deliveries.receive("torus/tenancies", sorted(tmp_path.iterdir()), "2019-03").delivery_id
    row = Row(delivery_id, "tenancies", 2)

    done = at_once(*[lambda: deliveries.release_rows([row], "The day is not known")] * 3)

    assert sum(isinstance(one, DeliveryError) for one in done) == 2
    assert warehouse.rows("select revision from ledger.delivery") == [(2,)]
    assert warehouse.rows("select accepted_rows, set_aside_rows from ledger.delivery_file where table_name = 'tenancies'") == [
        (12, 0)
    ]


def test_a_replay_and_a_withdrawal_at_once_never_count_a_row_twice(warehouse: FreshWarehouse) -> None:
    delivery_id = deliver_tenancies("as_promised").delivery_id

    at_once(
        lambda: deliveries.replay(delivery_id, "The loader was mended"),
        lambda: deliveries.act("withdraw", delivery_id, "Torus asked for it"),
        lambda: deliveries.replay(delivery_id, "The loader was mended twice"),
    )

    in_use = warehouse.rows("select count(*) from accepted.housing__tenancies")[0][0]
    assert in_use == 12 * warehouse.rows("select count(*) from ledger.delivery where state = 'accepted'")[0][0]
    assert warehouse.rows("select count(*) from ledger.delivery where state = 'received'") == [(0,)]


def test_what_is_withdrawn_while_a_build_is_made_is_never_half_in_it(warehouse: FreshWarehouse) -> None:
    delivery_id = deliver_tenancies("as_promised").delivery_id
    build_id = builds.start_build()
    held = "select count(*) from staging.stg_housing__tenancies"

    outcome, _ = at_once(
        lambda: builds.run_layer(build_id, "staging"),
        lambda: deliveries.act("withdraw", delivery_id, "Torus asked for it"),
    )

    if isinstance(outcome, builds.BuildOvertaken):
        assert f"Delivery {delivery_id} was changed by somebody while build {build_id} was taking it in" in str(outcome)
    else:
        assert warehouse.rows(held) == [(12,)]
        give_up(warehouse)
    builds.run_layer(builds.start_build(), "staging")
    assert warehouse.rows(held) == [(0,)]


def give_up(warehouse: FreshWarehouse) -> None:
    """Leave the build that is being made where it is."""
    with warehouse.connect() as connection:
        connection.execute("update ledger.build set state = 'failed' where state = 'building'")
