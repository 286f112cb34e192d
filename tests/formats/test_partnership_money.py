"""The partnership's money: who saves and who pays are kept apart, and pence reconcile."""

from __future__ import annotations

from decimal import Decimal

import pytest

from end_to_end.receiving import sign_agreement
from formats.examples import accept, broken_rules, receive, stage
from fresh_warehouse import FreshWarehouse

FEED = "ccg/partnership_money"
PERIOD = "2019-03"


@pytest.fixture(scope="module")
def staged(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """The account up to March 2019, and one in which a scheme stands twice."""
    sign_agreement(FEED)
    accept(FEED, "partnership_money/account_to_march_2019", PERIOD)
    assert receive(FEED, "partnership_money/a_scheme_twice", PERIOD).state == "rejected"
    stage()
    return warehouse_of_module


def test_what_a_scheme_saves_one_partner_is_never_set_off_against_what_another_pays(staged: FreshWarehouse) -> None:
    of_march = staged.rows(
        """select partner_code, effect_code, basis_code, amount_gbp from staging.stg_partnership_money__savings
           where scheme_id = 'S01' and month_ended_on = '2019-03-31' order by line_number"""
    )
    assert of_march == [
        ("ST HELENS COUNCIL", "SAVES", "PLAN", Decimal("40000.00")),
        ("ST HELENS COUNCIL", "SAVES", "ACTUAL", Decimal("38100.05")),
        ("ST HELENS CCG", "PAYS", "PLAN", Decimal("10000.00")),
        ("ST HELENS CCG", "PAYS", "ACTUAL", Decimal("12250.75")),
    ]


def test_the_shares_of_all_partners_make_up_each_bill_to_the_penny(staged: FreshWarehouse) -> None:
    left = staged.rows(
        """select bill.cost_id, bill.amount_gbp - sum(share.share_gbp)
           from staging.stg_partnership_money__record_costs as bill
           join staging.stg_partnership_money__record_cost_shares as share using (cost_id)
           group by bill.cost_id, bill.amount_gbp order by 1"""
    )
    assert left == [("B01", Decimal("0.00")), ("B02", Decimal("0.00"))]


def test_what_is_owed_still_is_known_to_the_penny(staged: FreshWarehouse) -> None:
    owed = staged.rows(
        """select paid_by_code, sum(due_gbp - coalesce(paid_gbp, 0)) from staging.stg_partnership_money__repayments
           where paid_to_code = 'ST HELENS COUNCIL' group by 1 order by 1"""
    )
    assert owed == [("ST HELENS CCG", Decimal("13333.33")), ("STHK", Decimal("8500.33"))]


def test_an_amount_without_pence_an_unknown_scheme_and_a_saving_without_evidence_are_found(staged: FreshWarehouse) -> None:
    assert broken_rules(staged, FEED) == [
        ("savings.Amount.pounds_and_pence", 11, "set the row aside"),
        ("savings.Evidence.filled_when", 12, "warn"),
        ("savings.Scheme Reference.refers_to", 12, "warn"),
    ]


def test_a_scheme_that_stands_twice_rejects_the_account(staged: FreshWarehouse) -> None:
    assert broken_rules(staged, FEED, state="rejected") == [
        ("schemes.key.unique", 2, "reject the delivery"),
        ("schemes.key.unique", 3, "reject the delivery"),
    ]
