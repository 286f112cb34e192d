"""What a build sees is written down when it begins, and a table is replaced by whichever later delivery was accepted first."""

from alembic import op

revision = "0004"
down_revision = "0003"

BUILDS = """
create table ledger.build_delivery (
    build_id bigint not null references ledger.build,
    delivery_id bigint not null references ledger.delivery,
    revision integer not null,
    primary key (build_id, delivery_id)
);
comment on table ledger.build_delivery is
    'One row for each delivery that a build sees, in the revision it had when the build began. What comes later is for the next build.';

alter table ledger.build add column waiting_since timestamptz;
comment on column ledger.build.waiting_since is
    'When the last step of a build that is being built ended; empty while a step runs.';

create view ledger.delivery_in_build as
select
    delivery.delivery_id, seen.revision, delivery.organisation, delivery.feed, delivery.format, delivery.period,
    delivery.period_start, delivery.period_end, delivery.received_at, delivery.accepted_at,
    delivery.revision = seen.revision and delivery.state in ('accepted', 'superseded') as is_unchanged
from ledger.build
join ledger.build_delivery as seen using (build_id)
join ledger.delivery using (delivery_id)
where build.state = 'building';
comment on view ledger.delivery_in_build is 'One row for each delivery that the build being built sees.';
comment on column ledger.delivery_in_build.is_unchanged is
    'Was it neither revised nor taken back since the build began; if it was, its accepted rows are another build''s.';
"""

# For windows and keys it is judged row by row, in staging, what replaces what.
REPLACED = """
select
    own.delivery_id, own.feed, own.table_name, own.replaces, own.period_start, own.period_end, own.accepted_at,
    own.window_start, own.window_end,
    case when later.delivery_id is not null then greatest(own.accepted_at, later.accepted_at) end as superseded_at,
    later.delivery_id as superseded_by_delivery_id{more}
from ({tables}) as own
left join lateral (
    select other.delivery_id, other.accepted_at
    from ({tables}) as other
    where other.feed = own.feed
        and other.table_name = own.table_name
        and case own.replaces
            when 'period' then other.period = own.period
                and (other.received_at, other.delivery_id) > (own.received_at, own.delivery_id)
            when 'snapshot' then
                (other.period_end, other.received_at, other.delivery_id) > (own.period_end, own.received_at, own.delivery_id)
        end
    order by other.accepted_at, other.delivery_id
    limit 1
) as later on true
"""
ACCEPTED = """
    select * from ledger.delivery join ledger.delivery_table using (delivery_id) where state in ('accepted', 'superseded')
"""
IN_BUILD = """
    select * from ledger.delivery_in_build join ledger.delivery_table using (delivery_id)
"""
IN_FORCE = f"""
create or replace view ledger.table_in_force as {REPLACED.format(tables=ACCEPTED, more="")};
comment on view ledger.table_in_force is
    'One row for each table of each accepted delivery: since when a later one replaces it. For windows and keys that is judged row by row, in staging.';

create view ledger.table_in_build as
{REPLACED.format(tables=IN_BUILD, more=", own.period, own.received_at")};
comment on view ledger.table_in_build is 'The same as table_in_force among the deliveries that the build being built sees.';
"""


def upgrade() -> None:
    op.execute(BUILDS)
    op.execute(IN_FORCE)
