"""Kept identities: clusters of person records become persons whose ids stay.

A cluster is the person with whom it shares most records; a new person where it shares none. Ids are
never used again, memberships carry dates, and what changed is written down as events. One update is
one transaction: stopped at any point, it leaves the index as it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg

from cares import warehouse
from cares.person_index import matching


@dataclass(frozen=True)
class IndexSummary:
    """The index after an update, and how many persons (for `moved`: records) the update changed."""

    person_records: int
    persons: int
    created: int
    merged: int
    split: int
    moved: int
    retired: int
    seconds: float


def update() -> IndexSummary:
    """Bring the index in line with `intermediate.int_person_records`.

    Raises `WarehouseError` (condition only, no values) if the database refuses; nothing is changed then.
    """
    started = time.monotonic()
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        # One update at a time; readers go on. Only the pipeline may take this lock.
        connection.execute("lock table person_index.person in share update exclusive mode")
        connection.execute(
            "create temporary table last_event on commit drop as select max(event_id) as event_id from person_index.event"
        )
        matching.match(connection)
        _assign_persons(connection)
        _find_changes(connection)
        _write_events(connection)
        _write_memberships(connection)
        return _summary(connection, started)


def _assign_persons(connection: psycopg.Connection) -> None:
    """Give each cluster its person: temporary table `assignment` (cluster, person_id, is_new)."""
    connection.execute(
        """
        create temporary table overlap on commit drop as
        select cluster.cluster, membership.person_id, count(*) as records, min(cluster.person_record_id) as first_record
        from cluster
        inner join person_index.membership using (person_record_id)
        where membership.valid_to is null
        group by cluster.cluster, membership.person_id
        """
    )
    connection.execute("create temporary table assignment (cluster text, person_id bigint, is_new boolean) on commit drop")
    # Each round settles every pair that is the best one left for both its cluster and its person.
    settle = """
        with best as (
            select
                cluster,
                person_id,
                row_number() over (partition by cluster order by records desc, person_id) as for_cluster,
                row_number() over (partition by person_id order by records desc, first_record) as for_person
            from overlap
        ),
        settled as (
            insert into assignment
            select cluster, person_id, false from best where for_cluster = 1 and for_person = 1
            returning cluster, person_id
        )
        delete from overlap
        where cluster in (select cluster from settled) or person_id in (select person_id from settled)
    """
    while connection.execute(settle).rowcount:
        pass
    connection.execute("create temporary table newcomer (cluster text, person_id bigint) on commit drop")
    connection.execute(
        """
        with unknown as (
            select cluster, row_number() over (order by min(person_record_id)) as place
            from cluster
            where not exists (select from assignment where assignment.cluster = cluster.cluster)
            group by cluster
        ),
        made as (
            insert into person_index.person (created_at) select now() from unknown returning person_id
        ),
        placed as (
            select person_id, row_number() over (order by person_id) as place from made
        )
        insert into newcomer select unknown.cluster, placed.person_id from unknown inner join placed using (place)
        """
    )
    connection.execute("insert into assignment select cluster, person_id, true from newcomer")
    connection.execute("analyze assignment")


def _find_changes(connection: psycopg.Connection) -> None:
    """Temporary table `change`: each record whose person or rule is not what it was; a null side is no person."""
    connection.execute(
        """
        create temporary table change on commit drop as
        select
            coalesce(cluster.person_record_id, membership.person_record_id) as person_record_id,
            membership.person_id as old_person_id,
            assignment.person_id as new_person_id,
            coalesce(assignment.is_new, false) as is_new,
            cluster.rule
        from cluster
        inner join assignment using (cluster)
        full join (select * from person_index.membership where valid_to is null) as membership
            on membership.person_record_id = cluster.person_record_id
        where (membership.person_id, membership.rule) is distinct from (assignment.person_id, cluster.rule)
        """
    )
    connection.execute("analyze change")


def _write_events(connection: psycopg.Connection) -> None:
    connection.execute(
        """
        with moves as (
            select old_person_id, new_person_id, is_new, person_record_id
            from change
            where old_person_id is not null and new_person_id is not null and old_person_id <> new_person_id
        ),
        gone as (
            select distinct old_person_id as person_id
            from change
            where old_person_id is not null
                and not exists (select from assignment where assignment.person_id = change.old_person_id)
        ),
        retired as (
            update person_index.person set retired_at = now() from gone
            where gone.person_id = person.person_id and person.retired_at is null
        ),
        successor as (
            -- Who took most of the records of a person that is gone.
            select distinct on (old_person_id) old_person_id, new_person_id
            from moves
            inner join gone on gone.person_id = moves.old_person_id
            where not is_new
            group by old_person_id, new_person_id
            order by old_person_id, count(*) desc, new_person_id
        )
        insert into person_index.event (kind, person_id, other_person_id, person_record_id)
        select 'created', person_id, null, null from newcomer
        union all
        select 'merged', new_person_id, old_person_id, null from successor
        union all
        select distinct 'split', new_person_id, old_person_id, null from moves where is_new
        union all
        select 'moved', new_person_id, old_person_id, person_record_id
        from moves
        where not is_new
            and not exists (
                select from successor
                where successor.old_person_id = moves.old_person_id and successor.new_person_id = moves.new_person_id
            )
        union all
        select 'retired', person_id, null, null
        from gone
        where not exists (select from successor where successor.old_person_id = gone.person_id)
        """
    )


def _write_memberships(connection: psycopg.Connection) -> None:
    connection.execute(
        """
        update person_index.membership set valid_to = now()
        from change
        where change.person_record_id = membership.person_record_id and membership.valid_to is null
        """
    )
    connection.execute(
        """
        insert into person_index.membership (person_record_id, person_id, rule)
        select person_record_id, new_person_id, rule from change where new_person_id is not null
        """
    )


def _summary(connection: psycopg.Connection, started: float) -> IndexSummary:
    records, persons = connection.execute(
        "select count(*), count(distinct person_id) from person_index.membership where valid_to is null"
    ).fetchone()
    events: dict[str, int] = dict(
        connection.execute(
            """
            select kind, count(*) from person_index.event, last_event
            where event.event_id > coalesce(last_event.event_id, 0)
            group by kind
            """
        ).fetchall()
    )
    return IndexSummary(
        person_records=records,
        persons=persons,
        created=events.get("created", 0),
        merged=events.get("merged", 0),
        split=events.get("split", 0),
        moved=events.get("moved", 0),
        retired=events.get("retired", 0),
        seconds=time.monotonic() - started,
    )
