"""The facts of an earlier day, again: what was accepted, released and linked then, and nothing that came since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from cares import builds, deliveries
from cares.deliveries import Row
from end_to_end.receiving import deliver_with_changes, sign_agreement
from fresh_warehouse import FreshWarehouse

Facts = dict[str, list[str]]


@dataclass(frozen=True)
class Story:
    """What analysts read on the earlier day and after all that came since; and what the rebuilt day shows."""

    then: Facts
    later: Facts
    rebuilt: Facts
    published: int
    rebuilt_build: int


@pytest.fixture(scope="module")
def story(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """March is delivered with a bad row and published. Then the row is released, somebody's NHS number becomes known, a
    household leaves, April comes and is withdrawn; and all of that is published."""
    sign_agreement("torus/tenancies")
    march = deliver_with_changes(tmp_path_factory.mktemp("march"), ("02/04/2015,,M001", "30/02/2015,,M001"))
    other = deliver_with_changes(tmp_path_factory.mktemp("february"), period="2019-02")
    builds.build()
    then, day = facts(warehouse_of_module, "insight"), datetime.now(UTC)

    deliveries.release_rows([Row(march.delivery_id, "tenancies", 2)], "The day is not known")
    deliver_with_changes(tmp_path_factory.mktemp("corrected"), ("Assured", "Secure"), period="2019-02")
    april = deliver_with_changes(tmp_path_factory.mktemp("april"), ("T012,", "T099,"), ("Assured", "Licence"), period="2019-04")
    deliveries.act("withdraw", march.delivery_id, "Torus sends it again")
    published = builds.build()
    later = facts(warehouse_of_module, "insight")
    assert {other.state, april.state} == {"accepted"}

    rebuilt_build = builds.rebuild(day)
    yield Story(then, later, facts(warehouse_of_module, "insight_as_at"), published, rebuilt_build)


def facts(warehouse: FreshWarehouse, schema: str) -> Facts:
    """Every row of every table of a schema, as the analyst reads them."""
    with warehouse.connect("analyst") as connection:
        tables = connection.execute(
            """select relname from pg_class where relnamespace = %s::regnamespace and relkind in ('r', 'v') order by 1""",
            (schema,),
        ).fetchall()
        return {
            table: sorted(
                str(row)
                for (row,) in connection.execute(
                    sql.SQL("select to_jsonb(one) from {} as one").format(sql.Identifier(schema, table))
                )
            )
            for (table,) in tables
        }


def test_the_earlier_day_s_facts_come_again_to_the_row(story: Story) -> None:
    assert story.rebuilt == story.then
    assert story.later != story.then


def test_what_is_published_stays(story: Story, warehouse_of_module: FreshWarehouse) -> None:
    assert builds.published_build() == story.published
    assert facts(warehouse_of_module, "insight") == story.later


def test_a_rebuilt_day_is_no_new_work_and_no_step_back(story: Story) -> None:
    assert not builds.has_work()
    with pytest.raises(builds.BuildError, match="shows an earlier day; it stands in insight_as_at and is never published"):
        builds.publish(story.rebuilt_build)


def test_nothing_of_its_own_making_is_left_and_analysts_read_no_more_than_before(
    story: Story, warehouse_of_module: FreshWarehouse
) -> None:
    schemas = {name for (name,) in warehouse_of_module.rows("select nspname from pg_namespace")}
    assert not {name for name in schemas if name.endswith(("__rewound", "__next"))}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        warehouse_of_module.rows("select 1 from linked_care_as_at.persons", role="analyst")


def test_a_person_whose_record_is_withheld_today_is_not_seen_on_the_earlier_day_either(
    story: Story, warehouse_of_module: FreshWarehouse
) -> None:
    counted = "select count(*), count(*) filter (where {schema}.persons.{key} = %s) from {schema}.persons"
    person, pseudonym = warehouse_of_module.rows(
        "select person_id, pseudonym from linked_care_as_at.persons join governance.pseudonym using (person_id) limit 1"
    )[0]

    def seen() -> list[int]:
        of_analysts = warehouse_of_module.rows(counted.format(schema="insight_as_at", key="pseudonym"), pseudonym, role="analyst")
        of_pipeline = warehouse_of_module.rows(counted.format(schema="linked_care_as_at", key="person_id"), person)
        return [*of_analysts[0], *of_pipeline[0]]

    before = seen()
    with warehouse_of_module.connect() as connection:
        connection.execute(
            """insert into person_index.withheld_record (person_record_id, apart_from, reason, withheld_by)
               select min(person_record_id), 'another', 'linked wrongly', 'a clerk' from person_index.membership
               where person_id = %s""",
            (person,),
        )
    assert seen() == [before[0] - 1, 0, before[2] - 1, 0]
    with warehouse_of_module.connect() as connection:
        connection.execute(
            "update person_index.withheld_record set released_at = now(), released_by = 'c', released_because = 'r'"
        )
    assert seen() == before


def test_a_day_ahead_is_refused(story: Story) -> None:
    with pytest.raises(builds.BuildError, match="has not come yet"):
        builds.rebuild(datetime.now(UTC) + timedelta(hours=1))


def test_a_rebuilt_day_that_cannot_be_put_in_its_place_has_failed_and_holds_nobody_up(
    story: Story, warehouse_of_module: FreshWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "run_layer", lambda *_, **__: None)

    with pytest.raises(builds.BuildError, match="not built"):
        builds.rebuild(datetime.now(UTC))

    assert warehouse_of_module.rows("select state from ledger.build order by build_id desc limit 1") == [("failed",)]
