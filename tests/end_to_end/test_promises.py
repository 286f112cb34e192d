"""What each feed promised for when: due, late, missing, arrived; on the right day, and never by Airflow's clock."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from typer.testing import CliRunner

from cares import builds, promises
from cares.cli import typer_app
from cares.governance import agreements
from end_to_end.receiving import deliver_tenancies, sign_agreement
from fresh_warehouse import FreshWarehouse
from quality_ledger import Ledger

# Each month, due within 7 days after it ends, missing 14 days after that.
TORUS = "torus/tenancies"


@pytest.fixture
def agreed(warehouse: FreshWarehouse) -> FreshWarehouse:
    sign_agreement(TORUS, starts=date(2019, 2, 1))
    return warehouse


def came(warehouse: FreshWarehouse, period: str, received_at: str, state: str = "accepted") -> int:
    """A delivery of tenancies in the ledger."""
    with warehouse.connect() as connection:
        delivery_id = Ledger(connection).delivery(TORUS, period, "tenancies", 100, state=state)
        connection.execute("update ledger.delivery set received_at = %s where delivery_id = %s", (received_at, delivery_id))
    return delivery_id


def standing_on(day: date) -> promises.Standing:
    """How Torus keeps its promise on a day."""
    promises.check(day)
    (found,) = promises.standing()
    return found


def not_come_on(day: date) -> list[tuple[str, str, int]]:
    return [(one.period, one.status, one.days_late) for one in standing_on(day).not_come]


def statuses(warehouse: FreshWarehouse) -> dict[str, tuple[str, int | None]]:
    rows = warehouse.rows("select period, status, days_late from ledger.promise", role="engineer")
    return {period: (status, days) for period, status, days in rows}


def test_before_any_agreement_and_any_delivery_nothing_is_promised(warehouse: FreshWarehouse) -> None:
    assert promises.check() == 0
    assert promises.standing() == []


def test_a_period_that_comes_two_days_late(agreed: FreshWarehouse) -> None:
    assert not_come_on(date(2019, 3, 7)) == []
    assert statuses(agreed) == {"2019-02": ("due", None), "2019-03": ("expected", None)}
    assert not_come_on(date(2019, 3, 8)) == [("2019-02", "late", 1)]
    assert not_come_on(date(2019, 3, 9)) == [("2019-02", "late", 2)]

    came(agreed, "2019-02", "2019-03-09 10:00")

    assert not_come_on(date(2019, 3, 9)) == []
    assert statuses(agreed)["2019-02"] == ("arrived", 2)


def test_a_period_that_does_not_come_is_missing_and_since_then_there_are_no_data(agreed: FreshWarehouse) -> None:
    came(agreed, "2019-02", "2019-03-05")
    in_time = standing_on(date(2019, 4, 7))
    assert (in_time.status, in_time.last_good_period, in_time.no_data_since) == ("up to date", "2019-02", None)

    late = standing_on(date(2019, 4, 21))
    assert (late.status, late.data_until, late.no_data_since) == ("late", date(2019, 2, 28), date(2019, 3, 1))
    assert standing_on(date(2019, 4, 22)).status == "missing"

    came(agreed, "2019-03", "2019-05-01")
    assert standing_on(date(2019, 5, 1)).status == "up to date"
    assert statuses(agreed)["2019-03"] == ("arrived", 24)


def test_a_feed_that_never_sent_anything_has_no_data_since_the_first_day_it_promised(agreed: FreshWarehouse) -> None:
    found = standing_on(date(2019, 4, 30))
    assert (found.last_good_period, found.data_until, found.no_data_since) == (None, None, date(2019, 2, 1))
    assert [one.period for one in found.not_come] == ["2019-02", "2019-03"]


def test_a_gap_is_named_although_later_periods_came(agreed: FreshWarehouse) -> None:
    came(agreed, "2019-03", "2019-04-02")
    found = standing_on(date(2019, 4, 7))
    assert (found.status, found.no_data_since) == ("missing", None)
    assert [one.period for one in found.not_come] == ["2019-02"]


@pytest.mark.parametrize("state", ["held", "rejected", "withdrawn", "received"])
def test_what_is_not_accepted_has_not_arrived_and_the_standing_names_it(agreed: FreshWarehouse, state: str) -> None:
    delivery_id = came(agreed, "2019-02", "2019-03-01", state)
    (late,) = standing_on(date(2019, 3, 8)).not_come
    assert (late.status, late.delivery_id, late.delivery_state) == ("late", delivery_id, state)


def test_a_delivery_that_was_in_time_is_in_time_whenever_it_is_released(agreed: FreshWarehouse) -> None:
    came(agreed, "2019-02", "2019-03-07", "held")
    assert not_come_on(date(2019, 3, 9)) == [("2019-02", "late", 2)]
    with agreed.connect() as connection:
        connection.execute("update ledger.delivery set state = 'accepted', accepted_at = '2019-03-20'")
    assert not_come_on(date(2019, 3, 20)) == []
    assert statuses(agreed)["2019-02"] == ("arrived", None)


def test_a_withdrawn_period_is_late_again(agreed: FreshWarehouse) -> None:
    came(agreed, "2019-02", "2019-03-05")
    assert not_come_on(date(2019, 3, 12)) == []
    with agreed.connect() as connection:
        connection.execute("update ledger.delivery set state = 'withdrawn'")
    assert not_come_on(date(2019, 3, 12)) == [("2019-02", "late", 5)]


@pytest.mark.parametrize(
    ("period", "received_at", "days_late"),
    [
        ("2019-02", "2019-03-07 23:59:59+00", None),
        ("2019-02", "2019-03-08 00:00:00+00", 1),
        ("2019-05", "2019-06-07 22:59:59+00", None),
        ("2019-05", "2019-06-07 23:00:00+00", 1),
        ("2019-12", "2020-01-07 23:30:00+00", None),
        ("2020-02", "2020-03-07 12:00:00+00", None),
        ("2020-02", "2020-03-08 12:00:00+00", 1),
    ],
    ids=[
        "a second before midnight", "midnight", "a second before midnight in summer", "midnight in London, 23:00 UTC",
        "the year's last month", "seven days after the leap day", "eight days after the leap day",
    ],
)  # fmt: skip
def test_a_day_is_a_day_in_london(agreed: FreshWarehouse, period: str, received_at: str, days_late: int | None) -> None:
    came(agreed, period, received_at)
    promises.check(date(2020, 4, 1))
    assert statuses(agreed)[period] == ("arrived", days_late)


@pytest.mark.parametrize("timezone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"], ids=["tomorrow", "yesterday"])
def test_today_is_londons_wherever_the_process_runs(
    agreed: FreshWarehouse, monkeypatch: pytest.MonkeyPatch, timezone: str
) -> None:
    monkeypatch.setenv("TZ", timezone)
    time.tzset()
    try:
        promises.check()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert agreed.rows("select distinct checked_on = cast(now() at time zone 'Europe/London' as date) from ledger.promise") == [
        (True,)
    ]


def test_when_an_agreement_ends_the_promise_ends_with_it(warehouse: FreshWarehouse) -> None:
    first, last = date(2019, 2, 1), date(2019, 3, 31)
    agreements.sign(agreements.Agreement("TEST", TORUS, ("planning",), first, first, last))
    assert [one.period for one in standing_on(date(2019, 12, 1)).not_come] == ["2019-02", "2019-03"]


def test_simulated_data_stand_still_in_their_own_years(warehouse: FreshWarehouse) -> None:
    agreements.sign(
        agreements.Agreement("SIMULATED schedule 4", TORUS, ("planning",), date(2019, 1, 1), date(2019, 1, 1)),
    )
    assert promises.check() == 0
    for period in ("2019-02", "2019-04"):
        came(warehouse, period, "2026-01-01")
    promises.check()
    assert {period: status for period, (status, _) in statuses(warehouse).items()} == {
        "2019-02": "arrived", "2019-03": "missing", "2019-04": "arrived",
    }  # fmt: skip
    assert statuses(warehouse)["2019-04"] == ("arrived", None)


def test_checks_at_once_do_not_disturb_each_other(agreed: FreshWarehouse) -> None:
    with ThreadPoolExecutor(4) as pool:
        queued = list(pool.map(promises.check, [date(2019, 3, 9)] * 8))
    assert sorted(queued) == [0] * 7 + [1]
    assert statuses(agreed)["2019-02"] == ("late", 2)


def test_a_period_that_became_late_since_the_last_build_is_work_for_the_next(warehouse: FreshWarehouse) -> None:
    # The month before this one is due a number of days after its end that has passed by today: whatever today is,
    # a build of the day before its due day has not seen that it is late.
    sign_agreement(TORUS, starts=date.today() - timedelta(days=100))
    promises.check()
    due_on = warehouse.rows("select min(due_on) from ledger.promise where status in ('late', 'missing')")[0][0]
    with warehouse.connect() as connection:
        build_id = connection.execute(
            "insert into ledger.build (state, as_at) values ('published', %s) returning build_id", (due_on,)
        ).fetchone()[0]
    assert builds.has_work()
    with warehouse.connect() as connection:
        connection.execute("update ledger.build set as_at = now() where build_id = %s", (build_id,))
    assert not builds.has_work()


def test_the_command_lists_each_feed_with_what_did_not_come_and_the_delivery_to_look_at(agreed: FreshWarehouse) -> None:
    sign_agreement("sthk/admitted_patient_care", starts=date.today().replace(day=1))
    rejected = deliver_tenancies("a_mandatory_column_is_missing", "2019-02")
    listed = CliRunner().invoke(typer_app, ["promise", "list"], env={"COLUMNS": "200"})
    assert listed.exit_code == 0
    words = " ".join(listed.output.split())
    assert "torus/tenancies none 2019-02-01 missing" in words
    assert "and" in words and "before" in words
    assert "sthk/admitted_patient_care none up to date" in words
    one = CliRunner().invoke(typer_app, ["promise", "list", "--feed", "sthk"], env={"COLUMNS": "200"})
    assert "torus" not in one.output
    checked = CliRunner().invoke(typer_app, ["promise", "check"])
    assert checked.exit_code == 0
    assert "notifications queued: 0. Which ones: cares promise list" in checked.output
    (first, *_) = next(found for found in promises.standing("torus")).not_come
    assert (first.delivery_id, first.delivery_state) == (rejected.delivery_id, "rejected")
