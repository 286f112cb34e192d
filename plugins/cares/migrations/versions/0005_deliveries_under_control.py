"""When a delivery's rows counted, rows that a person let in, deliveries held for a word, and builds of an earlier day."""

from alembic import op

revision = "0005"
down_revision = "0004"

DELIVERIES = """
alter table ledger.delivery
    add column registered_at timestamptz not null default now(),
    add column held_for text
        check (held_for in ('a sharing agreement', 'rows set aside', 'an unusual volume', 'a person')),
    add column replays bigint references ledger.delivery,
    add check (held_for is null or state = 'held');
comment on column ledger.delivery.received_at is
    'When its files were received; a replay has the time of the delivery that it replays, and with it its place.';
comment on column ledger.delivery.registered_at is 'When it was written into the ledger.';
comment on column ledger.delivery.held_for is 'What it waits for; empty unless it is held.';
comment on column ledger.delivery.replays is 'The delivery whose files it takes in anew.';

alter table ledger.delivery_file add column declared_rows bigint;
comment on column ledger.delivery_file.declared_rows is
    'How many rows the sender says it has, in a manifest or in the file''s last line; empty where the sender does not say.';
"""

# Kept by the database itself, so that no change of a delivery can forget its history.
IN_FORCE = """
create table ledger.in_force (
    delivery_id bigint not null references ledger.delivery,
    revision integer not null,
    since timestamptz not null,
    until timestamptz,
    primary key (delivery_id, since),
    check (until >= since)
);
create unique index on ledger.in_force (delivery_id) where until is null;
comment on table ledger.in_force is
    'One row for each stretch of time in which the accepted rows of one revision of a delivery counted.';
comment on column ledger.in_force.until is 'Empty while they count.';

create function ledger.keep_in_force() returns trigger language plpgsql as $$
declare
    counts boolean := new.state in ('accepted', 'superseded');
begin
    update ledger.in_force set until = greatest(since, clock_timestamp())
    where delivery_id = new.delivery_id and until is null and not (counts and revision = new.revision);
    if counts then
        insert into ledger.in_force (delivery_id, revision, since)
        select new.delivery_id, new.revision, clock_timestamp()
        where not exists (select from ledger.in_force where delivery_id = new.delivery_id and until is null);
    end if;
    return null;
end $$;
create trigger keep_in_force after insert or update of state, revision on ledger.delivery
    for each row execute function ledger.keep_in_force();

insert into ledger.in_force (delivery_id, revision, since)
select delivery_id, revision, accepted_at from ledger.delivery where state in ('accepted', 'superseded');
"""

# What is derived is made anew: the views when landing is next prepared, staged rows and events by the next build.
DERIVED = """
do $$
declare
    one record;
begin
    for one in select format('%I.%I', schemaname, viewname) as name from pg_views where schemaname = 'accepted' loop
        execute 'drop view ' || one.name;
    end loop;
    for one in
        select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('staging', 'intermediate')
    loop
        execute format('drop table if exists %s cascade', one.name);
    end loop;
end $$;
delete from ledger.landing_shape;
"""

ROW_RELEASES = """
drop view ledger.set_aside_row;
alter table ledger.finding drop column released_at, drop column released_by, drop column release_reason;

create table ledger.row_release (
    release_id bigint generated always as identity primary key,
    file_id bigint not null references ledger.delivery_file,
    line_number bigint not null,
    released_at timestamptz not null default clock_timestamp(),
    released_by text not null,
    reason text not null,
    ended_at timestamptz,
    ended_by text,
    end_reason text,
    check (ended_at is null or (ended_by is not null and end_reason is not null))
);
create unique index on ledger.row_release (file_id, line_number) where ended_at is null;
comment on table ledger.row_release is
    'One row for each time that a person let a row in that had been set aside; ended when it was set aside again.';
"""

BUILDS = """
alter table ledger.build add column rewound_to timestamptz;
comment on column ledger.build.rewound_to is
    'For a build of an earlier day: the moment whose deliveries, releases and identities it sees. Empty for all others.';
alter table ledger.build_delivery add column accepted_at timestamptz;
update ledger.build_delivery as seen set accepted_at = delivery.accepted_at
from ledger.delivery where delivery.delivery_id = seen.delivery_id;

create view ledger.moment as
select coalesce((select rewound_to from ledger.build where state = 'building'), 'infinity') as as_at;
comment on view ledger.moment is
    'One row: the moment whose facts are asked for, which is now (infinity) unless an earlier day is being built.';

create view ledger.counted_delivery as
select delivery.delivery_id, in_force.revision, delivery.organisation, delivery.feed, delivery.format, delivery.format_version,
    delivery.period, delivery.period_start, delivery.period_end, delivery.received_at, in_force.since as accepted_at
from ledger.in_force
join ledger.delivery using (delivery_id)
where in_force.since <= (select as_at from ledger.moment)
    and (in_force.until is null or in_force.until > (select as_at from ledger.moment));
comment on view ledger.counted_delivery is 'One row for each delivery whose rows count at the moment in ledger.moment.';

create view ledger.released_row as
select file_id, line_number
from ledger.row_release
where released_at <= (select as_at from ledger.moment)
    and (ended_at is null or ended_at > (select as_at from ledger.moment));
comment on view ledger.released_row is
    'One row for each row that a person has let in although a rule sets it aside, at the moment in ledger.moment.';

create view ledger.set_aside_row as
select distinct file_id, line_number
from ledger.finding
where if_broken = 'set the row aside'
    and not exists (
        select from ledger.row_release as released
        where released.file_id = finding.file_id and released.line_number = finding.line_number and ended_at is null
    );
comment on view ledger.set_aside_row is
    'One row for each landed row that stays out of staging; as it is now, also while an earlier day is being built.';

create or replace view ledger.delivery_in_build as
select
    delivery.delivery_id, seen.revision, delivery.organisation, delivery.feed, delivery.format, delivery.period,
    delivery.period_start, delivery.period_end, delivery.received_at, seen.accepted_at,
    counted.revision is not distinct from seen.revision as is_unchanged
from ledger.build
join ledger.build_delivery as seen using (build_id)
join ledger.delivery using (delivery_id)
left join ledger.counted_delivery as counted using (delivery_id)
where build.state = 'building';

create view ledger.file_in_build as
select
    file.file_id, file.delivery_id, file.table_name, file.received_rows, file.landed_rows, file.unreadable_rows,
    case when rewound_to is null then file.accepted_rows else file.landed_rows - file.erased_rows - aside.rows end
        as accepted_rows,
    case when rewound_to is null then file.set_aside_rows else aside.rows end as set_aside_rows
from ledger.build
join ledger.build_delivery using (build_id)
join ledger.delivery_file as file using (delivery_id)
left join lateral (
    select count(distinct line_number) as rows
    from ledger.finding
    left join ledger.released_row as released using (file_id, line_number)
    where build.rewound_to is not null and finding.file_id = file.file_id
        and finding.if_broken = 'set the row aside' and released.file_id is null
) as aside on true
where build.state = 'building';
comment on view ledger.file_in_build is
    'One row for each file of each delivery that the build being built sees, with what became of its rows at that moment.';

create view person_index.membership_in_build as
select distinct on (person_record_id) person_record_id, person_id, rule
from person_index.membership
where valid_to is null or valid_to > (select as_at from ledger.moment)
order by person_record_id, valid_from;
comment on view person_index.membership_in_build is
    'One row for each person record: whose it is at the moment in ledger.moment, or whose it first was after that.';
"""


def upgrade() -> None:
    for part in (DERIVED, DELIVERIES, IN_FORCE, ROW_RELEASES, BUILDS):
        op.execute(part)
