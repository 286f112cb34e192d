"""What people do with deliveries and rows: shown before it acts, with who and why, and undone by one command."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cares import builds, deliveries, settings
from cares.cli import typer_app
from cares.deliveries import DeliveryError, Row
from end_to_end.receiving import AS_PROMISED, deliver_tenancies, sign_agreement
from end_to_end.receiving import deliver_with_changes as deliver
from fresh_warehouse import FreshWarehouse

WHY = "Torus asked for it"


@pytest.fixture(autouse=True)
def agreement(warehouse: FreshWarehouse) -> None:
    sign_agreement("torus/tenancies")


def states(warehouse: FreshWarehouse) -> dict[int, str]:
    return dict(warehouse.rows("select delivery_id, state from ledger.delivery order by delivery_id"))


def rows_in_use(warehouse: FreshWarehouse) -> int:
    return warehouse.rows("select count(*) from accepted.housing__tenancies")[0][0]


def events(warehouse: FreshWarehouse, delivery_id: int) -> list[str]:
    return [
        event
        for (event,) in warehouse.rows(
            "select event from ledger.delivery_event where delivery_id = %s order by event_id", delivery_id
        )
    ]


def test_withdrawing_brings_back_what_was_replaced_and_releasing_undoes_it(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    first = deliver_tenancies("as_promised")
    second = deliver(tmp_path / "2", ("Assured", "Secure"))
    assert states(warehouse) == {first.delivery_id: "superseded", second.delivery_id: "accepted"}

    deliveries.act("withdraw", second.delivery_id, WHY, by="Ann")
    assert states(warehouse) == {first.delivery_id: "accepted", second.delivery_id: "withdrawn"}
    assert events(warehouse, first.delivery_id)[-1] == "in force again"

    deliveries.act("release", second.delivery_id, "It was right after all", by="Ben")
    assert states(warehouse) == {first.delivery_id: "superseded", second.delivery_id: "accepted"}
    told = warehouse.rows(
        "select event, by, reason from ledger.delivery_event where delivery_id = %s order by event_id", second.delivery_id
    )
    assert ("withdrawn", "Ann", WHY) in told
    assert ("released", "Ben", "It was right after all") in told


def test_what_an_action_will_touch_is_shown_and_nothing_is_changed(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    first = deliver_tenancies("as_promised")
    second = deliver(tmp_path / "2", ("Assured", "Secure"))
    before = (
        warehouse.rows("select * from ledger.delivery order by 1"),
        warehouse.rows("select * from ledger.in_force order by 1"),
    )

    seen = deliveries.act("withdraw", second.delivery_id, WHY, only_look=True)

    assert [(change.delivery_id, change.state, change.state_after, change.rows, change.rows_after) for change in seen] == [
        (first.delivery_id, "superseded", "accepted", 0, 24),
        (second.delivery_id, "accepted", "withdrawn", 24, 0),
    ]
    after = warehouse.rows("select * from ledger.delivery order by 1"), warehouse.rows("select * from ledger.in_force order by 1")
    assert before == after


def test_a_person_s_hold_outlasts_every_new_decision(warehouse: FreshWarehouse) -> None:
    delivery_id = deliver_tenancies("as_promised").delivery_id

    deliveries.act("hold", delivery_id, "A tenant objected")
    assert deliveries.decide(delivery_id).state == "held"
    assert deliveries.take("torus", settings.VAR / "no outbox", "a run") == []
    assert rows_in_use(warehouse) == 0

    deliveries.act("release", delivery_id, "Cleared")
    assert rows_in_use(warehouse) == 12


def test_a_delivery_can_be_held_or_rejected_on_its_way_and_is_checked_before_it_is_let_in(warehouse: FreshWarehouse) -> None:
    registered = deliveries.register("torus/tenancies", AS_PROMISED, "2019-03", "test").delivery_id

    deliveries.act("reject", registered, "The wrong month")
    assert states(warehouse) == {registered: "rejected"}

    deliveries.act("release", registered, "It was the right month")
    assert states(warehouse) == {registered: "accepted"}
    assert warehouse.rows("select count(*) > 0 from ledger.check_result")[0][0]
    assert rows_in_use(warehouse) == 12


def test_what_a_rule_rejects_no_word_lets_in(warehouse: FreshWarehouse) -> None:
    rejected = deliver_tenancies("a_mandatory_column_is_missing")

    [change] = deliveries.act("release", rejected.delivery_id, WHY)

    assert change.state_after == "rejected"
    assert rows_in_use(warehouse) == 0


@pytest.mark.parametrize(("action", "possible"), [("reject", "hold or withdraw"), ("release", "hold or withdraw")])
def test_an_action_that_does_not_fit_says_what_does(warehouse: FreshWarehouse, action: str, possible: str) -> None:
    delivery_id = deliver_tenancies("as_promised").delivery_id

    with pytest.raises(DeliveryError, match=f"is accepted: to {action} it, .* Possible now: {possible}"):
        deliveries.act(action, delivery_id, WHY)


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 501])
def test_a_reason_must_be_given(warehouse: FreshWarehouse, reason: str) -> None:
    delivery_id = deliver_tenancies("as_promised").delivery_id

    with pytest.raises(DeliveryError, match="Give a reason"):
        deliveries.act("withdraw", delivery_id, reason)


@pytest.mark.parametrize("action", deliveries.ACTIONS)
def test_a_delivery_that_is_not_there_is_named(warehouse: FreshWarehouse, action: str) -> None:
    with pytest.raises(DeliveryError, match="There is no delivery 99. See: cares delivery list"):
        deliveries.act(action, 99, WHY)


def test_a_row_is_released_and_set_aside_again(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    delivery_id = deliver(tmp_path / "1", ("02/04/2015,,M001", "30/02/2015,,M001")).delivery_id
    row = Row(delivery_id, "tenancies", 2)
    counts = "select accepted_rows, set_aside_rows from ledger.delivery_file where table_name = 'tenancies'"
    assert warehouse.rows(counts) == [(11, 1)]

    [seen] = deliveries.release_rows([row], "The day is not known", only_look=True)
    assert (seen.rows, seen.rows_after) == (23, 24)
    deliveries.release_rows([row], "The day is not known")
    assert warehouse.rows(counts) == [(12, 0)]
    assert rows_in_use(warehouse) == 12

    deliveries.set_rows_aside([row], "It is known now")
    assert warehouse.rows(counts) == [(11, 1)]
    assert rows_in_use(warehouse) == 11
    assert warehouse.rows("select revision from ledger.delivery") == [(3,)]
    assert events(warehouse, delivery_id)[-2:] == ["row released", "row set aside"]


def test_a_row_can_be_released_while_an_earlier_day_is_rebuilt(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    delivery_id = deliver(tmp_path / "1", ("02/04/2015,,M001", "30/02/2015,,M001")).delivery_id
    builds.start_build(rewind_to=datetime.now(UTC))

    [change] = deliveries.release_rows([Row(delivery_id, "tenancies", 2)], WHY)

    assert change.rows_after == change.rows + 1
    with pytest.raises(DeliveryError, match="is not set aside"):
        deliveries.release_rows([Row(delivery_id, "tenancies", 2)], WHY)


def test_all_rows_that_break_one_rule_are_released_together(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    held = deliver(tmp_path / "1", ("/04/2015,,", "/04/15,,"))
    rows = deliveries.rows_that_break(held.delivery_id, "tenancies.Tenancy Start Date.uk_date")
    assert (held.state, len(rows)) == ("held", 12)

    deliveries.release_rows(rows, "Old tenancies have no day")
    deliveries.act("release", held.delivery_id, "Rows released")

    assert rows_in_use(warehouse) == 12


def test_a_row_that_is_not_set_aside_is_not_released_and_neither_are_its_neighbours(
    warehouse: FreshWarehouse, tmp_path: Path
) -> None:
    delivery_id = deliver(tmp_path / "1", ("02/04/2015,,M001", "30/02/2015,,M001")).delivery_id

    with pytest.raises(
        DeliveryError, match=f"Row {delivery_id}/tenancies/3 is not set aside. .* cares why {delivery_id}/tenancies/3"
    ):
        deliveries.release_rows([Row(delivery_id, "tenancies", 2), Row(delivery_id, "tenancies", 3)], WHY)

    assert warehouse.rows("select count(*) from ledger.row_release") == [(0,)]


@pytest.mark.parametrize("text", ["12", "12/episodes", "12/episodes/x", "x/episodes/1", "12/Epi sodes/1", "12/episodes/1/2"])
def test_a_row_s_name_is_delivery_table_and_line(text: str) -> None:
    with pytest.raises(DeliveryError, match="delivery/table/line, for example 12/episodes/41"):
        Row.parse(text)


def test_a_replay_takes_the_place_of_the_delivery_whose_files_it_takes_in_anew(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    first = deliver_tenancies("as_promised", "2019-03")
    later = deliver_tenancies("as_promised", "2019-04")

    replay = deliveries.replay(first.delivery_id, "The loader was mended")

    assert replay.state == "accepted"
    assert states(warehouse) == {
        first.delivery_id: "withdrawn",
        later.delivery_id: "accepted",
        replay.delivery_id: "superseded",  # April's snapshot still comes after March's
    }
    assert warehouse.rows(
        "select received_at = (select received_at from ledger.delivery where delivery_id = %s) from ledger.delivery where delivery_id = %s",
        first.delivery_id,
        replay.delivery_id,
    ) == [(True,)]


def test_of_a_delivery_and_its_replays_only_the_last_accepted_counts(warehouse: FreshWarehouse) -> None:
    first = deliver_tenancies("as_promised").delivery_id
    second, third = (deliveries.replay(first, WHY).delivery_id for _ in range(2))
    assert states(warehouse) == {first: "withdrawn", second: "withdrawn", third: "accepted"}

    seen = deliveries.act("release", first, "It was right as it was taken in first", only_look=True)
    assert [(change.delivery_id, change.state_after) for change in seen] == [(first, "accepted"), (third, "withdrawn")]

    deliveries.act("release", first, "It was right as it was taken in first")
    assert states(warehouse) == {first: "accepted", second: "withdrawn", third: "withdrawn"}
    assert rows_in_use(warehouse) == 12


def test_a_replay_that_is_rejected_leaves_everything_as_it_was(warehouse: FreshWarehouse) -> None:
    first = deliver_tenancies("as_promised")
    [stored] = warehouse.rows("select stored_as from ledger.delivery_file where table_name = 'tenancies'")
    (settings.VAR / "store" / stored[0]).write_bytes(b"")

    replay = deliveries.replay(first.delivery_id, WHY)

    assert replay.state == "rejected"
    assert states(warehouse)[first.delivery_id] == "accepted"
    assert rows_in_use(warehouse) == 12


def test_without_its_originals_a_delivery_cannot_be_replayed(warehouse: FreshWarehouse) -> None:
    first = deliver_tenancies("as_promised")
    shutil.rmtree(settings.VAR / "store" / str(first.delivery_id))

    with pytest.raises(DeliveryError, match="are not kept any more"):
        deliveries.replay(first.delivery_id, WHY)

    assert len(states(warehouse)) == 1


def test_what_was_held_on_its_way_is_not_let_in_without_its_originals(warehouse: FreshWarehouse) -> None:
    delivery_id = deliveries.register("torus/tenancies", AS_PROMISED, "2019-03", "test").delivery_id
    deliveries.act("hold", delivery_id, WHY)
    shutil.rmtree(settings.VAR / "store" / str(delivery_id))

    with pytest.raises(DeliveryError, match="are not kept any more, so that it cannot be taken in"):
        deliveries.act("release", delivery_id, WHY)

    assert states(warehouse) == {delivery_id: "held"}


def test_where_one_original_is_gone_nothing_of_the_others_is_copied(warehouse: FreshWarehouse) -> None:
    first = deliver_tenancies("as_promised")
    store = settings.VAR / "store"
    [*_, last] = sorted((store / str(first.delivery_id)).iterdir())
    last.unlink()
    # Other tests left their originals here.
    before = {file: file.stat().st_mtime_ns for file in store.rglob("*")}

    with pytest.raises(DeliveryError, match="are not kept any more"):
        deliveries.replay(first.delivery_id, WHY)

    assert {file: file.stat().st_mtime_ns for file in store.rglob("*")} == before


def test_the_same_files_after_a_withdrawal_are_a_new_delivery(warehouse: FreshWarehouse) -> None:
    first = deliver_tenancies("as_promised")
    deliveries.act("withdraw", first.delivery_id, WHY)

    again = deliver_tenancies("as_promised")

    assert again.state == "accepted"
    assert again.delivery_id != first.delivery_id


def test_a_then_b_then_a_again_are_three_deliveries_and_the_last_counts(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    deliver_tenancies("as_promised")
    deliver(tmp_path / "b", ("Assured", "Secure"))

    third = deliver_tenancies("as_promised")

    assert list(states(warehouse).values()) == ["superseded", "superseded", "accepted"]
    assert third.state == "accepted"


def test_since_when_each_revision_counted_is_never_forgotten(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    delivery_id = deliver(tmp_path / "1", ("02/04/2015,,M001", "30/02/2015,,M001")).delivery_id
    deliveries.release_rows([Row(delivery_id, "tenancies", 2)], WHY)
    deliveries.act("withdraw", delivery_id, WHY)
    deliveries.act("release", delivery_id, WHY)

    stretches = warehouse.rows("select revision, until is null from ledger.in_force order by since")

    assert stretches == [(1, False), (2, False), (2, True)]


def test_the_command_shows_what_it_will_touch_and_does_nothing_unasked(warehouse: FreshWarehouse) -> None:
    delivery_id = deliver_tenancies("as_promised").delivery_id

    shown = cares("delivery", "withdraw", str(delivery_id), "--reason", WHY)
    assert shown.exit_code == 1
    assert "it counts as if it had never come" in shown.output
    assert re.search(r"torus/tenancies +2019-03 +accepted +withdrawn +24 +0", shown.output)
    assert "Nothing was done. To do it without being asked, add --yes" in shown.output
    assert states(warehouse) == {delivery_id: "accepted"}

    done = cares("delivery", "withdraw", str(delivery_id), "--reason", WHY, "--yes")
    assert done.exit_code == 0
    assert f"To undo it: cares delivery release {delivery_id}" in done.output
    assert states(warehouse) == {delivery_id: "withdrawn"}


def test_a_command_that_would_change_nothing_says_so(warehouse: FreshWarehouse) -> None:
    rejected = deliver_tenancies("empty").delivery_id

    done = cares("delivery", "release", str(rejected), "--reason", WHY, "--yes")

    assert done.exit_code == 1
    assert f"That would change nothing. Why: cares delivery show {rejected}" in done.output


def test_rows_are_released_by_name_or_by_rule_from_the_command_line(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    delivery_id = deliver(tmp_path / "1", ("02/04/2015,,M001", "30/02/2015,,M001")).delivery_id
    rule = ("--delivery", str(delivery_id), "--rule", "tenancies.Tenancy Start Date.uk_date")

    assert cares("row", "release", f"{delivery_id}/tenancies/2", "--reason", WHY, "--yes").exit_code == 0
    assert rows_in_use(warehouse) == 12
    assert cares("row", "set-aside", f"{delivery_id}/tenancies/2", "--reason", WHY, "--yes").exit_code == 0
    assert rows_in_use(warehouse) == 11
    assert cares("row", "release", *rule, "--reason", WHY, "--yes").exit_code == 0
    assert rows_in_use(warehouse) == 12
    assert "No row of delivery" in cares("row", "release", *rule, "--reason", WHY, "--yes").output


def cares(*words: str) -> Result:
    """Run a command as on a command line that is no terminal."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(typer_app, words)
