"""The form of the DAG `handle_deliveries`: what it says before anything is done, and that only that is done."""

from __future__ import annotations

import pytest

from cares import deliveries
from cares.deliveries import DeliveryError, Request
from end_to_end.receiving import deliver_tenancies, sign_agreement
from fresh_warehouse import FreshWarehouse

WHY = "Torus asked for it"


@pytest.fixture
def delivery(warehouse: FreshWarehouse) -> int:
    """An accepted delivery."""
    sign_agreement("torus/tenancies")
    return deliver_tenancies("as_promised").delivery_id


def state(warehouse: FreshWarehouse, delivery: int) -> str:
    return warehouse.rows("select state from ledger.delivery where delivery_id = %s", delivery)[0][0]


def test_what_would_be_touched_is_shown_as_a_table_and_nothing_is_done(warehouse: FreshWarehouse, delivery: int) -> None:
    shown = Request("withdraw", WHY, delivery).shown()

    assert shown.startswith(f"To withdraw delivery {delivery}: it counts as if it had never come")
    assert f"| {delivery} | torus/tenancies 2019-03 | accepted | withdrawn | 24 | 0 |" in shown
    assert WHY not in shown
    assert state(warehouse, delivery) == "accepted"


def test_what_was_shown_is_done_by_who_approved_it(warehouse: FreshWarehouse, delivery: int) -> None:
    request = Request("hold", WHY, delivery)

    assert request.carry_out("ann", request.shown()) == delivery
    assert warehouse.rows("select by, reason from ledger.delivery_event where event = 'held'") == [("ann", WHY)]


def test_nothing_is_done_where_the_ledger_changed_after_it_was_shown(warehouse: FreshWarehouse, delivery: int) -> None:
    request = Request("withdraw", WHY, delivery)
    shown = request.shown()
    deliveries.act("hold", delivery, "somebody was faster")

    with pytest.raises(DeliveryError, match="The ledger has changed since this was shown, and nothing was done"):
        request.carry_out("ann", shown)
    assert state(warehouse, delivery) == "held"


def test_what_would_change_nothing_is_refused_before_anybody_is_asked(warehouse: FreshWarehouse) -> None:
    sign_agreement("torus/tenancies")
    rejected = deliver_tenancies("a_mandatory_column_is_missing").delivery_id

    with pytest.raises(DeliveryError, match=f"That would change nothing. Why: cares delivery show {rejected}"):
        Request("release", WHY, rejected).shown()


def test_a_replay_is_shown_in_words_and_gives_a_new_delivery_in_place_of_the_old(
    warehouse: FreshWarehouse, delivery: int
) -> None:
    request = Request("replay", WHY, delivery)

    assert request.shown().startswith(f"To replay tenancies 2019-03 #{delivery}: its original files are taken in anew")
    replayed = request.carry_out("ann", request.shown())
    assert state(warehouse, replayed) == "accepted"
    assert state(warehouse, delivery) == "withdrawn"


def test_a_replay_that_is_not_accepted_says_why(warehouse: FreshWarehouse) -> None:
    sign_agreement("torus/tenancies")
    rejected = deliver_tenancies("a_mandatory_column_is_missing").delivery_id
    request = Request("replay", WHY, rejected)

    with pytest.raises(DeliveryError, match=rf"is rejected: .*mandatory column.*Delivery {rejected} stays as it was"):
        request.carry_out("ann", request.shown())


@pytest.mark.parametrize(
    ("action", "delivery", "rows", "told"),
    [
        ("hold", None, [], "To hold a delivery, give its number and leave the rows empty"),
        ("hold", 12, ["12/tenancies/2"], "To hold a delivery, give its number and leave the rows empty"),
        ("release rows", None, [], "To release rows, name the rows, like 12/episodes/41, and leave the delivery empty"),
        ("set rows aside", 12, ["12/tenancies/2"], "name the rows, like 12/episodes/41, and leave the delivery empty"),
    ],
)
def test_a_form_that_does_not_name_what_it_is_about_says_what_to_fill_in(
    action: str, delivery: int | None, rows: list[str], told: str
) -> None:
    with pytest.raises(DeliveryError, match=told):
        Request(action, WHY, delivery, rows)


def test_rows_are_named_as_in_the_returns_file(warehouse: FreshWarehouse, delivery: int) -> None:
    """Line 2 of the delivery as promised is not set aside, so that there is nothing to release."""
    with pytest.raises(DeliveryError, match=f"Row {delivery}/tenancies/2 is not set aside"):
        Request("release rows", WHY, rows=[f"{delivery}/tenancies/2"]).shown()
