"""What became of findings: still open, released with their row, cleared by a later delivery, or withdrawn with their own."""

from alembic import op

revision = "0007"
down_revision = "0006"

MENDED_ROWS = """
create table ledger.mended_row (
    file_id bigint not null references ledger.delivery_file,
    line_number bigint not null,
    mended_file_id bigint not null references ledger.delivery_file,
    mended_line_number bigint not null,
    primary key (file_id, line_number, mended_file_id, mended_line_number)
);
comment on table ledger.mended_row is
    'One row for each row with findings and each later row of the same key, in tables whose rows are replaced by key.';
comment on column ledger.mended_row.mended_file_id is
    'The file that brought the row again; it clears findings while its delivery is accepted and that row is not set aside.';
"""

CLEARED = """
create view ledger.cleared_table as
select own.delivery_id, own.table_name, later.delivery_id as cleared_by_delivery_id
from (
    select delivery_id, feed, period, period_end, received_at, state, table_name
    from ledger.delivery join ledger.delivery_file using (delivery_id)
    where table_name is not null
) as own
cross join lateral (
    select other.delivery_id
    from ledger.delivery as other
    join ledger.delivery_table using (delivery_id)
    where other.feed = own.feed
        and delivery_table.table_name = own.table_name
        and other.state in ('accepted', 'superseded')
        and case
            when delivery_table.replaces = 'snapshot' then
                (other.period_end, other.received_at, other.delivery_id) > (own.period_end, own.received_at, own.delivery_id)
            -- Of a delivery that was never accepted no row is in use that could be replaced one by one.
            when delivery_table.replaces in ('period', 'window') or own.state not in ('accepted', 'superseded') then
                other.period = own.period and (other.received_at, other.delivery_id) > (own.received_at, own.delivery_id)
        end
    order by other.accepted_at, other.delivery_id
    limit 1
) as later;
comment on view ledger.cleared_table is
    'One row for each table of a delivery that a later accepted one brings anew, so that its findings need nobody any more.';

create view ledger.cleared_row as
select distinct on (mended.file_id, mended.line_number)
    mended.file_id, mended.line_number, delivery.delivery_id as cleared_by_delivery_id
from ledger.mended_row as mended
join ledger.delivery_file as file on file.file_id = mended.mended_file_id
join ledger.delivery using (delivery_id)
where delivery.state in ('accepted', 'superseded')
    and not exists (
        select from ledger.set_aside_row as aside
        where aside.file_id = mended.mended_file_id and aside.line_number = mended.mended_line_number
    )
order by mended.file_id, mended.line_number, delivery.accepted_at, delivery.delivery_id;
comment on view ledger.cleared_row is
    'One row for each row with findings that a later accepted delivery brings anew by its key.';

create view ledger.finding_status as
select
    finding.finding_id, finding.delivery_id, finding.file_id, finding.line_number, finding.table_name,
    finding.column_name, finding.rule, finding.if_broken, finding.found_at,
    case
        when delivery.state = 'withdrawn' then 'withdrawn'
        when coalesce(cleared_table.cleared_by_delivery_id, cleared_row.cleared_by_delivery_id) is not null then 'cleared'
        when finding.if_broken = 'set the row aside' and released.release_id is not null then 'released'
        else 'open'
    end as status,
    case
        when delivery.state <> 'withdrawn'
            then coalesce(cleared_table.cleared_by_delivery_id, cleared_row.cleared_by_delivery_id)
    end as cleared_by_delivery_id
from ledger.finding
join ledger.delivery using (delivery_id)
left join ledger.cleared_table
    on cleared_table.delivery_id = finding.delivery_id and cleared_table.table_name = finding.table_name
left join ledger.cleared_row
    on cleared_row.file_id = finding.file_id and cleared_row.line_number = finding.line_number
left join ledger.row_release as released
    on released.file_id = finding.file_id and released.line_number = finding.line_number and released.ended_at is null;
comment on view ledger.finding_status is 'One row for each finding, with what became of it until now.';
comment on column ledger.finding_status.status is
    'open; released: a person let its row in; cleared: a later accepted delivery brings it anew; withdrawn: its delivery is.';
"""


def upgrade() -> None:
    op.execute(MENDED_ROWS)
    op.execute(CLEARED)
