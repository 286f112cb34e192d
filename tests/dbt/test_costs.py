"""What care costs, from the rows that organisations send to the months that analysts read: activity times unit cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from accepted_deliveries import Row
from cares import builds
from corrected_deliveries import Borough, Sent, hospital, service, social_care, stay
from fresh_warehouse import FreshWarehouse

UNIT_COSTS = "council/unit_costs"
FEBRUARY = ("2020-02", date(2020, 2, 1), date(2020, 2, 29))
MARCH = ("2020-03", date(2020, 3, 1), date(2020, 3, 31))
YEAR = ("2019-20", date(2019, 4, 1), date(2020, 3, 31))
QUARTER = ("2020-Q1", date(2020, 1, 1), date(2020, 3, 31))


def price(activity: str, unit: str, pounds: str) -> Row:
    return {
        "activity": activity,
        "unit": unit,
        "cost": pounds,
        "borne_by": "NHS",
        "source": "a made-up list",
        "price_year": "2019-20",
    }


@pytest.fixture(scope="module")
def costed(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """An emergency stay of four nights over the end of February 2020, another still going on, a planned stay that no list prices,
    and home care of 14 hours a week at 15 pounds from 16 February."""
    emergency = {"admission_method_hospital_provider_spell": "21", "patient_classification": "1"}
    planned = {"admission_method_hospital_provider_spell": "11", "patient_classification": "1"}
    edith = {"person_given_name": "Edith", "date_of_birth": "1931-01-09"}
    harold = {"person_given_name": "Harold", "date_of_birth": "1944-12-20"}
    joan = {"person_given_name": "Joan", "date_of_birth": "1958-06-30"}
    home_care = service("A", "16/02/2020", component="Home Support") | {
        "client_type": "Service User", "unit_cost": "15.00", "cost_frequency_unit_type": "Per hour", "planned_units_per_week": "14",
    }  # fmt: skip
    borough = Borough(warehouse_of_module)
    borough.accept(
        Sent(UNIT_COSTS, YEAR, "key", {"unit_costs": [price("non-elective spell", "spell", "1793.75")]}),
        hospital(FEBRUARY, stay("P", "S1", "2020-02-27", "2020-03-02", **emergency, **edith)),
        hospital(
            MARCH,
            stay("Q", "S2", "2020-03-30", **emergency, **harold),
            stay("R", "S3", "2020-03-10", "2020-03-12", **planned, **joan),
        ),
        social_care(QUARTER, (date(2019, 4, 1), date(2020, 3, 31)), home_care),
    )
    builds.build()
    return warehouse_of_module


def test_each_month_bears_its_nights_and_days_and_what_has_no_price_is_named(costed: FreshWarehouse) -> None:
    costs = costed.rows(
        """select month, activity, days, units, cost_gbp, source from linked_care.person_costs
           order by activity, person_id, month"""
    )
    assert costs == [
        (date(2020, 3, 1), "elective spell", 2, Decimal(1), None, "no price"),
        # 14 days of February, the 29th among them, and all of March: as far as the council tells.
        (date(2020, 2, 1), "home care", 14, Decimal(28), Decimal("420.00"), "told with the service"),
        (date(2020, 3, 1), "home care", 31, Decimal(62), Decimal("930.00"), "told with the service"),
        (date(2020, 2, 1), "non-elective spell", 3, Decimal("0.75"), Decimal("1345.31"), "a made-up list"),
        (date(2020, 3, 1), "non-elective spell", 1, Decimal("0.25"), Decimal("448.44"), "a made-up list"),
        # The nights of 30 and 31 March, after which nothing is told.
        (date(2020, 3, 1), "non-elective spell", 2, Decimal(1), Decimal("1793.75"), "a made-up list"),
    ]


def test_analysts_read_the_same_pounds_by_month_and_how_much_care_has_no_price(costed: FreshWarehouse) -> None:
    months = costed.rows(
        """select month, sum(hospital_nights), sum(home_care_days), sum(cost_gbp), sum(unpriced_care_events)
           from insight.person_months group by month order by month""",
        role="analyst",
    )
    assert months == [
        (date(2020, 2, 1), 3, 14, Decimal("1765.31"), 0),
        (date(2020, 3, 1), 5, 31, Decimal("3172.19"), 1),
    ]


def test_a_month_of_which_only_hospitals_told_has_no_days_at_home_not_none(costed: FreshWarehouse) -> None:
    """Care at home is told by the council and by community services; of the latter nothing came."""
    shift = costed.rows("select month, coverage, home_days from board.setting_shift where cohort = 'all' order by month")
    assert [row for row in shift if row[0] >= date(2020, 2, 1)] == [
        (date(2020, 2, 1), "no data of care at home", None),
        (date(2020, 3, 1), "no data of care at home", None),
    ]
