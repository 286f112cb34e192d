"""The partnership's own facts: who had which service when, and whether it changed; what is owed for the record, and delayed days."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

import accepted_deliveries
from accepted_deliveries import Row, deliver
from cares import builds
from fresh_warehouse import FreshWarehouse

MONEY = "ccg/partnership_money"
DELAYS = "sthk/delayed_transfers"
AREAS = "ons/areas"
CENTRE_BEFORE, CENTRE_AFTER = "bridgewater/urgent_treatment_centre", "sthk/urgent_treatment_centre"
NOVEMBER = ("2019-11", date(2019, 11, 1), date(2019, 11, 30))
DECEMBER = ("2019-12", date(2019, 12, 1), date(2019, 12, 31))
JANUARY = ("2020-01", date(2020, 1, 1), date(2020, 1, 31))
FEBRUARY = ("2020-02", date(2020, 2, 1), date(2020, 2, 29))
MARCH = ("2020-03", date(2020, 3, 1), date(2020, 3, 31))
YEAR = ("2019-20", date(2019, 4, 1), date(2020, 3, 31))
accepted_deliveries.FORMAT_OF_FEED |= {
    AREAS: ("areas", "1"),
    CENTRE_BEFORE: ("ecds", "6.2.2"),
    CENTRE_AFTER: ("ecds", "6.2.2"),
}


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


def attendances(provider: str, month: str, left_at: str) -> list[Row]:
    """Twenty people at the Urgent Treatment Centre on the tenth of a month, who come at noon."""
    return [
        {
            "cds_unique_identifier": f"C-{month}-{number}", "emergency_care_attendance_identifier": f"A-{month}-{number}",
            "local_patient_identifier_extended": f"P{number}", "person_birth_date": f"{number + 1:02}/05/1950",
            "person_given_name": f"Name{number}", "emergency_care_department_type": "03",
            "organisation_identifier_code_of_provider": provider, "organisation_site_identifier_of_treatment": "RBNUT",
            "emergency_care_arrival_date": f"10/{month}", "emergency_care_arrival_time": "12:00:00",
            "emergency_care_departure_date": f"10/{month}", "emergency_care_departure_time": left_at,
            "primarykey_id": f"{month}-{number}",
        }
        for number in range(20)
    ]  # fmt: skip


def residents(sex: str, age_from: str, age_to: str, persons: str) -> Row:
    return {
        "area_code": "E08000013", "council_code": "E08000013", "year": "2019", "sex": sex, "age_from": age_from, "age_to": age_to,
        "persons": persons, "source": "made up",
    }  # fmt: skip


@pytest.fixture(scope="module")
def account(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """Two accounts of the partnership's money, the second of which puts a payment off, and three months of delayed days.

    The Urgent Treatment Centre moves on 1 December 2019. Its January never came; in February people wait an hour longer.
    """
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
    of_the_ccg = repayment("31/12/2019", "30.00", "20.00", "31/12/2019") | {
        "repayment_reference": "R2",
        "paid_by": "St Helens CCG",
    }
    second = common | {"repayments": [repayment("30/06/2099", "33.33", "10.00", "15/02/2020"), of_the_ccg]}
    deliver(warehouse_of_module, MONEY, JANUARY, "snapshot", first, accepted_at="2020-02-01")
    deliver(warehouse_of_module, MONEY, FEBRUARY, "snapshot", second, accepted_at="2020-03-01")
    for period, days in ((JANUARY, [310, 5]), (FEBRUARY, [58]), (MARCH, [90])):
        rows = [delayed(number, responsible) for number, responsible in zip(days, ("NHS", "Social Care"), strict=False)]
        deliver(warehouse_of_module, DELAYS, period, "period", {"delayed_days": rows})
    adults = [residents("F", "18", "", "73000"), residents("M", "18", "", "69000")]
    deliver(warehouse_of_module, AREAS, YEAR, "key", {"populations": [residents("F", "0", "17", "19000"), *adults]})
    for feed, period, rows in (
        (CENTRE_BEFORE, NOVEMBER, attendances("RY2", "11/2019", "13:00:00")),
        (CENTRE_AFTER, DECEMBER, attendances("RBN", "12/2019", "13:00:00")),
        (CENTRE_AFTER, FEBRUARY, attendances("RBN", "02/2020", "14:00:00")),
    ):
        deliver(warehouse_of_module, feed, period, "period", {"attendances": rows})
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
        """select version_number, is_in_force, due_on, outstanding_gbp, arrears_gbp from partnership.repayments
           where repayment_id = 'R1' order by 1"""
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


def test_who_owes_what_is_told_with_what_no_payment_covers_yet(account: FreshWarehouse) -> None:
    """The CCG bears 33.33, is to pay 30.00 and paid 20.00 of it by its day; the trust's day is far off."""
    found = account.rows(
        """select owed_by, owed_to, borne_gbp, due_gbp, paid_gbp, outstanding_gbp, arrears_gbp, not_scheduled_gbp, in_arrears_since,
             payments_put_off
           from partnership.record_owed order by owed_by""",
        role="governance",
    )
    council, third, ten, nothing = "ST HELENS COUNCIL", Decimal("33.33"), Decimal("10.00"), Decimal("0.00")
    assert found == [
        ("ST HELENS CCG", council, third, Decimal("30.00"), Decimal("20.00"), ten, ten, Decimal("3.33"), date(2019, 12, 31), 0),
        ("STHK", council, third, third, ten, Decimal("23.33"), nothing, nothing, None, 1),
    ]


def test_the_rate_of_delayed_days_is_that_of_adults(account: FreshWarehouse) -> None:
    """315 days in the 31 days of January are 10.2 people a day; of 142,000 adults in the middle of 2019 that is 7.2 of 100,000."""
    assert account.rows(
        """select delayed_per_day, delayed_days_per_100000, delayed_per_day_per_100000, adults from board.delayed_days
           where responsible = 'all' and reason = 'all' and month = '2020-01-01'""",
        role="governance",
    ) == [(Decimal("10.2"), Decimal("221.8"), Decimal("7.2"), 142000)]


def test_the_council_is_ranked_beside_councils_that_are_named_as_made_up(account: FreshWarehouse) -> None:
    """Five of nine other councils with a rate have a lower one, a tenth told nothing; England stands beside them."""
    others = "select distinct comes_from from board.delayed_days_rank where council <> 'E08000013'"
    assert account.rows(others, role="analyst") == [("SIMULATED: no real council",)]
    assert account.rows(
        """select responsible, rank, ranked_councils, councils_without_data, england_delayed_days from board.delayed_days_rank
           where council = 'E08000013' and month = '2020-01-01' order by responsible""",
        role="analyst",
    ) == [("NHS", 1, 1, 0, 96391), ("Social Care", None, 0, 1, 49112), ("all", 6, 10, 1, 160661)]


def test_at_its_site_a_service_that_moved_is_the_same_a_silent_month_is_no_zero_and_longer_waits_show(
    account: FreshWarehouse,
) -> None:
    assert account.rows(
        """select months_since_move, attended_as_shown, people, mean_minutes_in_department from board.moved_services
           where service = 'urgent treatment centre' and site_code = 'RBNUT' and months_since_move between -1 and 2
           order by month""",
        role="governance",
    ) == [
        (-1, "20", 20, Decimal(60)),
        (0, "20", 20, Decimal(60)),
        (1, "no data", None, None),
        (2, "20", 20, Decimal(120)),
    ]


def test_who_was_lost_at_a_move_is_not_judged_while_a_month_after_it_is_missing(account: FreshWarehouse) -> None:
    carried_over = "select distinct carried_over_percent from board.moved_services where service = 'urgent treatment centre'"
    assert account.rows(carried_over, role="governance") == [(None,)]
