"""Publishing, stepping back and dropping builds, on tables made by hand; tests/dbt has the real ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from cares import builds
from fresh_warehouse import FreshWarehouse


def finished_build(warehouse: FreshWarehouse, persons: str, outcome: str = "success") -> int:
    """A build whose only table with rows is `letters` in each published schema, made by the select `persons`."""
    build_id = builds.start_build()
    with warehouse.connect() as connection:
        for schema in builds.PUBLISHED_SCHEMAS:
            connection.execute(f"create schema {schema}__next")
            connection.execute(f"create table {schema}__next.letters as {persons}")
            connection.execute(f"comment on table {schema}__next.letters is 'People.'")
            connection.execute(f"comment on column {schema}__next.letters.a is 'A letter.'")
        # Nobody stands in it, so that nobody can be told apart.
        connection.execute(
            "create table insight__next.persons (guard_person_id bigint, age_band text, sex_code text, has_died boolean)"
        )
        for layer in (*builds.LAYERS, "person_index"):
            connection.execute(
                "insert into ledger.model_outcome (build_id, layer, model, kind, outcome) values (%s, %s, 'm', 'model', %s)",
                (build_id, layer, outcome if layer == "marts" else "success"),
            )
    return build_id


def states(warehouse: FreshWarehouse) -> list[str]:
    return [state for (state,) in warehouse.rows("select state from ledger.build order by build_id")]


def test_a_build_is_published_through_stable_views_with_comments(warehouse: FreshWarehouse) -> None:
    first = finished_build(warehouse, "select 1 as a")
    builds.publish(first)
    assert builds.published_build() == first
    assert warehouse.rows("select a from insight.letters", role="analyst") == [(1,)]
    assert warehouse.rows(
        "select obj_description('insight.letters'::regclass), col_description('insight.letters'::regclass, 1)"
    ) == [(f"People. Build {first}.", "A letter.")]


def test_views_that_others_made_on_a_published_view_follow_the_new_build(warehouse: FreshWarehouse) -> None:
    builds.publish(finished_build(warehouse, "select 1 as a"))
    with warehouse.connect() as connection:
        connection.execute("create schema theirs")
        connection.execute("create view theirs.letters as select a from insight.letters")
    builds.publish(finished_build(warehouse, "select 'x' as b, 2 as a"))
    assert warehouse.rows("select * from theirs.letters") == [(2,)]
    assert warehouse.rows("select * from insight.letters", role="analyst") == [(2, "x")]


@pytest.mark.parametrize(
    ("changed", "why"),
    [("select 1 as a", "would lose b"), ("select 'x'::text as a, 2 as b", "a from integer to text")],
)
def test_a_breaking_change_is_refused_and_the_earlier_build_stays(warehouse: FreshWarehouse, changed: str, why: str) -> None:
    first = finished_build(warehouse, "select 1 as a, 2 as b")
    builds.publish(first)
    broken = finished_build(warehouse, changed)
    with pytest.raises(builds.BuildError, match=why):
        builds.publish(broken)
    assert builds.published_build() == first
    assert states(warehouse) == ["published", "tested"]


def test_a_table_that_is_no_longer_built_stops_the_publication(warehouse: FreshWarehouse) -> None:
    builds.publish(finished_build(warehouse, "select 1 as a"))
    second = finished_build(warehouse, "select 1 as a")
    with warehouse.connect() as connection:
        connection.execute("drop table insight__next.letters")
    with pytest.raises(builds.BuildError, match="no insight.letters"):
        builds.publish(second)


def test_a_build_with_a_failed_layer_is_not_published(warehouse: FreshWarehouse) -> None:
    failed = finished_build(warehouse, "select 1 as a", outcome="fail")
    with pytest.raises(builds.BuildError, match="marts"):
        builds.publish(failed)
    assert builds.published_build() is None


def test_one_step_back_brings_the_build_before(warehouse: FreshWarehouse) -> None:
    first = finished_build(warehouse, "select 1 as a")
    builds.publish(first)
    with pytest.raises(builds.BuildError, match="no earlier build"):
        builds.back()
    second = finished_build(warehouse, "select 2 as a, 3 as b")
    builds.publish(second)
    assert builds.back() == first
    assert warehouse.rows("select a, b from insight.letters", role="analyst") == [(1, None)]
    builds.publish(second)
    assert warehouse.rows("select a, b from insight.letters", role="analyst") == [(2, 3)]


def test_only_the_published_build_and_the_one_before_are_kept(warehouse: FreshWarehouse) -> None:
    for number in range(4):
        builds.publish(finished_build(warehouse, f"select {number} as a"))
    assert states(warehouse) == ["dropped", "dropped", "superseded", "published"]
    schemas = warehouse.rows("select nspname from pg_namespace where nspname like 'insight\\_\\_%%' order by nspname")
    assert len(schemas) == 2


def test_a_new_build_gives_up_one_that_was_left_in_the_middle_of_a_step(
    warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: str, rewound: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(builds, "_run_dbt", killed)
    left = builds.start_build()
    with pytest.raises(KeyboardInterrupt):
        builds.run_layer(left, "person_records")
    builds.start_build()
    assert states(warehouse) == ["failed", "building"]
    with pytest.raises(builds.BuildError, match="is failed"):
        builds.update_person_index(left)


def test_a_new_build_gives_up_one_whose_next_step_never_came(warehouse: FreshWarehouse) -> None:
    builds.start_build()
    with warehouse.connect() as connection:
        connection.execute("update ledger.build set waiting_since = now() - interval '16 minutes'")
    builds.start_build()
    assert states(warehouse) == ["failed", "building"]


def test_a_build_between_two_of_its_steps_is_not_disturbed(warehouse: FreshWarehouse) -> None:
    made_by_steps = builds.start_build()
    with pytest.raises(builds.BuildError, match=f"Build {made_by_steps} is being made, step by step"):
        builds.build()
    assert states(warehouse) == ["building"]


def test_a_second_build_waits_for_the_whole_first_one(warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(build_id: int) -> None:
        with warehouse.connect() as connection:
            connection.execute("update ledger.build set state = 'tested' where build_id = %s", (build_id,))

    monkeypatch.setattr(builds, "LAYERS", {})
    monkeypatch.setattr(builds, "publish", end)
    with ThreadPoolExecutor() as others:
        second = []

        def start_another(step: str) -> None:
            second.append(others.submit(builds.build))
            wait_until_somebody_waits(warehouse, "ledger.build")
            assert states(warehouse) == ["building"]

        builds.build(say=start_another)
        second[0].result()
    assert states(warehouse) == ["tested", "tested"]


def wait_until_somebody_waits(warehouse: FreshWarehouse, table: str) -> None:
    """Return when a transaction asks for a lock on a table and does not get it."""
    waiting = "select exists (select from pg_locks where not granted and relation = %s::regclass)"
    while not warehouse.rows(waiting, table)[0][0]:
        pass


def test_no_reader_can_hold_builds_up(warehouse: FreshWarehouse) -> None:
    for role in ("analyst", "engineer", "governance"):
        with warehouse.connect(role) as reader:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute("lock table ledger.build in share update exclusive mode")
            reader.rollback()
            with warehouse.connect(options="-c lock_timeout=1s") as pipeline:
                pipeline.execute("lock table ledger.build in share update exclusive mode")


@pytest.mark.parametrize("role", ["analyst", "engineer", "governance"])
def test_no_reader_leaves_a_large_object_or_takes_our_locks(warehouse: FreshWarehouse, role: str) -> None:
    for statement in ("select lo_create(0)", "select lo_from_bytea(0, 'x')", "select pg_advisory_lock(1)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            warehouse.rows(statement, role=role)


def test_an_analyst_who_goes_away_in_a_transaction_is_let_go(warehouse: FreshWarehouse) -> None:
    assert warehouse.rows("show idle_in_transaction_session_timeout", role="analyst") == [("5min",)]


def test_publishing_waits_for_a_reader_in_short_tries(warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    builds.publish(finished_build(warehouse, "select 1 as a"))
    second = finished_build(warehouse, "select 2 as a")
    with warehouse.connect("analyst") as reader:
        reader.execute("select a from insight.letters")

        def reader_ends(seconds: float) -> None:
            assert warehouse.rows("select a from insight.letters", role="analyst") == [(1,)]
            reader.commit()

        monkeypatch.setattr(builds, "_SECONDS_A_TRY", 1)
        monkeypatch.setattr(builds.time, "sleep", reader_ends)
        builds.publish(second)
    assert warehouse.rows("select a from insight.letters", role="analyst") == [(2,)]


def test_a_reader_who_never_ends_does_not_hold_a_build_up_for_ever(
    warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = finished_build(warehouse, "select 1 as a")
    builds.publish(first)
    second = finished_build(warehouse, "select 2 as a")
    monkeypatch.setattr(builds, "_SECONDS_A_TRY", 1)
    monkeypatch.setattr(builds, "_SECONDS_BETWEEN_TRIES", 0)
    monkeypatch.setattr(builds, "_TRIES_TO_PUBLISH", 2)
    with warehouse.connect("analyst") as reader:
        reader.execute("select a from insight.letters")
        with pytest.raises(builds.BuildError, match=f"cares build publish {second}"):
            builds.publish(second)
    assert (states(warehouse), builds.published_build()) == (["published", "tested"], first)
    builds.publish(second)
    assert builds.published_build() == second


def delivery(warehouse: FreshWarehouse) -> int:
    with warehouse.connect() as connection:
        return connection.execute(
            """insert into ledger.delivery (organisation, feed, format, period, period_start, period_end, fingerprint)
               values ('o', 'o/f', 'x', 'p', '2019-01-01', '2019-01-31', '') returning delivery_id"""
        ).fetchone()[0]


def accept(connection: psycopg.Connection, delivery_id: int) -> None:
    connection.execute(
        "update ledger.delivery set state = 'accepted', accepted_at = now() where delivery_id = %s", (delivery_id,)
    )


def test_work_is_there_after_something_was_accepted_revised_or_withdrawn(warehouse: FreshWarehouse) -> None:
    delivery_id = delivery(warehouse)
    assert not builds.has_work()
    for change in (
        "update ledger.delivery set state = 'accepted', accepted_at = now()",
        "update ledger.delivery set revision = 2",
        "update ledger.delivery set state = 'withdrawn'",
    ):
        with warehouse.connect() as connection:
            connection.execute(change)
        assert builds.has_work()
        builds.publish(finished_build(warehouse, "select 1 as a"))
        assert not builds.has_work()
    with warehouse.connect() as connection:
        connection.execute("update ledger.delivery set state = 'rejected' where delivery_id = %s", (delivery_id,))
    assert not builds.has_work()


def test_a_delivery_whose_decision_ends_after_the_build_began_is_work_for_the_next(warehouse: FreshWarehouse) -> None:
    delivery_id = delivery(warehouse)
    with warehouse.connect() as deciding:
        accept(deciding, delivery_id)
        build_id = finished_build(warehouse, "select 1 as a")
    builds.publish(build_id)
    assert builds.has_work()
    assert warehouse.rows("select * from ledger.build_delivery") == []


def test_a_failed_build_has_seen_nothing(warehouse: FreshWarehouse) -> None:
    delivery_id = delivery(warehouse)
    with warehouse.connect() as connection:
        accept(connection, delivery_id)
    failed = builds.start_build()
    assert warehouse.rows("select build_id, delivery_id, revision from ledger.build_delivery") == [(failed, delivery_id, 1)]
    with pytest.raises(builds.BuildError), builds._step(failed):
        raise builds.BuildError("one of its models failed")
    assert builds.has_work()


def test_what_dbt_says_is_told_without_values() -> None:
    said = (
        'Database Error in model m\n  invalid input syntax for type date: "ZEBRA"\n  LINE 3: relation "staging.x" does not exist'
    )
    assert builds._safe(said) == 'relation "staging.x" does not exist'
    assert "ZEBRA" not in builds._safe('invalid input syntax for type date: "ZEBRA"')


def test_nothing_is_built_from_a_delivery_whose_rows_do_not_add_up(warehouse: FreshWarehouse) -> None:
    delivery_id = delivery(warehouse)
    with warehouse.connect() as connection:
        accept(connection, delivery_id)
        connection.execute(
            """insert into ledger.delivery_file (delivery_id, table_name, file_name, sha256, bytes, stored_as,
                 received_rows, landed_rows, unreadable_rows, accepted_rows, set_aside_rows)
               values (%s, 't', 't.csv', '', 0, '', 10, 9, 0, 9, 0)""",
            (delivery_id,),
        )
    with pytest.raises(builds.BuildError, match=f"The rows of delivery {delivery_id} do not add up .* replay {delivery_id}"):
        builds.start_build()
    assert states(warehouse) == []
