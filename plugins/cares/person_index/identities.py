"""Kept identities: clusters of person records become persons whose ids stay.

A cluster is the person with whom it shares most records; a new person where it shares none. Ids are
never used again, memberships carry dates, and what changed is written down as events. One update is
one transaction: stopped at any point, it leaves the index as it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg

from cares.embedded_server import WarehouseError


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


def keep(connection: psycopg.Connection, started: float) -> IndexSummary:
    """Bring persons, memberships and events in line with the records that an update touched.

    The temporary table `cluster` (person_record_id text, cluster text, rule text) has one row for each touched record:
    those with the same `cluster` are one person, and its name means nothing outside the transaction. `gone`
    (person_record_id text) has those that are described no more. No other record is looked at, so that whoever calls
    hands over every current member of each person of whom one is touched; WarehouseError otherwise.

    `started` is the moment of `time.monotonic` at which the update began. All is done in the transaction of
    `connection`, which the caller makes final. The order of the rows, and the names of the clusters, change nothing.
    """
    connection.execute("analyze cluster, gone")
    _refuse_half_a_person(connection)
    connection.execute(
        "create temporary table last_event on commit drop as select max(event_id) as event_id from person_index.event"
    )
    _assign_persons(connection)
    _find_changes(connection)
    _write_events(connection)
    _write_memberships(connection)
    _write_decisions(connection)
    return _summary(connection, started)


def _refuse_half_a_person(connection: psycopg.Connection) -> None:
    """Raise WarehouseError if a person would be judged by some of its records.

    Makes the temporary table `touched` (person_record_id, person_id, rule): the memberships in force of all touched records.
    """
    connection.execute(
        """
        create temporary table touched on commit drop as
        select person_record_id, membership.person_id, membership.rule
        from (select person_record_id from cluster union all select person_record_id from gone) as record
        inner join person_index.membership using (person_record_id)
        where membership.valid_to is null
        """
    )
    connection.execute("analyze touched")
    missing = connection.execute(
        """
        select count(*)
        from person_index.membership
        where valid_to is null
            and person_id in (select person_id from touched)
            and not exists (select from touched where touched.person_record_id = membership.person_record_id)
        """
    ).fetchone()[0]
    if missing:
        raise WarehouseError(
            f"The person index was to be updated with some records of a person and without {missing:,} others of the same "
            "person. This is a mistake in how the touched records were found; nothing was changed."
        )


def _assign_persons(connection: psycopg.Connection) -> None:
    """Give each cluster its person: temporary table `assignment` (cluster, person_id, is_new)."""
    connection.execute(
        """
        create temporary table overlap on commit drop as
        select cluster.cluster, touched.person_id, count(*) as records, min(cluster.person_record_id) as first_record
        from cluster
        inner join touched using (person_record_id)
        group by cluster.cluster, touched.person_id
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
            cluster.person_record_id,
            touched.person_id as old_person_id,
            assignment.person_id as new_person_id,
            assignment.is_new,
            cluster.rule
        from cluster
        inner join assignment using (cluster)
        left join touched using (person_record_id)
        where (touched.person_id, touched.rule) is distinct from (assignment.person_id, cluster.rule)
        union all
        select person_record_id, person_id, null, false, null from gone inner join touched using (person_record_id)
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
        left_empty as (
            select distinct old_person_id as person_id
            from change
            where old_person_id is not null
                and not exists (select from assignment where assignment.person_id = change.old_person_id)
        ),
        retired as (
            update person_index.person set retired_at = now() from left_empty
            where left_empty.person_id = person.person_id and person.retired_at is null
        ),
        successor as (
            -- Who took most of the records of a person that has none left.
            select distinct on (old_person_id) old_person_id, new_person_id
            from moves
            inner join left_empty on left_empty.person_id = moves.old_person_id
            where not is_new
            group by old_person_id, new_person_id
            order by old_person_id, count(*) desc, new_person_id
        ),
        happened (place, kind, person_id, other_person_id, person_record_id) as (
            select 1, 'created', person_id, cast(null as bigint), cast(null as text) from newcomer
            union all
            select 2, 'merged', new_person_id, old_person_id, null from successor
            union all
            select distinct 3, 'split', new_person_id, old_person_id, null from moves where is_new
            union all
            select 4, 'moved', new_person_id, old_person_id, person_record_id
            from moves
            where not is_new
                and not exists (
                    select from successor
                    where successor.old_person_id = moves.old_person_id and successor.new_person_id = moves.new_person_id
                )
            union all
            select 5, 'retired', person_id, null, null
            from left_empty
            where not exists (select from successor where successor.old_person_id = left_empty.person_id)
        )
        insert into person_index.event (kind, person_id, other_person_id, person_record_id)
        select kind, person_id, other_person_id, person_record_id
        from happened
        order by place, person_id, other_person_id, person_record_id
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
    connection.execute("select person_index.analyze_membership()")


def _write_decisions(connection: psycopg.Connection) -> None:
    """Events for the decisions about pairs that hold since this update, or were taken back; sealed ones leave none."""
    connection.execute(
        """
        insert into person_index.event (kind, person_id, other_person_id, decision_id)
        select 'decided', of_l.person_id, nullif(of_r.person_id, of_l.person_id), decision.decision_id
        from person_index.pair_decision as decision
        inner join person_index.membership as of_l on of_l.person_record_id = decision.record_l and of_l.valid_to is null
        inner join person_index.membership as of_r on of_r.person_record_id = decision.record_r and of_r.valid_to is null
        where decision.undone_at is null
            and not decision.is_sealed
            and (of_l.person_id = of_r.person_id) = (decision.decision = 'must link')
            and not exists (select from person_index.event where event.decision_id = decision.decision_id)
        union all
        select 'undone', event.person_id, event.other_person_id, decision.decision_id
        from person_index.pair_decision as decision
        inner join person_index.event using (decision_id)
        where decision.undone_at is not null
            and event.kind = 'decided'
            and not exists (
                select from person_index.event as later
                where later.decision_id = decision.decision_id and later.kind = 'undone'
            )
        order by 4
        """
    )


def _summary(connection: psycopg.Connection, started: float) -> IndexSummary:
    records, persons = connection.execute(
        """
        select
            (select count(*) from person_index.membership where valid_to is null),
            (select count(*) from person_index.person where retired_at is null)
        """
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
