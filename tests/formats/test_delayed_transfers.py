"""Delayed transfers of care by provider and council: reasons, who is answerable, and a series that ended."""

from __future__ import annotations

import pytest

from cares import contracts, deliveries
from end_to_end.receiving import sign_agreement
from formats.examples import accept, broken_rules, receive, stage
from fresh_warehouse import FreshWarehouse

FEED = "sthk/delayed_transfers"
FEBRUARY = "delayed_transfers/february_2020"


@pytest.fixture(scope="module")
def staged(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """The last month of the return."""
    sign_agreement(FEED)
    accept(FEED, FEBRUARY, "2020-02")
    stage()
    return warehouse_of_module


def test_days_are_told_apart_by_reason_and_by_who_is_answerable(staged: FreshWarehouse) -> None:
    of_st_helens = staged.rows(
        """select delay_reason_code, responsible_code, setting_code, delayed_days
           from staging.stg_delayed_transfers__delayed_days where council_code = 'E08000013' order by line_number"""
    )
    assert of_st_helens == [
        ("A", "SOCIAL CARE", "ACUTE", 31),
        ("C", "NHS", "ACUTE", 58),
        ("DI", "SOCIAL CARE", "ACUTE", 29),
        ("DII", "SOCIAL CARE", "ACUTE", 14),
        ("DII", "BOTH", "ACUTE", 6),
        ("E", "SOCIAL CARE", "ACUTE", 87),
        ("G", "NHS", "ACUTE", 12),
        ("E", "SOCIAL CARE", "NON-ACUTE", 0),
    ]


def test_a_care_home_without_the_kind_of_home_and_a_cell_given_twice_are_found(staged: FreshWarehouse) -> None:
    assert broken_rules(staged, FEED) == [
        ("delayed_days.key.unique", 10, "warn"),
        ("delayed_days.Reason.one_of", 12, "set the row aside"),
        ("delayed_days.key.unique", 13, "warn"),
    ]


def test_nothing_after_february_2020_is_taken_as_if_the_series_went_on(staged: FreshWarehouse) -> None:
    with pytest.raises(deliveries.DeliveryRefused, match="after the last one of this feed"):
        receive(FEED, FEBRUARY, "2020-03")
    feed = contracts.load().feed(FEED)
    with pytest.raises(contracts.ContractError, match="no version of delayed_transfers governs the period 2020-03"):
        feed.version(feed.period("2020-03"))
