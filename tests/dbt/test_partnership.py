"""The partnership's own facts: who had which service when, what is owed for the record, and where the council stands on delayed days."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from accepted_deliveries import Row, deliver
from cares import builds
from fresh_warehouse import FreshWarehouse

MONEY = "ccg/partnership_money"
DELAYS = "sthk/delayed_transfers"
JANUARY = ("2020-01", date(2020, 1, 1), date(2020, 1, 31))
FEBRUARY = ("2020-02", date(2020, 2, 1), date(2020, 2, 29))
MARCH = ("2020-03", date(2020, 3, 1), date(2020, 3, 31))


def repayment(due: str, amount: str, paid: str = "", paid_on: str = "") -> Row:
    return {
        "repayment_reference": "R1", "paid_by": "STHK", "paid_to": "St Helens Council", "due_date": due, "amount_due": amount,
        "paid_date": paid_on, "amount_paid": paid,
    }  # fmt: skip


def delayed(days: int, responsible: str = "NHS") -> Row:
    return {
        "provider_code": "RBN", "council_code": "E08000013", "reason": "A", "responsible_organisation": responsible,
        "setting": "Acute", "delayed_days": str(days),
    }  # fmt: skip


@pytest.fixture(scope="module")
def account(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """Two accounts of the partnership's money, the second of which puts a payment off, and three months of delayed days."""
    bill = {
        "cost_reference": "B1",
        "kind": "Licence",
        "bill_date": "01/09/2019",
        "paid_by": "St Helens Council",
        "amount": "100.00",
    }
    shares = [
        {"cost_reference": "B1", "partner": partner, "share": share}
        for partner, share in [("St Helens Council", "33.34"), ("St Helens CCG", "33.33"), ("STHK", "33.33")]
    ]
    saving = {"scheme_reference": "S1", "month_ending": "31/01/2020", "basis": "Actual", "evidence": "Measured"}
    savings = [
        saving | {"partner": "St Helens Council", "effect": "Saves", "amount": "500.10"},
        saving | {"partner": "St Helens CCG", "effect": "Pays", "amount": "500.10"},
    ]
    common = {"record_costs": [bill], "record_cost_shares": shares, "savings": savings}
    first = common | {"repayments": [repayment("31/01/2020", "33.33")]}
    second = common | {"repayments": [repayment("30/06/2099", "33.33", "10.00", "15/02/2020")]}
    deliver(warehouse_of_module, MONEY, JANUARY, "snapshot", first, accepted_at="2020-02-01")
    deliver(warehouse_of_module, MONEY, FEBRUARY, "snapshot", second, accepted_at="2020-03-01")
    for period, days in ((JANUARY, [310, 5]), (FEBRUARY, [58]), (MARCH, [90])):
        rows = [delayed(number, responsible) for number, responsible in zip(days, ("NHS", "Social Care"), strict=False)]
        deliver(warehouse_of_module, DELAYS, period, "period", {"delayed_days": rows})
    builds.build()
    return warehouse_of_module


def test_a_cost_that_moves_to_another_partner_saves_nothing(account: FreshWarehouse) -> None:
    assert account.rows("select partner, net_gbp from partnership.savings order by partner", role="analyst") == [
        ("ST HELENS CCG", Decimal("-500.10")),
        ("ST HELENS COUNCIL", Decimal("500.10")),
    ]
    assert account.rows("select sum(net_gbp) from partnership.savings") == [(0,)]


def test_each_bears_a_third_and_who_paid_first_bears_the_odd_penny(account: FreshWarehouse) -> None:
    assert account.rows("select partner, share_gbp, third_gbp, unshared_gbp from partnership.record_costs order by partner") == [
        ("ST HELENS CCG", Decimal("33.33"), Decimal("33.33"), Decimal("0.00")),
        ("ST HELENS COUNCIL", Decimal("33.34"), Decimal("33.34"), Decimal("0.00")),
        ("STHK", Decimal("33.33"), Decimal("33.33"), Decimal("0.00")),
    ]


def test_a_payment_that_was_put_off_is_in_arrears_no_more_and_its_first_day_is_kept(account: FreshWarehouse) -> None:
    assert account.rows(
        "select version_number, is_in_force, due_on, outstanding_gbp, arrears_gbp from partnership.repayments order by 1"
    ) == [
        (1, False, date(2020, 1, 31), Decimal("33.33"), Decimal("33.33")),
        (2, True, date(2099, 6, 30), Decimal("23.33"), Decimal("0.00")),
    ]


def test_delayed_days_end_in_february_2020_and_small_ones_are_hidden(account: FreshWarehouse) -> None:
    assert account.rows(
        """select month, responsible, delayed_days_as_shown from board.delayed_days
           where reason = 'all' order by month, responsible""",
        role="governance",
    ) == [
        (date(2020, 1, 1), "NHS", "310"),
        (date(2020, 1, 1), "Social Care", "*"),
        (date(2020, 1, 1), "all", "315"),
        (date(2020, 2, 1), "NHS", "60"),
        (date(2020, 2, 1), "all", "60"),
    ]


def test_a_service_that_moved_has_both_its_providers_with_their_days(account: FreshWarehouse) -> None:
    assert account.rows(
        """select delivered_by_code, valid_from, valid_until from partnership.services
           where service = 'urgent treatment centre' order by provider_number"""
    ) == [("RY2", None, date(2019, 11, 30)), ("RBN", date(2019, 12, 1), None)]


def test_agreements_are_reported_with_the_state_of_each_body(account: FreshWarehouse) -> None:
    told = dict(account.rows("select body, state from partnership.agreements where agreement = 'collaboration agreement'"))
    assert told["Bridgewater"] == "proposed"
    assert told["St Helens council"] == "delegated"
