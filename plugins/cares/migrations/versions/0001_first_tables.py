"""The schemas, the ledger, the sharing agreements, the person index, and who may read what."""

from alembic import op

revision = "0001"
down_revision = None

SCHEMAS = """
create schema landing;
create schema accepted;
create schema governance;
create schema person_index;
create schema staging authorization cares_pipeline;
create schema intermediate authorization cares_pipeline;
create schema linked_care authorization cares_pipeline;
create schema insight authorization cares_pipeline;

comment on schema landing is 'Deliveries as they were sent: every column is text. A table for each table of each format.';
comment on schema accepted is 'Views on landing: the rows of accepted deliveries that are not set aside. dbt reads here.';
comment on schema ledger is 'What arrived, what was found in it, what was decided, and what was built from it. No values of the data.';
comment on schema governance is 'What the pipeline obeys: sharing agreements, purposes, pseudonyms.';
comment on schema person_index is 'Which person records are one person, since when and why.';
comment on schema staging is 'Clean names and types; one row for each accepted row.';
comment on schema intermediate is 'Between staging and the marts: person records and care events.';
comment on schema linked_care is 'The published linked care dataset, for the pipeline itself. Views on the build in force.';
comment on schema insight is 'What analysts query: pseudonyms and age bands, no direct identifier. Views on the build in force.';
"""

DELIVERIES = """
create table ledger.delivery (
    delivery_id bigint generated always as identity primary key,
    organisation text not null,
    feed text not null,
    format text not null,
    format_version text,
    period text not null,
    period_start date not null,
    period_end date not null,
    state text not null default 'received'
        check (state in ('received', 'held', 'accepted', 'rejected', 'superseded', 'withdrawn')),
    revision integer not null default 1,
    received_at timestamptz not null default now(),
    decided_at timestamptz,
    accepted_at timestamptz,
    decided_by text,
    reason text,
    fingerprint text not null,
    source text,
    airflow_run_id text,
    check (period_start <= period_end),
    check (state not in ('accepted', 'superseded') or accepted_at is not null)
);
create index on ledger.delivery (feed, period);
comment on table ledger.delivery is 'One row for each delivery: what arrived once for a feed and a period.';
comment on column ledger.delivery.feed is 'organisation/name, as in expectations/, such as council/looked_after_children.';
comment on column ledger.delivery.format_version is 'The version of the format by which its codes are judged.';
comment on column ledger.delivery.period is 'As the sender names it: 2018-19, 2019-Q1, 2019-03.';
comment on column ledger.delivery.revision is 'Raised each time its accepted rows change, so that staging takes them again.';
comment on column ledger.delivery.reason is 'Why it was held, rejected or withdrawn; no value of the data.';
comment on column ledger.delivery.fingerprint is 'SHA-256 over the SHA-256 of its files: the same files, the same fingerprint.';
comment on column ledger.delivery.source is 'The outbox folder it was taken from, or: command line.';

create table ledger.delivery_file (
    file_id bigint generated always as identity primary key,
    delivery_id bigint not null references ledger.delivery,
    table_name text,
    file_name text not null,
    sha256 text not null,
    bytes bigint not null,
    stored_as text not null,
    received_rows bigint,
    landed_rows bigint,
    unreadable_rows bigint,
    accepted_rows bigint,
    set_aside_rows bigint,
    erased_rows bigint not null default 0,
    loaded_by text check (loaded_by in ('copy', 'line by line')),
    problem text
);
create index on ledger.delivery_file (delivery_id);
comment on table ledger.delivery_file is
    'One row for each file: received = landed + unreadable, landed = accepted + set aside + erased.';
comment on column ledger.delivery_file.table_name is 'The table of the format that it holds; empty if none could be told.';
comment on column ledger.delivery_file.stored_as is 'The original''s path inside the protected store.';
comment on column ledger.delivery_file.received_rows is 'Counted from the bytes, independently of loading.';
comment on column ledger.delivery_file.problem is 'Why the file could not be loaded; no value of the data.';

create table ledger.delivery_table (
    delivery_id bigint not null references ledger.delivery,
    table_name text not null,
    replaces text not null check (replaces in ('period', 'window', 'snapshot', 'key')),
    window_start date,
    window_end date,
    primary key (delivery_id, table_name),
    check (replaces <> 'window' or (window_start is not null and window_end is not null))
);
comment on table ledger.delivery_table is 'One row for each table of a delivery: what it replaces of earlier deliveries.';
comment on column ledger.delivery_table.replaces is 'From the contract of that day: its period, a window of dates, the whole snapshot, or rows by key.';

create table ledger.unreadable_line (
    file_id bigint not null references ledger.delivery_file,
    line_number bigint not null,
    problem text not null,
    primary key (file_id, line_number)
);
comment on table ledger.unreadable_line is 'One row for each physical line that is no row of its table; the header is line 1.';

create table ledger.delivery_event (
    event_id bigint generated always as identity primary key,
    delivery_id bigint not null references ledger.delivery,
    at timestamptz not null default now(),
    by text not null default current_user,
    event text not null,
    reason text
);
create index on ledger.delivery_event (delivery_id);
comment on table ledger.delivery_event is 'One row for each thing that happened to a delivery.';
"""

FINDINGS = """
create table ledger.check_result (
    delivery_id bigint not null references ledger.delivery,
    table_name text not null,
    column_name text,
    rule text not null,
    sentence text not null,
    if_broken text not null
        check (if_broken in ('reject the delivery', 'set the row aside', 'set the value aside', 'warn')),
    rows_checked bigint,
    rows_broken bigint,
    checked_at timestamptz not null default now(),
    primary key (delivery_id, rule)
);
comment on table ledger.check_result is 'One row for each rule checked on a delivery, kept or broken.';
comment on column ledger.check_result.rule is 'The rule''s stable name, such as episodes.LS.one_of.';
comment on column ledger.check_result.sentence is 'The rule in English, derived from the contract.';

create table ledger.finding (
    finding_id bigint generated always as identity primary key,
    delivery_id bigint not null references ledger.delivery,
    file_id bigint not null references ledger.delivery_file,
    line_number bigint not null,
    table_name text not null,
    column_name text,
    rule text not null,
    if_broken text not null
        check (if_broken in ('reject the delivery', 'set the row aside', 'set the value aside', 'warn')),
    found_at timestamptz not null default now(),
    released_at timestamptz,
    released_by text,
    release_reason text,
    check (released_at is null or (released_by is not null and release_reason is not null))
);
create index on ledger.finding (file_id, line_number);
create index on ledger.finding (delivery_id);
comment on table ledger.finding is 'One row for each rule that a landed row breaks: where, never what.';
comment on column ledger.finding.released_at is 'When a person let the row in again, who says why.';

create view ledger.set_aside_row as
select distinct file_id, line_number
from ledger.finding
where if_broken = 'set the row aside' and released_at is null;
comment on view ledger.set_aside_row is 'One row for each landed row that stays out of staging.';

create view ledger.table_in_force as
select
    delivery_id, feed, table_name, replaces, period_start, period_end, accepted_at, window_start, window_end,
    case when next_delivery_id is not null then greatest(accepted_at, next_accepted_at) end as superseded_at,
    next_delivery_id as superseded_by_delivery_id
from (
    select
        delivery_id, feed, table_name, replaces, period_start, period_end, accepted_at, window_start, window_end,
        case replaces
            when 'period' then lead(delivery_id) over same_period
            when 'snapshot' then lead(delivery_id) over all_periods
        end as next_delivery_id,
        case replaces
            when 'period' then lead(accepted_at) over same_period
            when 'snapshot' then lead(accepted_at) over all_periods
        end as next_accepted_at
    from ledger.delivery
    join ledger.delivery_table using (delivery_id)
    where state in ('accepted', 'superseded')
    window
        same_period as (partition by feed, table_name, period order by received_at, delivery_id),
        all_periods as (partition by feed, table_name order by period_end, received_at, delivery_id)
) as in_order;
comment on view ledger.table_in_force is
    'One row for each table of each accepted delivery: since when the next one replaces it. For windows and keys that is judged row by row, in staging.';
"""

BUILDS = """
create table ledger.build (
    build_id bigint generated always as identity primary key,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    published_at timestamptz,
    state text not null default 'building'
        check (state in ('building', 'tested', 'published', 'failed', 'superseded', 'dropped')),
    as_at timestamptz not null default now(),
    message text
);
comment on table ledger.build is 'One row for each build of the marts.';
comment on column ledger.build.as_at is 'The moment whose facts the build sees.';

create table ledger.model_outcome (
    build_id bigint not null references ledger.build,
    layer text not null,
    model text not null,
    kind text not null,
    outcome text not null,
    seconds numeric,
    rows bigint,
    message text,
    finished_at timestamptz not null default now()
);
create index on ledger.model_outcome (build_id);
comment on table ledger.model_outcome is 'One row for each model, test, unit test, snapshot or seed that a build ran.';
"""

GOVERNANCE = """
create table governance.sharing_agreement (
    agreement text not null,
    feed text not null,
    purposes text[] not null,
    signed_on date not null,
    in_force_from date not null,
    in_force_until date,
    on_ending text not null check (on_ending in ('stop', 'keep until', 'delete')),
    recorded_at timestamptz not null default now(),
    recorded_by text not null default current_user,
    primary key (agreement, feed),
    check (in_force_until is null or in_force_until >= in_force_from)
);
comment on table governance.sharing_agreement is 'One row for each feed that a sharing agreement covers; without one in force no delivery is taken.';
comment on column governance.sharing_agreement.in_force_until is 'The last day; empty where none is agreed.';
comment on column governance.sharing_agreement.on_ending is 'What happens to the data when it ends.';

create table governance.pseudonym (
    purpose text not null,
    person_id bigint not null,
    pseudonym text not null,
    primary key (purpose, person_id),
    unique (purpose, pseudonym)
);
comment on table governance.pseudonym is 'One row for each person and purpose. Only the pipeline reads it.';
"""

PERSON_INDEX = """
create table person_index.person (
    person_id bigint generated always as identity primary key,
    created_at timestamptz not null default now(),
    retired_at timestamptz
);
comment on table person_index.person is 'One row for each individual. A number is never used again.';

create table person_index.membership (
    membership_id bigint generated always as identity primary key,
    person_record_id text not null,
    person_id bigint not null references person_index.person,
    rule text not null,
    valid_from timestamptz not null default now(),
    valid_to timestamptz,
    check (valid_to is null or valid_to >= valid_from)
);
create unique index on person_index.membership (person_record_id) where valid_to is null;
create index on person_index.membership (person_id);
comment on table person_index.membership is 'One row for each time that a person record belongs to a person.';
comment on column person_index.membership.person_record_id is 'organisation/source/the source''s own id of the person.';
comment on column person_index.membership.rule is 'Why it belongs there: nhs number; name, birth date and postcode; alone.';
comment on column person_index.membership.valid_to is 'Empty for the membership in force.';

create table person_index.event (
    event_id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    kind text not null check (kind in ('created', 'merged', 'split', 'moved', 'retired')),
    person_id bigint not null references person_index.person,
    other_person_id bigint references person_index.person,
    person_record_id text
);
comment on table person_index.event is 'One row for each change of who is who.';
"""

# The analyst reads `insight` and nothing else; the engineer what happened, never the data.
RIGHTS = """
grant usage on schema ledger, governance, person_index to cares_pipeline;
grant usage, create on schema landing, accepted to cares_pipeline;
grant usage on schema ledger, governance to cares_engineer, cares_governance;
grant usage on schema insight to cares_analyst;

grant select, insert, update, delete on all tables in schema ledger, governance, person_index to cares_pipeline;
revoke insert, update, delete on ledger.alembic_version from cares_pipeline;
grant select on all tables in schema ledger to cares_engineer, cares_governance;
grant select on governance.sharing_agreement to cares_engineer, cares_governance;

alter default privileges in schema ledger, governance, person_index
    grant select, insert, update, delete on tables to cares_pipeline;
alter default privileges in schema ledger grant select on tables to cares_engineer, cares_governance;
alter default privileges for role cares_pipeline in schema insight grant select on tables to cares_analyst;
"""


def upgrade() -> None:
    for part in (SCHEMAS, DELIVERIES, FINDINGS, BUILDS, GOVERNANCE, PERSON_INDEX, RIGHTS):
        op.execute(part)
