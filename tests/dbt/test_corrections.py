"""Late, corrected, repeated and withdrawn deliveries: only what they touch is worked out again, and it comes out right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import psycopg
import pytest

from accepted_deliveries import Row, deliver
from cares import builds
from fresh_warehouse import FreshWarehouse

HOSPITAL = "sthk/admitted_patient_care"
SOCIAL_CARE = "council/adult_social_care"
CHILDREN = "council/looked_after_children"
HOUSING = "torus/tenancies"

Period = tuple[str, date, date]

JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
FEBRUARY = ("2019-02", date(2019, 2, 1), date(2019, 2, 28))
MARCH = ("2019-03", date(2019, 3, 1), date(2019, 3, 31))
APRIL = ("2019-04", date(2019, 4, 1), date(2019, 4, 30))
FIRST_QUARTER = ("2019-Q1", date(2019, 1, 1), date(2019, 3, 31))
LAST_QUARTER = ("2018-Q4", date(2018, 10, 1), date(2018, 12, 31))
SECOND_QUARTER = ("2019-Q2", date(2019, 4, 1), date(2019, 6, 30))
YEAR_BEFORE = ("2017-18", date(2017, 4, 1), date(2018, 3, 31))
YEAR = ("2018-19", date(2018, 4, 1), date(2019, 3, 31))
LEAP_FEBRUARY = ("2020-02", date(2020, 2, 1), date(2020, 2, 29))

FIRST_WINDOW = (date(2018, 4, 1), date(2019, 3, 31))
LAST_WINDOW = (date(2018, 1, 1), date(2018, 12, 31))
SECOND_WINDOW = (date(2018, 7, 1), date(2019, 6, 30))

EVENTS = ("int_hospital_stays", "int_social_care_events", "int_looked_after_episodes", "int_tenancies")


def stay(person: str, spell: str, admitted: str, discharged: str = "", episode: str = "1", **more: str) -> Row:
    return {
        "local_patient_identifier": person, "hospital_provider_spell_number": spell, "episode_number": episode,
        "start_date_hospital_provider_spell": admitted, "start_date_consultant_episode": admitted,
        "discharge_date_from_hospital_provider_spell": discharged, "person_given_name": f"Name{person}",
        "person_family_name": "Oak", "date_of_birth": "1950-03-04", "sex": "2",
    } | more  # fmt: skip


def service(person: str, start: str, end: str = "", component: str = "Reablement") -> Row:
    return {
        "la_person_unique_identifier": person, "event_type": "Service", "event_start_date": start, "event_end_date": end,
        "service_component": component, "first_name": f"Name{person}", "last_name": "Elm", "date_of_birth": "04/03/1950",
    }  # fmt: skip


def placement(child: str, start: str, end: str = "", place: str = "U6") -> Row:
    return {"child": child, "decom": start, "dec": end, "place": place}


def home(tenancy: str, main_tenant: str, address: str = "1 High Street") -> Row:
    return {
        "tenancy_reference": tenancy, "tenancy_start_date": "01/01/1990", "main_tenant_reference": main_tenant, "address": address,
    }  # fmt: skip


def member(person: str, tenancy: str) -> Row:
    return {"person_reference": person, "tenancy_reference": tenancy, "forename": f"Name{person}", "surname": "Ash"}


@dataclass(frozen=True)
class Sent:
    """What an organisation sends for a period, before it is accepted."""

    feed: str
    period: Period
    replaces: str
    tables: dict[str, list[Row]]
    window: tuple[date, date] | None = None


def hospital(period: Period, *episodes: Row) -> Sent:
    return Sent(HOSPITAL, period, "period", {"episodes": list(episodes)})


def social_care(period: Period, window: tuple[date, date], *events: Row) -> Sent:
    return Sent(SOCIAL_CARE, period, "window", {"events": list(events)}, window)


def children(period: Period, *episodes: Row) -> Sent:
    return Sent(CHILDREN, period, "key", {"episodes": list(episodes)})


def housing(period: Period, homes: list[Row], members: list[Row]) -> Sent:
    return Sent(HOUSING, period, "snapshot", {"tenancies": homes, "household_members": members})


@dataclass
class Borough:
    """A warehouse in which deliveries are accepted one after the other, each a minute after the one before."""

    warehouse: FreshWarehouse
    minutes: int = 0

    def accept(self, *all_sent: Sent) -> list[int]:
        """Accept what was sent, in this order; returns the numbers of the deliveries."""
        accepted = []
        for sent in all_sent:
            self.minutes += 1
            at = f"2020-07-01 {self.minutes // 60:02d}:{self.minutes % 60:02d}"
            accepted.append(deliver(self.warehouse, sent.feed, sent.period, sent.replaces, sent.tables, sent.window, at))
        return accepted

    def set_state(self, state: str, deliveries: list[int]) -> None:
        with self.warehouse.connect() as connection:
            connection.execute("update ledger.delivery set state = %s where delivery_id = any(%s)", (state, deliveries))

    def withdraw_everything(self) -> None:
        with self.warehouse.connect() as connection:
            connection.execute("update ledger.delivery set state = 'withdrawn'")

    def run_layers(self, *layers: str, full_refresh: bool = False) -> None:
        """Run layers of a build that is then given up."""
        build_id = builds.start_build()
        for layer in layers:
            builds.run_layer(build_id, layer, full_refresh)
        self.give_up()

    def give_up(self) -> None:
        with self.warehouse.connect() as connection:
            connection.execute("update ledger.build set state = 'failed' where state = 'building'")


def let_a_row_break_a_rule(warehouse: FreshWarehouse, delivery_id: int, line_number: int) -> None:
    """Set a row of a delivery aside."""
    with warehouse.connect() as connection:
        connection.execute(
            """insert into ledger.finding (delivery_id, file_id, line_number, table_name, rule, if_broken)
               select delivery_id, file_id, %s, table_name, 'test', 'set the row aside' from ledger.delivery_file
               where delivery_id = %s""",
            (line_number, delivery_id),
        )
        count_rows_anew(connection, delivery_id, accepted=-1)


def release_row(warehouse: FreshWarehouse, delivery_id: int, line_number: int) -> None:
    with warehouse.connect() as connection:
        connection.execute(
            """insert into ledger.row_release (file_id, line_number, released_by, reason)
               select file_id, %s, 'engineer', 'the trust says that it is right' from ledger.delivery_file where delivery_id = %s""",
            (line_number, delivery_id),
        )
        count_rows_anew(connection, delivery_id, accepted=1)


def end_the_release(warehouse: FreshWarehouse, delivery_id: int) -> None:
    with warehouse.connect() as connection:
        connection.execute(
            "update ledger.row_release set ended_at = clock_timestamp(), ended_by = 'engineer', end_reason = 'wrong'"
        )
        count_rows_anew(connection, delivery_id, accepted=-1)


def count_rows_anew(connection: psycopg.Connection, delivery_id: int, accepted: int) -> None:
    connection.execute(
        """update ledger.delivery_file set accepted_rows = accepted_rows + %(more)s, set_aside_rows = set_aside_rows - %(more)s
           where delivery_id = %(delivery)s""",
        {"more": accepted, "delivery": delivery_id},
    )
    connection.execute("update ledger.delivery set revision = revision + 1 where delivery_id = %s", (delivery_id,))


def physical_rows_of_kept_tables(warehouse: FreshWarehouse) -> dict[str, set[tuple[str, str]]]:
    """Where each row of each staging table and each table of events lies, and which transaction wrote it there."""
    staging = warehouse.rows("select 'staging.' || tablename from pg_tables where schemaname = 'staging'")
    tables = [name for (name,) in staging] + [f"intermediate.{table}" for table in EVENTS]
    return {table: set(warehouse.rows(f"select ctid::text, xmin::text from {table}")) for table in tables}


def events(warehouse: FreshWarehouse) -> dict[str, list[dict[str, object]]]:
    """Every care event; the deliveries that it was made from are a set."""
    tables = {}
    for table in EVENTS:
        rows = [row for (row,) in warehouse.rows(f"select to_jsonb(event) from intermediate.{table} as event")]
        tables[table] = sorted((row | {"delivery_ids": sorted(set(row["delivery_ids"]))} for row in rows), key=str)
    return tables


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
    assert all(in_order.values())


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


# D3, D4: whatever happens to deliveries, what is worked out again and what is worked out anew are the same. -----------


def test_events_worked_out_where_something_changed_are_those_of_a_whole_rebuild(
    late_period: LatePeriod, monkeypatch: pytest.MonkeyPatch
) -> None:
    borough = late_period.borough
    # Two layers at once, and of staging only what events are made from: this test builds often.
    staged = "stg_apc__episodes stg_cld__events stg_ssda903__episodes stg_housing__tenancies stg_housing__household_members"
    monkeypatch.setitem(builds.LAYERS, "staging of events", staged)
    monkeypatch.setitem(builds.LAYERS, "staging and events", f"{staged} {builds.LAYERS['care_events']}")
    corrections: list[int] = []
    april: list[int] = []

    def everything_before_withdrawn_and_a_first_load() -> None:
        borough.withdraw_everything()
        borough.accept(
            hospital(JANUARY, stay("P1", "S1", "2019-01-05"), stay("P2", "S2", "2019-01-07", "2019-01-08")),
            hospital(MARCH, stay("P1", "S1", "2019-01-05", "2019-03-09"), stay("P3", "S3", "2019-03-10")),
            social_care(
                FIRST_QUARTER,
                FIRST_WINDOW,
                service("A1", "01/05/2018", "01/06/2018"),
                service("A1", "01/02/2019"),
                service("A7", "01/02/2018"),
            ),
            children(YEAR, placement("C1", "01/02/2019"), placement("C2", "01/03/2019", "05/03/2019")),
            housing(FEBRUARY, [home("T1", "H1"), home("T2", "H2")], [member("H1", "T1"), member("H2", "T2"), member("H3", "T2")]),
        )

    def periods_that_come_late() -> None:
        borough.accept(
            hospital(FEBRUARY, stay("P1", "S1", "2019-01-05", episode="2"), stay("P4", "S4", "2019-02-10")),
            social_care(
                LAST_QUARTER,
                LAST_WINDOW,
                service("A1", "01/05/2018", "01/06/2018"),
                service("A3", "01/02/2018", "09/02/2018"),
                service("A7", "01/02/2018"),
            ),
            children(YEAR_BEFORE, placement("C1", "01/02/2019", "03/02/2019"), placement("C3", "01/02/2018")),
            housing(JANUARY, [home("T1", "H9")], [member("H9", "T1")]),
        )

    def corrections_with_rows_added_changed_and_left_out() -> None:
        corrections.extend(borough.accept(
            hospital(JANUARY, stay("P9", "S1", "2019-01-06"), stay("P5", "S5", "2019-01-09")),
            social_care(FIRST_QUARTER, FIRST_WINDOW, service("A2", "01/02/2019", component="Day care")),
            children(YEAR, placement("C2", "01/03/2019", "07/03/2019", place="K2")),
            housing(FEBRUARY, [home("T1", "H1", "2 Low Road")], [member("H1", "T1"), member("H3", "T2")]),
            housing(MARCH, [home("T1", "H3", "3 Low Road"), home("T2", "H3")], []),
        ))  # fmt: skip

    def the_corrections_withdrawn() -> None:
        borough.set_state("withdrawn", corrections)

    def the_corrections_accepted_again_and_a_row_set_aside() -> None:
        borough.set_state("accepted", corrections)
        told_again = stay("P1", "S1", "2019-01-05", "2019-04-02")
        april.extend(borough.accept(hospital(APRIL, stay("P6", "S6", "2019-04-01"), told_again)))
        let_a_row_break_a_rule(borough.warehouse, april[0], 3)

    def the_row_released() -> None:
        release_row(borough.warehouse, april[0], 3)

    def an_earlier_window_sent_again_without_the_service_that_the_later_one_left_out() -> None:
        borough.accept(social_care(
            LAST_QUARTER, LAST_WINDOW, service("A1", "01/05/2018", "01/06/2018"), service("A3", "01/02/2018", "09/02/2018")
        ))  # fmt: skip

    def the_row_set_aside_again_and_a_month_sent_as_it_was_otherwise_and_as_it_was() -> None:
        end_the_release(borough.warehouse, april[0])
        borough.accept(
            *(hospital(MARCH, stay("P1", "S1", "2019-01-05", day)) for day in ("2019-03-20", "2019-03-21", "2019-03-20"))
        )

    def changes_among_which_one_build_fails_and_one_shows_an_earlier_day() -> None:
        borough.set_state("withdrawn", april)
        borough.accept(hospital(FEBRUARY, stay("P7", "S7", "2019-02-01")))
        borough.run_layers("staging of events")
        borough.set_state("accepted", april)
        borough.set_state("withdrawn", corrections[1:])
        with borough.warehouse.connect() as connection:
            connection.execute("insert into ledger.build (state, rewound_to) values ('dropped', now())")
            connection.execute(
                """insert into ledger.model_outcome (build_id, layer, model, kind, outcome)
                   select max(build_id), 'care_events', unnest(%s::text[]), 'model', 'success' from ledger.build""",
                (list(EVENTS),),
            )

    def what_only_a_killed_build_had_seen_withdrawn() -> None:
        only_there = borough.accept(hospital(APRIL, stay("P8", "S8", "2019-04-08")))

        def kill(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as before_it_says_what_it_did, pytest.raises(KeyboardInterrupt):
            before_it_says_what_it_did.setattr(builds, "_record", kill)
            borough.run_layers("staging and events")
        borough.give_up()
        borough.set_state("withdrawn", only_there)
        borough.accept(hospital(MARCH, stay("P1", "S1", "2019-01-05", "2019-03-22")))

    def staging_made_anew_by_a_build_that_fails() -> None:
        with borough.warehouse.connect() as connection:
            connection.execute("update landing.apc__episodes set hospital_provider_spell_number = 'S7X'"
                               " where hospital_provider_spell_number = 'S7'")  # fmt: skip
        borough.run_layers("staging of events", full_refresh=True)

    def everything_withdrawn() -> None:
        borough.withdraw_everything()

    changes: tuple[Callable[[], None], ...] = (
        everything_before_withdrawn_and_a_first_load, periods_that_come_late, corrections_with_rows_added_changed_and_left_out,
        the_corrections_withdrawn, the_corrections_accepted_again_and_a_row_set_aside, the_row_released,
        an_earlier_window_sent_again_without_the_service_that_the_later_one_left_out,
        the_row_set_aside_again_and_a_month_sent_as_it_was_otherwise_and_as_it_was, changes_among_which_one_build_fails_and_one_shows_an_earlier_day,
        what_only_a_killed_build_had_seen_withdrawn, staging_made_anew_by_a_build_that_fails,
        everything_withdrawn,
    )  # fmt: skip
    before: dict[str, list[dict[str, object]]] = {}
    for change in changes:
        change()
        build_id = builds.start_build()
        builds.run_layer(build_id, "staging and events")
        worked_out_again = events(borough.warehouse)
        builds.run_layer(build_id, "care_events", full_refresh=True)
        borough.give_up()
        assert worked_out_again == events(borough.warehouse), change.__name__
        assert worked_out_again != before, f"{change.__name__} changed nothing"
        before = worked_out_again
    assert not any(before.values())
