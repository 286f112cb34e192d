"""A delivery with far more or fewer rows than usual waits for a word; what chance explains does not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cares import contracts, deliveries
from end_to_end.receiving import sign_agreement
from fresh_warehouse import FreshWarehouse
from quality_ledger import Ledger

TORUS = "torus/tenancies"
HEADER = (
    "Tenancy Reference,Property Reference,UPRN,Address,Postcode,Tenure,Sheltered,Tenancy Start Date,Tenancy End Date,"
    "Main Tenant Reference"
)
MONTHS = ["2019-01", "2019-02", "2019-03"]


@pytest.fixture(autouse=True)
def agreement(warehouse: FreshWarehouse) -> None:
    sign_agreement(TORUS)


def usually(warehouse: FreshWarehouse, rows: int, months: list[str] = MONTHS) -> None:
    """Accepted months of so many tenancies."""
    with warehouse.connect() as connection:
        for month in months:
            Ledger(connection).delivery(TORUS, month, "tenancies", rows)


def receive(folder: Path, rows: int, period: str = "2019-04") -> deliveries.Decision:
    """Receive a file of so many tenancies."""
    tenancies = [f"T{number},P{number},,{number} Duke Street,WA10 2BQ,Assured,N,02/04/2015,,M{number}" for number in range(rows)]
    file = folder / "tenancies.csv"
    file.write_text("\r\n".join([HEADER, *tenancies, ""]), encoding="utf-8")
    return deliveries.receive(TORUS, [file], period)


@pytest.mark.parametrize(
    ("usual", "came", "state"),
    [
        (100, 40, "held"),
        (100, 49, "held"),
        (100, 50, "accepted"),
        (100, 200, "accepted"),
        (100, 201, "held"),
        (12, 5, "accepted"),
        (8, 17, "held"),
        (6, 13, "accepted"),
        (0, 3, "accepted"),
        (0, 4, "held"),
    ],
    ids=[
        "60 % fewer", "51 % fewer", "half", "twice", "more than twice",
        "7 of 12 fewer, as chance may have it", "9 of 8 more, which chance does not explain", "7 of 6 more, as chance may have it",
        "some where there are none, as chance may have it", "more than chance brings where there are none",
    ],
)  # fmt: skip
def test_half_or_twice_the_usual_rows_is_the_limit_of_the_contract(
    warehouse: FreshWarehouse, tmp_path: Path, usual: int, came: int, state: str
) -> None:
    usually(warehouse, usual)
    assert receive(tmp_path, came).state == state


def test_what_is_held_says_what_is_unusual_and_what_to_do(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    usually(warehouse, 100)
    decision = receive(tmp_path, 40)
    assert decision.reason == (
        "tenancies has 40 rows where 100 are usual; ask the sender whether that is right, "
        "then release it with a reason or ask for the whole delivery again"
    )
    assert warehouse.rows("select held_for from ledger.delivery where delivery_id = %s", decision.delivery_id) == [
        ("an unusual volume",)
    ]
    assert warehouse.rows("select count(*) from accepted.housing__tenancies") == [(0,)]


def test_a_word_releases_it_and_then_it_is_part_of_what_is_usual(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    usually(warehouse, 100)
    held = receive(tmp_path, 40)
    deliveries.act("release", held.delivery_id, "Torus sold an estate")
    assert warehouse.rows("select count(*) from accepted.housing__tenancies") == [(40,)]
    assert deliveries.decide(held.delivery_id).state == "accepted"
    for period, state in (("2019-05", "held"), ("2019-06", "held"), ("2019-07", "accepted")):
        later = receive(tmp_path, 41, period)
        assert later.state == state
        if state == "held":
            deliveries.act("release", later.delivery_id, "Torus sold an estate")


def test_too_few_periods_say_nothing_of_what_is_usual(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    usually(warehouse, 100, MONTHS[:2])
    assert receive(tmp_path, 1).state == "accepted"


def test_one_month_out_of_the_ordinary_does_not_move_what_is_usual(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    usually(warehouse, 100)
    usually(warehouse, 5_000, ["2018-12"])
    assert receive(tmp_path, 90).state == "accepted"


def test_a_late_period_is_measured_by_those_around_it_and_a_correction_too(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    usually(warehouse, 100)
    assert receive(tmp_path, 40, "2018-12").state == "held"
    assert receive(tmp_path, 30, "2019-02").state == "held"
    assert receive(tmp_path, 99, "2019-02").state == "accepted"


def test_what_was_rejected_or_withdrawn_is_not_usual(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    usually(warehouse, 100)
    with warehouse.connect() as connection:
        connection.execute("update ledger.delivery set state = 'withdrawn' where period = '2019-03'")
    assert receive(tmp_path, 10).state == "accepted"


def test_real_deliveries_make_the_usual_and_the_contract_says_how_far_is_far(
    warehouse: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for month in MONTHS:
        assert receive(tmp_path, 40, month).state == "accepted"
    as_promised = contracts.load()
    for percent, period, state in ((10, "2019-04", "held"), (100, "2019-05", "accepted")):
        torus = as_promised.organisations["torus"]
        feed = torus.feeds["tenancies"]
        file = feed.file.model_copy(update={"hold_when_rows_differ_from_usual_by_percent": percent})
        changed = dataclasses.replace(torus, feeds={"tenancies": dataclasses.replace(feed, file=file)})
        monkeypatch.setattr(
            contracts,
            "load",
            lambda changed=changed: dataclasses.replace(
                as_promised, organisations={**as_promised.organisations, "torus": changed}
            ),
        )
        assert receive(tmp_path, 19, period).state == state
