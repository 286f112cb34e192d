"""Kept identities: what a person is called stays, through whatever is found out about who is who.

A person is written as the letters of its records: "abc" are the records a, b and c of one person.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterable
from typing import Any

import psycopg
import pytest

from cares.person_index import identities
from cares.warehouse import WarehouseError, safe_errors
from fresh_warehouse import FreshWarehouse

CURRENT = "select person_record_id, person_id from person_index.membership where valid_to is null"


def hand_over(connection: psycopg.Connection, clusters: Iterable[str], gone: Iterable[str]) -> None:
    """Make the temporary tables that say what an update touched."""
    connection.execute("create temporary table cluster (person_record_id text, cluster text, rule text) on commit drop")
    connection.execute("create temporary table gone (person_record_id text) on commit drop")
    with connection.cursor() as cursor:
        rows = [(record, f"cluster {place}", "test") for place, cluster in enumerate(clusters) for record in cluster]
        cursor.executemany("insert into cluster values (%s, %s, %s)", rows)
        cursor.executemany("insert into gone values (%s)", [(record,) for record in gone])


def touch(warehouse: FreshWarehouse, *clusters: str, gone: str = "") -> identities.IndexSummary:
    """An update that touched these records only."""
    with safe_errors(), warehouse.connect() as connection:
        hand_over(connection, clusters, gone)
        return identities.keep(connection, time.monotonic())


def keep(warehouse: FreshWarehouse, *clusters: str) -> identities.IndexSummary:
    """An update after which there are exactly these records."""
    return touch(warehouse, *clusters, gone="".join(persons(warehouse).keys() - set("".join(clusters))))


def persons(warehouse: FreshWarehouse) -> dict[str, int]:
    return dict(warehouse.rows(CURRENT))


def events(warehouse: FreshWarehouse) -> list[str]:
    return [kind for (kind,) in warehouse.rows("select kind from person_index.event order by event_id")]


def everything(warehouse: FreshWarehouse) -> list[list[tuple[Any, ...]]]:
    """The tables of persons, memberships and events, whole."""
    return [warehouse.rows(f"select * from person_index.{table} order by 1") for table in ("person", "membership", "event")]


def decide(warehouse: FreshWarehouse, records: str, decision: str, is_sealed: bool = False) -> None:
    with warehouse.connect() as connection:
        connection.execute(
            """insert into person_index.pair_decision (record_l, record_r, decision, is_sealed, decided_by, reason)
               values (%s, %s, %s, %s, 'a clerk', 'seen both letters')""",
            (*records, decision, is_sealed),
        )


def test_the_same_records_again_change_nothing(warehouse: FreshWarehouse) -> None:
    keep(warehouse, "ab", "c")
    before = everything(warehouse)
    summary = keep(warehouse, "c", "ba")
    assert everything(warehouse) == before
    assert (summary.created, summary.merged, summary.split, summary.moved, summary.retired) == (0, 0, 0, 0, 0)
    assert (summary.person_records, summary.persons) == (3, 2)


def test_two_persons_found_to_be_one_merge_into_the_larger_and_the_history_stays(warehouse: FreshWarehouse) -> None:
    keep(warehouse, "ab", "c")
    before = persons(warehouse)
    keep(warehouse, "abc")
    assert persons(warehouse) == {"a": before["a"], "b": before["a"], "c": before["a"]}
    assert warehouse.rows("select person_id, other_person_id from person_index.event where kind = 'merged'") == [
        (before["a"], before["c"])
    ]
    assert warehouse.rows("select person_id from person_index.person where retired_at is not null") == [(before["c"],)]
    assert warehouse.rows(
        "select person_id from person_index.membership where person_record_id = 'c' and valid_to is not null"
    ) == [(before["c"],)]


def test_a_person_found_to_be_two_splits_and_the_larger_part_keeps_the_id(warehouse: FreshWarehouse) -> None:
    keep(warehouse, "abc")
    before = persons(warehouse)["a"]
    keep(warehouse, "ab", "c")
    found = persons(warehouse)
    assert found["a"] == found["b"] == before
    assert found["c"] > before
    assert events(warehouse)[1:] == ["created", "split"]


def test_a_record_that_changes_hands_is_moved(warehouse: FreshWarehouse) -> None:
    keep(warehouse, "abd", "c")
    before = persons(warehouse)
    keep(warehouse, "ab", "cd")
    assert persons(warehouse)["d"] == before["c"]
    assert warehouse.rows("select person_id, other_person_id, person_record_id from person_index.event where kind = 'moved'") == [
        (before["c"], before["a"], "d")
    ]


def test_an_id_is_never_used_again(warehouse: FreshWarehouse) -> None:
    keep(warehouse, "a")
    gone = persons(warehouse)["a"]
    keep(warehouse, "b")
    assert events(warehouse) == ["created", "created", "retired"]
    keep(warehouse, "a", "b")
    assert persons(warehouse)["a"] != gone


def test_an_id_survives_a_retraining_by_the_largest_overlap(warehouse: FreshWarehouse) -> None:
    keep(warehouse, "abcde", "fgh", "ij")
    before = persons(warehouse)
    keep(warehouse, "abc", "dfg", "ehij")
    found = persons(warehouse)
    assert (found["a"], found["f"], found["i"]) == (before["a"], before["f"], before["i"])
    assert events(warehouse)[3:] == ["moved"] * 3


def test_what_was_not_touched_is_not_looked_at(warehouse: FreshWarehouse) -> None:
    keep(warehouse, "ab", "c", "d")
    before = persons(warehouse)
    summary = touch(warehouse, "cx", gone="d")
    found = persons(warehouse)
    assert {record: found[record] for record in "abc"} == {record: before[record] for record in "abc"}
    assert found["x"] == before["c"] and "d" not in found
    assert events(warehouse)[3:] == ["retired"]
    assert (summary.person_records, summary.persons) == (4, 2)


def test_half_a_person_is_refused(warehouse: FreshWarehouse) -> None:
    keep(warehouse, "abc", "d")
    before = everything(warehouse)
    with pytest.raises(WarehouseError, match="without 2 others of the same person"):
        touch(warehouse, "ad")
    assert everything(warehouse) == before


def test_the_order_of_the_rows_and_the_names_of_the_clusters_change_nothing(warehouse: FreshWarehouse) -> None:
    keep(warehouse, "ab", "cd", "ef", "gh", "ijk")
    now = ["ace", "bdf", "g", "h", "iz", "jy", "k", "x", "w"]
    results = []
    for seed in range(6):
        dice = random.Random(seed)
        clusters = ["".join(dice.sample(cluster, len(cluster))) for cluster in dice.sample(now, len(now))]
        with warehouse.connect() as connection:
            hand_over(connection, clusters, "")
            first_new = connection.execute("select max(person_id) + 1 from person_index.person").fetchone()[0]
            identities.keep(connection, time.monotonic())
            persons = dict(connection.execute(CURRENT).fetchall())
            events = connection.execute("select kind, person_id, other_person_id from person_index.event order by event_id")
            # A number that was given and taken back is not given again, so that new ones are told by their order.
            new = sorted({person for person in persons.values() if person >= first_new})
            told = {person: f"new {place}" for place, person in enumerate(new)}
            results.append(
                (
                    {record: told.get(person, person) for record, person in persons.items()},
                    [(kind, told.get(person, person), other) for kind, person, other in events],
                )
            )
            connection.rollback()
    assert all(result == results[0] for result in results)


def test_judging_what_was_touched_gives_what_judging_everything_gives(warehouse: FreshWarehouse) -> None:
    records = "abcdefghijklmnopqrstuvwxyz"
    for seed in range(8):
        dice = random.Random(seed)

        def parts(of: str, dice: random.Random = dice) -> set[str]:
            found: dict[int, str] = {}
            for record in of:
                place = dice.randrange(8)
                found[place] = found.get(place, "") + record
            return set(found.values())

        # The letters from o on stay as they were.
        steady = parts(records[14:])
        keep(warehouse, *sorted(parts(records[:14]) | steady))
        now = parts(records[2:14])
        outcomes = []
        for clusters in (now, now | steady):
            with warehouse.connect() as connection:
                hand_over(connection, sorted(clusters), "ab")
                identities.keep(connection, time.monotonic())
                found = dict(connection.execute(CURRENT).fetchall())
                known = {person for (person,) in warehouse.rows("select person_id from person_index.person")}
                outcomes.append({record: person if person in known else "new" for record, person in found.items()})
                connection.rollback()
        assert outcomes[0] == outcomes[1]


def test_a_decision_that_takes_effect_or_is_taken_back_is_written_down_once(warehouse: FreshWarehouse) -> None:
    keep(warehouse, "ab", "c", "d")
    decide(warehouse, "ab", "must not link")
    decide(warehouse, "bc", "must link")
    decide(warehouse, "cd", "must not link", is_sealed=True)
    keep(warehouse, "a", "bc", "d")
    keep(warehouse, "a", "bc", "d")
    decided = [
        (record_l + record_r, kind)
        for record_l, record_r, kind in warehouse.rows(
            "select record_l, record_r, kind from person_index.event join person_index.pair_decision using (decision_id)"
            " order by event_id"
        )
    ]
    assert decided == [("ab", "decided"), ("bc", "decided")]
    with warehouse.connect() as connection:
        connection.execute(
            "update person_index.pair_decision set undone_at = now(), undone_by = 'a clerk', undone_because = 'other letters'"
        )
    keep(warehouse, "a", "bc", "d")
    keep(warehouse, "a", "bc", "d")
    assert events(warehouse)[-2:] == ["undone", "undone"] and events(warehouse).count("undone") == 2


def test_who_was_who_at_an_earlier_moment_can_be_read(warehouse: FreshWarehouse) -> None:
    keep(warehouse, "ab")
    before = persons(warehouse)
    moment = warehouse.rows("select clock_timestamp()")[0][0]
    keep(warehouse, "a", "bc")
    assert dict(warehouse.rows("select person_record_id, person_id from person_index.membership_as_at(%s)", moment)) == before
    now = "select person_record_id, person_id from person_index.membership_as_at(clock_timestamp())"
    assert dict(warehouse.rows(now)) == persons(warehouse)


class Killed(psycopg.Connection):
    """A connection whose process is killed when it asks for one statement too many."""

    statements_left = 1_000

    def execute(self, *arguments: Any, **options: Any) -> Any:
        if not self.statements_left:
            os.kill(os.getpid(), signal.SIGKILL)
        self.statements_left -= 1
        return super().execute(*arguments, **options)


def test_an_update_that_is_killed_at_any_point_leaves_the_index_as_it_was(warehouse: FreshWarehouse) -> None:
    keep(warehouse, "ab", "cd", "e")
    before = everything(warehouse)
    killed = 0
    while _update_killed_after(warehouse, statements=killed):
        assert everything(warehouse) == before
        killed += 1
    assert killed > 15
    # The last one did all its work and was ended before it could make it final.
    assert everything(warehouse) == before


def _update_killed_after(warehouse: FreshWarehouse, statements: int) -> bool:
    """Update in a process of its own, which is killed at its next statement after so many; False if there was no other."""
    child = os.fork()
    if child == 0:
        try:
            connection = Killed.connect(warehouse.url())
            hand_over(connection, ["a", "bcd", "f"], "e")
            connection.statements_left = statements
            identities.keep(connection, time.monotonic())
            os._exit(0)
        finally:
            os._exit(1)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, -signal.SIGKILL)
    return ended == -signal.SIGKILL
