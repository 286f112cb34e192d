"""Late, corrected, repeated and withdrawn deliveries: only what they touch is worked out again, and it comes out right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from accepted_deliveries import Row
from cares import builds
from corrected_deliveries import (
    EVENTS,
    FEBRUARY,
    FIRST_QUARTER,
    FIRST_WINDOW,
    HOSPITAL,
    JANUARY,
    LEAP_FEBRUARY,
    MARCH,
    SECOND_QUARTER,
    SECOND_WINDOW,
    YEAR,
    YEAR_BEFORE,
    Borough,
    children,
    home,
    hospital,
    housing,
    member,
    placement,
    service,
    social_care,
    stay,
)
from fresh_warehouse import FreshWarehouse


def physical_rows_of_kept_tables(warehouse: FreshWarehouse) -> dict[str, set[tuple[str, str]]]:
    """Where each row of each staging table and each table of events lies, and which transaction wrote it there."""
    staging = warehouse.rows("select 'staging.' || tablename from pg_tables where schemaname = 'staging'")
    tables = [name for (name,) in staging] + [f"intermediate.{table}" for table in EVENTS]
    return {table: set(warehouse.rows(f"select ctid::text, xmin::text from {table}")) for table in tables}


def insight(warehouse: FreshWarehouse) -> dict[str, list[str]]:
    """Every row of every table that analysts read."""
    tables = warehouse.rows("select viewname from pg_views where schemaname = 'insight'")
    return {name: sorted(map(str, warehouse.rows(f"select * from insight.{name}", role="analyst"))) for (name,) in tables}


@dataclass(frozen=True)
class Hours:
    """A stay as the trust writes it, and how long it lasted."""

    spell: str
    admitted: str
    discharged: str
    days: int
    hours: float


CLOCK = (
    Hours("DST-SPRING", "2019-03-30 22:00", "2019-03-31 06:00", days=1, hours=7),
    Hours("DST-AUTUMN", "2018-10-27 22:00", "2018-10-28 06:00", days=1, hours=9),
    Hours("MIDNIGHT", "2019-03-04 00:00", "2019-03-05 00:00", days=1, hours=24),
    Hours("BEFORE-MIDNIGHT", "2019-06-30 23:59", "2019-07-01 00:01", days=1, hours=2 / 60),
    Hours("YEAR-END", "2018-12-31 23:30", "2019-01-01 01:30", days=1, hours=2),
)
LEAP_DAYS = (
    Hours("INTO-29-FEBRUARY", "2020-02-28 12:00", "2020-02-29 12:00", days=1, hours=24),
    Hours("OVER-29-FEBRUARY", "2020-02-28 12:00", "2020-03-01 12:00", days=2, hours=48),
)


def written(stays: Iterable[Hours]) -> list[Row]:
    return [
        stay(
            f"P-{hours.spell}", hours.spell, hours.admitted[:10], hours.discharged[:10],
            start_time_hospital_provider_spell=hours.admitted[11:], discharge_time_hospital_provider_spell=hours.discharged[11:],
        )
        for hours in stays
    ]  # fmt: skip


def clock_rows() -> list[Row]:
    # 1 a.m. comes twice in the night of 28 October and never in that of 31 March.
    no_such_time = Hours("NO-SUCH-TIME", "2019-03-31 01:30", "2019-03-31 03:30", days=0, hours=1)
    return written((*CLOCK, no_such_time))


def leap_year_rows() -> list[Row]:
    return written(LEAP_DAYS)


# D6: what a late period touches, and what it does not. ---------------------------------------------------------------

# As it arrived: of each feed a later period before an earlier one.
ARRIVED = (
    hospital(
        JANUARY,
        stay("P1", "S1", "2019-01-05", "2019-01-09"),
        stay("P2", "S2", "2019-01-30"),
        stay("P1", "", "2019-01-06"),
        stay(" ", "S8", "2019-01-07"),
        stay("", "S9", "2019-01-07"),
    ),
    hospital(MARCH, stay("P3", "S3", "2019-03-10", "2019-03-12"), *clock_rows()),
    hospital(LEAP_FEBRUARY, *leap_year_rows()),
    social_care(SECOND_QUARTER, SECOND_WINDOW, service("A1", "01/02/2019"), service("A3", "01/05/2019"), service("A2", "")),
    social_care(FIRST_QUARTER, FIRST_WINDOW, service("A4", "01/05/2018", "01/06/2018"), service("", "01/05/2018", "01/06/2018"),
                service("A9", "01/02/2019")),
    children(YEAR, placement("C1", "01/02/2018", "01/05/2018"), placement("", "01/02/2019")),
    children(YEAR_BEFORE, placement("C1", "01/02/2018"), placement("C2", "01/06/2017")),
    housing(FEBRUARY, [home("T1", "H1"), home("", "H2")], [member("H1", "T1"), member("H2", ""), member("", "T1")]),
    housing(JANUARY, [home("T1", "H9")], [member("H9", "T1")]),
)  # fmt: skip
ARRIVED_LATE = hospital(FEBRUARY, stay("P2", "S2", "2019-01-30", "2019-02-04"), stay("P4", "S4", "2019-02-10", "2019-02-11"))


@dataclass(frozen=True)
class LatePeriod:
    """A borough built, a period that came late, and the borough built again; the rows of each kept table before and after."""

    borough: Borough
    before: dict[str, set[tuple[str, str]]]
    after: dict[str, set[tuple[str, str]]]

    @property
    def warehouse(self) -> FreshWarehouse:
        return self.borough.warehouse


@pytest.fixture(scope="module")
def late_period(warehouse_of_module: FreshWarehouse) -> LatePeriod:
    """February, in which one stay of January ended, comes after all the rest was built."""
    borough = Borough(warehouse_of_module)
    borough.accept(*ARRIVED)
    builds.build()
    before = physical_rows_of_kept_tables(warehouse_of_module)
    borough.accept(ARRIVED_LATE)
    builds.build()
    return LatePeriod(borough, before, physical_rows_of_kept_tables(warehouse_of_module))


def test_a_late_period_works_out_the_events_that_it_tells_of_and_touches_no_other_row(late_period: LatePeriod) -> None:
    changed = {table: (len(rows - late_period.after[table]), len(late_period.after[table] - rows))
               for table, rows in late_period.before.items() if rows != late_period.after[table]}  # fmt: skip
    # (gone, new): the stay that went on into February is worked out again, and the one of February is new.
    assert changed == {"staging.stg_apc__episodes": (0, 2), "intermediate.int_hospital_stays": (1, 2)}


def test_a_late_period_stands_in_the_marts_in_its_own_place(late_period: LatePeriod) -> None:
    stays = late_period.warehouse.rows(
        """select spell_number, admitted_on, discharged_on, source_rows from linked_care.hospital_stays
           where spell_number in ('S1', 'S2', 'S3', 'S4') order by 1"""
    )
    assert stays == [
        ("S1", date(2019, 1, 5), date(2019, 1, 9), 1),
        ("S2", date(2019, 1, 30), date(2019, 2, 4), 2),
        ("S3", date(2019, 3, 10), date(2019, 3, 12), 1),
        ("S4", date(2019, 2, 10), date(2019, 2, 11), 1),
    ]
    by_month = late_period.warehouse.rows(
        "select period, deliveries from insight.feed_coverage where feed = %s and deliveries > 0 order by period", HOSPITAL
    )
    assert by_month == [("2019-01", 1), ("2019-02", 1), ("2019-03", 1), ("2020-02", 1)]


# D40: join keys that are missing. ------------------------------------------------------------------------------------


def test_rows_without_a_join_key_are_counted_with_the_reason_and_empty_no_mart(late_period: LatePeriod) -> None:
    counted = late_period.warehouse.rows("select staging_table, outcome, rows from linked_care.rows_accounted_for")
    assert set(counted) >= {
        ("stg_apc__episodes", "no local person id", 2),
        ("stg_apc__episodes", "no spell number", 1),
        ("stg_cld__events", "no local person id", 1),
        ("stg_cld__events", "no start date", 1),
        ("stg_cld__events", "in social_care_events", 3),
        ("stg_ssda903__episodes", "no local person id", 1),
        ("stg_ssda903__episodes", "in looked_after_episodes", 2),
        ("stg_housing__household_members", "no local person id", 1),
        ("stg_housing__household_members", "no tenancy reference", 1),
        ("stg_housing__household_members", "in tenancies", 1),
        ("stg_housing__tenancies", "no tenancy reference", 1),
        ("stg_housing__tenancies", "in tenancies", 1),
    }
    for mart in ("persons", "hospital_stays", "social_care_events", "looked_after_episodes", "tenancies", "care_timeline"):
        assert late_period.warehouse.rows(f"select count(*) > 0 from linked_care.{mart}") == [(True,)], mart


# D41: the clock on the wall. -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("expected", (*CLOCK, *LEAP_DAYS), ids=lambda expected: expected.spell)
def test_a_stay_has_its_days_on_the_calendar_and_its_hours_on_the_clock(late_period: LatePeriod, expected: Hours) -> None:
    ((admitted_on, discharged_on, days, hours, admitted_at),) = late_period.warehouse.rows(
        """select admitted_on, discharged_on, length_of_stay_days, extract(epoch from discharged_at - admitted_at)::float / 3600,
             admitted_at
           from linked_care.hospital_stays where spell_number = %s""",
        expected.spell,
    )
    assert (str(admitted_on), str(discharged_on)) == (expected.admitted[:10], expected.discharged[:10])
    assert (days, hours) == (expected.days, pytest.approx(expected.hours))
    written_at = datetime.strptime(expected.admitted, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo("Europe/London"))
    assert admitted_at == written_at


# D7, D37: the order in which deliveries come. ------------------------------------------------------------------------


def test_deliveries_that_come_out_of_order_end_as_they_would_in_order(late_period: LatePeriod) -> None:
    out_of_order = insight(late_period.warehouse)
    late_period.borough.withdraw_everything()
    late_period.borough.accept(*sorted((*ARRIVED, ARRIVED_LATE), key=lambda sent: sent.period[2]))
    builds.build(rebuild_staging=True)
    in_order = insight(late_period.warehouse)
    assert in_order == out_of_order
    told = {table for table, rows in in_order.items() if rows}
    assert {"persons", "care_timeline", "hospital_stays", "social_care_events", "coverage", "person_months"} <= told


# Which delivery took a row out of force. -----------------------------------------------------------------------------


def test_a_replaced_row_names_the_delivery_that_was_accepted_first_of_those_that_replace_it(late_period: LatePeriod) -> None:
    borough = late_period.borough
    borough.withdraw_everything()
    # Out of order on purpose: of two that replace the first, the later one is accepted first.
    january, march, february = borough.accept(
        *(housing(period, [home("T1", "H1")], [member("H1", "T1")]) for period in (JANUARY, MARCH, FEBRUARY))
    )
    telling, again = borough.accept(*[hospital(JANUARY, stay("P1", "S1", "2019-01-05"))] * 2)
    open_and_ended = service("A1", "01/01/2019"), service("A2", "01/05/2018", "01/06/2018")
    first, second, third = borough.accept(
        social_care(FIRST_QUARTER, FIRST_WINDOW, *open_and_ended),
        *[social_care(SECOND_QUARTER, SECOND_WINDOW, *open_and_ended)] * 2,
    )
    early, latest, early_again = borough.accept(
        *(children(period, placement("C1", "01/02/2018")) for period in (YEAR_BEFORE, YEAR, YEAR_BEFORE))
    )
    borough.run_layers("staging")

    def replaced(table: str) -> list[tuple[int, int | None]]:
        """(delivery, the one that replaced it) of each row; the moment is that delivery's acceptance, or the row's own."""
        rows = late_period.warehouse.rows(
            f"""select own.delivery_id, own.superseded_by_delivery_id,
                  own.superseded_at is not distinct from case when later.since is not null then greatest(own.accepted_at, later.since) end
                from staging.{table} as own left join ledger.in_force as later on later.delivery_id = own.superseded_by_delivery_id
                order by own.delivery_id, own.line_number"""
        )
        assert all(is_right_moment for *_, is_right_moment in rows), table
        return [(delivery_id, by) for delivery_id, by, _ in rows]

    snapshots = [(january, march), (march, None), (february, march)]
    assert replaced("stg_housing__tenancies") == replaced("stg_housing__household_members") == snapshots
    assert replaced("stg_apc__episodes") == [(telling, again), (again, None)]
    windows = [(first, second), (first, None), (second, third), (second, None), (third, None), (third, None)]
    assert replaced("stg_cld__events") == windows
    assert replaced("stg_ssda903__episodes") == [(early, latest), (latest, None), (early_again, latest)]
