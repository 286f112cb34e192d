"""Publishing, stepping back and dropping builds, on tables made by hand; tests/dbt has the real ones."""

from __future__ import annotations

import pytest

from cares import builds
from fresh_warehouse import FreshWarehouse


def finished_build(warehouse: FreshWarehouse, persons: str, outcome: str = "success") -> int:
    """A build whose only tables are linked_care.persons and insight.persons, made by the select `persons`."""
    build_id = builds.start_build()
    with warehouse.connect() as connection:
        for schema in builds.PUBLISHED_SCHEMAS:
            connection.execute(f"create schema {schema}__next")
            connection.execute(f"create table {schema}__next.persons as {persons}")
            connection.execute(f"comment on table {schema}__next.persons is 'People.'")
            connection.execute(f"comment on column {schema}__next.persons.a is 'A letter.'")
        for layer in (*builds.LAYERS, "person_index"):
            connection.execute(
                "insert into ledger.model_outcome (build_id, layer, model, kind, outcome) values (%s, %s, 'm', 'model', %s)",
                (build_id, layer, outcome if layer == "insight" else "success"),
            )
    return build_id


def states(warehouse: FreshWarehouse) -> list[str]:
    return [state for (state,) in warehouse.rows("select state from ledger.build order by build_id")]


def test_a_build_is_published_through_stable_views_with_comments(warehouse: FreshWarehouse) -> None:
    first = finished_build(warehouse, "select 1 as a")
    builds.publish(first)
    assert builds.published_build() == first
    assert warehouse.rows("select a from insight.persons", role="analyst") == [(1,)]
    assert warehouse.rows(
        "select obj_description('insight.persons'::regclass), col_description('insight.persons'::regclass, 1)"
    ) == [(f"People. Build {first}.", "A letter.")]


def test_views_that_others_made_on_a_published_view_follow_the_new_build(warehouse: FreshWarehouse) -> None:
    builds.publish(finished_build(warehouse, "select 1 as a"))
    with warehouse.connect() as connection:
        connection.execute("create schema theirs")
        connection.execute("create view theirs.persons as select a from insight.persons")
    builds.publish(finished_build(warehouse, "select 'x' as b, 2 as a"))
    assert warehouse.rows("select * from theirs.persons") == [(2,)]
    assert warehouse.rows("select * from insight.persons", role="analyst") == [(2, "x")]


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
        connection.execute("drop table insight__next.persons")
    with pytest.raises(builds.BuildError, match="no insight.persons"):
        builds.publish(second)


def test_a_build_with_a_failed_layer_is_not_published(warehouse: FreshWarehouse) -> None:
    failed = finished_build(warehouse, "select 1 as a", outcome="fail")
    with pytest.raises(builds.BuildError, match="insight"):
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
    assert warehouse.rows("select a, b from insight.persons", role="analyst") == [(1, None)]
    builds.publish(second)
    assert warehouse.rows("select a, b from insight.persons", role="analyst") == [(2, 3)]


def test_only_the_published_build_and_the_one_before_are_kept(warehouse: FreshWarehouse) -> None:
    for number in range(4):
        builds.publish(finished_build(warehouse, f"select {number} as a"))
    assert states(warehouse) == ["dropped", "dropped", "superseded", "published"]
    schemas = warehouse.rows("select nspname from pg_namespace where nspname like 'insight\\_\\_%%' order by nspname")
    assert len(schemas) == 2


def test_a_new_build_gives_up_one_that_was_left_unfinished(warehouse: FreshWarehouse) -> None:
    left = builds.start_build()
    builds.start_build()
    assert states(warehouse) == ["failed", "building"]
    with pytest.raises(builds.BuildError, match="is failed"):
        builds.update_person_index(left)


def test_work_is_there_only_after_something_was_accepted(warehouse: FreshWarehouse) -> None:
    assert not builds.has_work()
    with warehouse.connect() as connection:
        delivery_id = connection.execute(
            """insert into ledger.delivery (organisation, feed, format, period, period_start, period_end, fingerprint)
               values ('o', 'o/f', 'x', 'p', '2019-01-01', '2019-01-31', '') returning delivery_id"""
        ).fetchone()[0]
        connection.execute("insert into ledger.delivery_event (delivery_id, event) values (%s, 'received')", (delivery_id,))
    assert not builds.has_work()
    with warehouse.connect() as connection:
        connection.execute("insert into ledger.delivery_event (delivery_id, event) values (%s, 'accepted')", (delivery_id,))
    assert builds.has_work()
    builds.publish(finished_build(warehouse, "select 1 as a"))
    assert not builds.has_work()


def test_what_dbt_says_is_told_without_values() -> None:
    said = (
        'Database Error in model m\n  invalid input syntax for type date: "ZEBRA"\n  LINE 3: relation "staging.x" does not exist'
    )
    assert builds._safe(said) == 'relation "staging.x" does not exist'
    assert "ZEBRA" not in builds._safe('invalid input syntax for type date: "ZEBRA"')
