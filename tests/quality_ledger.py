"""A ledger as the quality report finds it, written row by row; the tests of the report share it."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

import psycopg

from cares import contracts

HOSPITAL = "sthk/admitted_patient_care"
NHS_NUMBER_RULE = "episodes.NHS Number.nhs_number"


class Ledger:
    """Writes deliveries, checks and builds through one connection."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._numbers = itertools.count(1)

    def simulated(self) -> None:
        """Say that the data come from the simulator."""
        self.connection.execute(
            """insert into governance.sharing_agreement
                 (agreement, feed, purposes, signed_on, in_force_from, on_ending)
               values ('SIMULATED schedule 3', %s, '{planning}', '2018-09-01', '2018-10-01', 'stop')""",
            (HOSPITAL,),
        )

    def delivery(
        self,
        feed: str,
        period: str,
        table: str,
        accepted: int,
        set_aside: int = 0,
        unreadable: int = 0,
        state: str = "accepted",
        problem: str | None = None,
        reason: str | None = None,
        file_name: str | None = None,
    ) -> int:
        """One delivery of one file; returns its number."""
        promised = contracts.load().feed(feed)
        days = promised.period(period)
        row = self.connection.execute(
            """insert into ledger.delivery
                 (organisation, feed, format, period, period_start, period_end, state, accepted_at, reason, fingerprint)
               values (%s, %s, %s, %s, %s, %s, %s, now(), %s, 'f') returning delivery_id""",
            (promised.organisation, feed, promised.format.name, period, days.start, days.end, state, reason),
        ).fetchone()
        assert row
        landed = None if problem else accepted + set_aside
        self.connection.execute(
            """insert into ledger.delivery_file
                 (delivery_id, table_name, file_name, sha256, bytes, stored_as,
                  received_rows, landed_rows, unreadable_rows, accepted_rows, set_aside_rows, problem)
               values (%s, %s, %s, 's', 1, 'x', %s, %s, %s, %s, %s, %s)""",
            (
                row[0],
                table,
                file_name or f"{table}.csv",
                accepted + set_aside + unreadable,
                landed,
                unreadable,
                accepted,
                set_aside,
                problem,
            ),
        )
        return int(row[0])

    def check(self, delivery: int, table: str, rule: str, sentence: str, if_broken: str, rows: int, broken: int) -> None:
        """The outcome of one rule."""
        self.connection.execute(
            """insert into ledger.check_result (delivery_id, table_name, rule, sentence, if_broken, rows_checked, rows_broken)
               values (%s, %s, %s, %s, %s, %s, %s)""",
            (delivery, table, rule, sentence, if_broken, rows, broken),
        )

    def nhs_numbers(self, delivery: int, rows: int, broken: int) -> None:
        """The outcome of the rule on the hospital's NHS numbers."""
        sentence = "NHS Number is an NHS number of ten digits"
        self.check(delivery, "episodes", NHS_NUMBER_RULE, sentence, "set the value aside", rows, broken)

    def build(self, state: str = "published", as_at: date | None = None) -> int:
        """One build of the deliveries accepted until `as_at`; returns its number."""
        row = self.connection.execute(
            """insert into ledger.build (state, as_at, finished_at, published_at)
               values (%s, coalesce(%s::timestamptz, now()), now(), now()) returning build_id""",
            (state, as_at),
        ).fetchone()
        assert row
        self.connection.execute(
            """insert into ledger.build_delivery (build_id, delivery_id, revision)
               select build_id, delivery_id, revision from ledger.delivery, ledger.build
               where build_id = %s and delivery.state in ('accepted', 'superseded') and accepted_at <= as_at""",
            (row[0],),
        )
        return int(row[0])

    def outcome(self, build: int, model: str, outcome: str, kind: str = "model", rows: int | None = None) -> None:
        """How one model of a build ended."""
        self.connection.execute(
            "insert into ledger.model_outcome (build_id, layer, model, kind, outcome, rows) values (%s, 'marts', %s, %s, %s, %s)",
            (build, model, kind, outcome, rows),
        )

    def people(self, with_nhs_number: int, without_nhs_number: int) -> None:
        """As many persons as that, each known to the hospital only."""
        self.connection.execute(
            "create table if not exists intermediate.int_person_records"
            " (person_record_id text, organisation text, source text, nhs_number text, is_nhs_number_verified boolean,"
            " forename text, surname text, born_on date)"
        )
        for has_nhs_number in [True] * with_nhs_number + [False] * without_nhs_number:
            record = f"sthk/apc/{next(self._numbers)}"
            self.connection.execute(
                "insert into intermediate.int_person_records (person_record_id, organisation, source, nhs_number)"
                " values (%s, 'sthk', 'apc', %s)",
                (record, "9434765919" if has_nhs_number else None),
            )
            self.connection.execute(
                """with person as (insert into person_index.person default values returning person_id)
                   insert into person_index.membership (person_record_id, person_id, rule)
                   select %s, person_id, 'alone' from person""",
                (record,),
            )

    def judged_by_answer_key(self, build: int, people: int, recovered: int, linked: int, true: int, right: int) -> None:
        """How far the person index agreed with the simulator when a build was made."""
        self.connection.execute(
            """insert into person_index.judged_by_answer_key
                 (build_id, person_records, persons, true_persons, recovered_persons, linked_pairs, true_pairs, pairs_right)
               values (%s, 1000, %s, %s, %s, %s, %s, %s)""",
            (build, people, people, recovered, linked, true, right),
        )

    def judged_sample(self, share: float, lower: float, upper: float) -> None:
        """A sample of 198 linked pairs that people judged, and two of which they were unsure."""
        self.connection.execute(
            """insert into person_index.judged_sample (judged_at, judged_by, judged, unsure, share_right, lower, upper)
               values ('2019-08-01', 'clerk', 198, 2, %s, %s, %s)""",
            (share, lower, upper),
        )


def small_borough(ledger: Ledger) -> int:
    """A year of simulated deliveries with most of what can go wrong, and a published build; returns its number."""
    ledger.simulated()
    months = ["2018-10", "2018-11", "2018-12", *(f"2019-{month:02}" for month in range(1, 11))]
    for number, month in enumerate(months):
        if month == "2019-04":
            continue
        if month == "2019-06":
            problem = f"{HOSPITAL}/episodes: episodes.csv: line 1: the mandatory column NHS Number is missing; send it"
            ledger.delivery(HOSPITAL, month, "episodes", 0, state="rejected", problem=problem, reason=problem)
            continue
        accepted = 9_600 + 37 * (number % 5) - (2_500 if month == "2019-09" else 0)
        delivery = ledger.delivery(HOSPITAL, month, "episodes", accepted, set_aside=60 + number, unreadable=number % 4)
        rows = accepted + 60 + number
        ledger.nhs_numbers(delivery, rows, 280 if number < len(months) - 1 else 312)
        expected = "Episode Number is always filled"
        ledger.check(delivery, "episodes", "episodes.Episode Number.filled", expected, "set the row aside", rows, 60 + number)
        ledger.check(delivery, "episodes", "episodes.Sex.one_of", "Sex is one of the accepted codes for sex", "warn", rows, 4)
        key = "no two rows of a file have the same Episode Number and NHS Number"
        ledger.check(delivery, "episodes", "episodes.key.unique", key, "warn", rows, 0)
    for quarter in ("2018-Q4", "2019-Q1", "2019-Q2"):
        ledger.delivery("council/adult_social_care", quarter, "events", 2_417, set_aside=3, unreadable=1)
    ledger.delivery("council/adult_social_care", "2019-Q3", "events", 1_900, set_aside=500, state="held", reason="500 of 2400")
    ledger.delivery("council/looked_after_children", "2018-19", "episodes", 512, set_aside=9)
    ledger.delivery("council/childrens_person_file", "2018-10", "people", 333)
    for month in months:
        ledger.delivery("torus/tenancies", month, "tenancies", 21_480, set_aside=2)
    build = ledger.build()
    ledger.people(240, 31)
    ledger.judged_by_answer_key(build, people=271, recovered=262, linked=1_204, true=1_230, right=1_202)
    ledger.judged_sample(0.985, 0.957, 0.997)
    ledger.outcome(build, "persons", "success", rows=271)
    ledger.outcome(build, "persons_person_id_is_unique", "pass", kind="test")
    ledger.outcome(build, "care_timeline", "success", rows=4)
    return build
