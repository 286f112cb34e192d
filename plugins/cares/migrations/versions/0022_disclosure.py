"""What was released is remembered, so that no later release gives a hidden number away; changes of pseudonym keys are written down."""

from alembic import op

revision = "0022"
down_revision = "0021"

RELEASED = """
create table governance.released_cell (
    table_name text not null,
    slice date not null,
    release integer not null check (release >= 1),
    cell text[] not null,
    measure text not null,
    counted bigint not null check (counted >= 0),
    shown bigint,
    build_id bigint not null references ledger.build,
    primary key (table_name, slice, release, cell, measure),
    check (shown is null or shown % 5 = 0),
    check (counted not between 1 and 7 or shown is null)
);
comment on table governance.released_cell is
    'One row for each number of each release of a published table of counts. A month whose counts did not change is not released anew. Only the pipeline reads it.';
comment on column governance.released_cell.table_name is 'The published table, like board.care_by_month.';
comment on column governance.released_cell.slice is 'The month that the numbers are of; numbers of one month are protected together.';
comment on column governance.released_cell.release is 'Which release of that month it is, from 1.';
comment on column governance.released_cell.cell is 'What the number is of: organisation and kind, or all in their place.';
comment on column governance.released_cell.measure is 'The column of the published table.';
comment on column governance.released_cell.counted is 'The count itself.';
comment on column governance.released_cell.shown is 'The number that was shown; empty where it was hidden.';
comment on column governance.released_cell.build_id is 'The build that released it.';
"""

KEYS = """
create table governance.pseudonym_rotation (
    rotation_id bigint generated always as identity primary key,
    purpose text not null,
    at timestamptz not null default clock_timestamp(),
    by text not null,
    because text not null check (because <> ''),
    persons bigint not null check (persons >= 0)
);
comment on table governance.pseudonym_rotation is
    'One row for each time that the key of a purpose was changed, and everybody''s pseudonym with it. The keys themselves are in no table.';
comment on column governance.pseudonym_rotation.rotation_id is 'Its number.';
comment on column governance.pseudonym_rotation.purpose is 'The purpose.';
comment on column governance.pseudonym_rotation.at is 'When.';
comment on column governance.pseudonym_rotation.by is 'Who asked for it: the login of the machine.';
comment on column governance.pseudonym_rotation.because is 'Why.';
comment on column governance.pseudonym_rotation.persons is 'How many people have another pseudonym since.';
grant select on governance.pseudonym_rotation to cares_governance;
"""


def upgrade() -> None:
    for part in (RELEASED, KEYS):
        op.execute(part)
