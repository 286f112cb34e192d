"""The calendar of a feed: which periods were promised, and what is to be said of each on a day."""

from __future__ import annotations

from datetime import date

import pytest

from cares import contracts
from cares.calendar import Agreed, Horizon, Promised, promised_periods
from cares.contracts import Arrives, Feed, Period, period_of

# Torus: each month, due within 7 days after it ends, missing 14 days after that.
TORUS = contracts.load().feed("torus/tenancies")
SINCE_DECEMBER = Agreed(date(2019, 12, 1))


def labels(feed: Feed, agreed: Agreed | None, came: list[Period], horizon: Horizon) -> list[str]:
    return [promised.period.label for promised in promised_periods(feed, agreed, came, horizon)]


def with_first_period(label: str) -> Feed:
    arrives = TORUS.file.arrives.model_copy(update={"first_period": label})
    return Feed(TORUS.slug, TORUS.organisation, TORUS.file.model_copy(update={"arrives": arrives}), TORUS.format)


@pytest.mark.parametrize(
    ("day", "kind", "label"),
    [
        (date(2020, 2, 29), "month", "2020-02"),
        (date(2019, 12, 31), "quarter", "2019-Q4"),
        (date(2020, 1, 1), "quarter", "2020-Q1"),
        (date(2020, 3, 31), "financial year", "2019-20"),
        (date(2020, 4, 1), "financial year", "2020-21"),
        (date(1999, 12, 31), "financial year", "1999-00"),
        (date(2020, 2, 29), "day", "2020-02-29"),
    ],
)
def test_every_day_lies_in_one_period(day: date, kind: contracts.PeriodKind, label: str) -> None:
    period = period_of(day, kind)
    assert period.label == label
    assert period.start <= day <= period.end


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("day", "20190331"),
        ("day", "2019-W13-7"),
        ("quarter", "２０１９-Q1"),
        ("financial year", "２０１８-19"),
        ("month", "9999-12"),
    ],
)
def test_a_period_has_one_label_and_others_are_refused(kind: contracts.PeriodKind, label: str) -> None:
    with pytest.raises(contracts.ContractError, match="write it like"):
        contracts.parse_period(label, kind)


@pytest.mark.parametrize(
    ("day", "status"),
    [
        (date(2020, 2, 29), "expected"),
        (date(2020, 3, 1), "due"),
        (date(2020, 3, 7), "due"),
        (date(2020, 3, 8), "late"),
        (date(2020, 3, 21), "late"),
        (date(2020, 3, 22), "missing"),
    ],
    ids=["the leap day ends the month", "over", "its last day in time", "late", "late for 14 days", "missing"],
)
def test_a_month_that_ends_with_the_leap_day(day: date, status: str) -> None:
    (february,) = (one for one in promised_periods(TORUS, SINCE_DECEMBER, [], Horizon(day)) if one.period.label == "2020-02")
    assert february.status(day, has_arrived=False) == status
    assert february.status(day, has_arrived=True) == "arrived"


def test_december_is_due_in_the_new_year() -> None:
    (december, january) = promised_periods(TORUS, SINCE_DECEMBER, [], Horizon(date(2020, 1, 1)))
    assert december == Promised(period_of(date(2019, 12, 1), "month"), date(2020, 1, 7), date(2020, 1, 21))
    assert (december.status(date(2020, 1, 1), False), january.status(date(2020, 1, 1), False)) == ("due", "expected")


def test_a_feed_is_promised_from_the_first_whole_period_under_its_agreement_until_the_agreement_ends() -> None:
    day = Horizon(date(2020, 6, 1))
    assert labels(TORUS, Agreed(date(2020, 1, 1), date(2020, 3, 31)), [], day) == ["2020-01", "2020-02", "2020-03"]
    assert labels(TORUS, Agreed(date(2020, 1, 2), date(2020, 3, 30)), [], day) == ["2020-02"]
    assert labels(TORUS, None, [], day) == []


def test_a_feed_is_promised_from_the_first_period_that_came_where_that_is_earlier() -> None:
    came = [TORUS.period("2019-11")]
    assert labels(TORUS, Agreed(date(2020, 1, 1)), came, Horizon(date(2020, 1, 31))) == ["2019-11", "2019-12", "2020-01"]


def test_the_contract_may_name_the_first_period_and_what_came_before_it_is_still_there() -> None:
    came = [TORUS.period("2019-06")]
    assert labels(with_first_period("2019-12"), Agreed(date(2019, 1, 1)), came, Horizon(date(2020, 1, 1))) == [
        "2019-06", "2019-12", "2020-01",
    ]  # fmt: skip


def test_a_first_period_of_another_kind_is_refused_with_what_to_write() -> None:
    with pytest.raises(ValueError, match="the period '2019-Q1' is not a month; write it like 2019-03"):
        Arrives(by="folder", every="month", due_days_after_period=7, first_period="2019-Q1")


def test_what_was_over_before_the_signature_is_due_as_if_it_had_ended_with_it() -> None:
    (december, *_) = promised_periods(TORUS, Agreed(date(2020, 3, 1)), [TORUS.period("2019-12")], Horizon(date(2020, 3, 2)))
    assert december.due_on == date(2020, 3, 8)


def test_data_that_stand_still_are_never_late_outside_their_own_years() -> None:
    came = [TORUS.period("2019-02"), TORUS.period("2019-04")]
    horizon = Horizon.of(date(2026, 1, 1), came, stand_still=True)
    assert labels(TORUS, Agreed(date(2019, 1, 1)), came, horizon) == ["2019-02", "2019-03", "2019-04"]
    assert labels(TORUS, Agreed(date(2019, 1, 1)), [], Horizon.of(date(2026, 1, 1), [], stand_still=True)) == []
