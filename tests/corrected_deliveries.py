"""What organisations send, send late, correct and take back: a few rows of each, and what is worked out from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg

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


def events(warehouse: FreshWarehouse) -> dict[str, list[dict[str, object]]]:
    """Every care event; the deliveries that it was made from are a set."""
    tables = {}
    for table in EVENTS:
        rows = [row for (row,) in warehouse.rows(f"select to_jsonb(event) from intermediate.{table} as event")]
        tables[table] = sorted((row | {"delivery_ids": sorted(set(row["delivery_ids"]))} for row in rows), key=str)
    return tables
