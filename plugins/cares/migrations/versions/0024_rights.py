"""The rights of people about whom data are held: to see them, and to have them corrected."""

from alembic import op

revision = "0024"
down_revision = "0023"

SUBJECT_ACCESS = """
create table governance.subject_access (
    request_id bigint generated always as identity primary key,
    person_id bigint not null references person_index.person on delete cascade,
    received_on date not null,
    due_on date not null,
    extended_because text,
    prepared_at timestamptz not null default now(),
    prepared_by text not null,
    reviewed_at timestamptz,
    reviewed_by text,
    released_at timestamptz,
    released_by text,
    identity_seen text,
    manifest_sha256 text,
    certificate_id bigint references governance.certificate,
    check (due_on > received_on),
    check (reviewed_at is null or reviewed_by is not null),
    check (released_at is null
        or (reviewed_at is not null and released_by is not null and identity_seen is not null and manifest_sha256 is not null))
);
create unique index on governance.subject_access (person_id) where released_at is null;
comment on table governance.subject_access is
    'One row for each time that somebody asked to see what is held about them. Nothing of what is held stands here.';
comment on column governance.subject_access.request_id is 'Its number, by which it is prepared, reviewed and released.';
comment on column governance.subject_access.person_id is 'Who asked, as the person index numbers them.';
comment on column governance.subject_access.received_on is 'The day on which the request came; the time to answer runs from it.';
comment on column governance.subject_access.due_on is 'The last day to answer: one calendar month later, or three where it was extended.';
comment on column governance.subject_access.extended_because is 'Why the time was extended by two months; empty where it was not.';
comment on column governance.subject_access.prepared_at is 'When the list of what is held was last made.';
comment on column governance.subject_access.prepared_by is 'Who made it.';
comment on column governance.subject_access.reviewed_at is 'When the review was ended; empty while it goes on, and again when something has come since.';
comment on column governance.subject_access.reviewed_by is 'Who ended it.';
comment on column governance.subject_access.released_at is 'When the pack was written; empty before.';
comment on column governance.subject_access.released_by is 'Who wrote it.';
comment on column governance.subject_access.identity_seen is 'How it was made sure that who asks is the person.';
comment on column governance.subject_access.manifest_sha256 is 'The SHA-256 of the list of the files of the pack, each with its own.';
comment on column governance.subject_access.certificate_id is 'The certificate of the release.';

create table governance.subject_access_item (
    request_id bigint not null references governance.subject_access on delete cascade,
    item integer not null,
    delivery_id bigint not null references ledger.delivery,
    table_name text not null,
    line_number bigint not null,
    is_shared boolean not null,
    look_for text[] not null default '{}',
    looked_at_by text,
    looked_at timestamptz,
    withheld_columns text[],
    withheld_for text check (withheld_for in ('serious harm', 'third party', 'adoption')),
    withheld_because text,
    advised_by text,
    primary key (request_id, item),
    unique (request_id, delivery_id, table_name, line_number),
    check ((withheld_for is null) = (withheld_because is null)),
    check (withheld_for is not null or withheld_columns is null),
    check (withheld_for is distinct from 'serious harm' or advised_by is not null)
);
comment on table governance.subject_access_item is
    'One row for each source row that is held about a person who asked to see it, and what the review decided about it: where, never what.';
comment on column governance.subject_access_item.request_id is 'The request.';
comment on column governance.subject_access_item.item is 'Its number in the request, from 1.';
comment on column governance.subject_access_item.delivery_id is 'The delivery that brought the row.';
comment on column governance.subject_access_item.table_name is 'The table of the delivery.';
comment on column governance.subject_access_item.line_number is 'The line of the file; the header is line 1.';
comment on column governance.subject_access_item.is_shared is 'Whether the row tells of others too, as a tenancy does of the whole household.';
comment on column governance.subject_access_item.look_for is
    'What a person has to look for in it before the pack may be released; empty where nothing speaks for it.';
comment on column governance.subject_access_item.looked_at_by is 'Who decided whether it is shown.';
comment on column governance.subject_access_item.looked_at is 'When.';
comment on column governance.subject_access_item.withheld_columns is 'The columns that are withheld; empty with a ground: the whole row.';
comment on column governance.subject_access_item.withheld_for is 'On what ground it is withheld; empty where it is shown.';
comment on column governance.subject_access_item.withheld_because is 'Why, in the words of the reviewer, which may name people.';
comment on column governance.subject_access_item.advised_by is
    'Which health or social work professional said that it would do serious harm; nobody else can say so.';
grant select on governance.subject_access, governance.subject_access_item to cares_governance, cares_caldicott;
"""

RECTIFICATION = """
create table governance.rectification (
    rectification_id bigint generated always as identity primary key,
    delivery_id bigint not null references ledger.delivery,
    table_name text not null,
    line_number bigint not null,
    column_name text,
    now_delivery_id bigint not null references ledger.delivery,
    now_line_number bigint not null,
    received_on date not null,
    due_on date not null,
    asked_because text not null,
    recorded_at timestamptz not null default now(),
    recorded_by text not null,
    ended_at timestamptz,
    ended_by text,
    outcome text check (outcome in ('corrected', 'removed', 'found right')),
    ended_because text,
    corrected_by_delivery_id bigint references ledger.delivery,
    certificate_id bigint references governance.certificate,
    check ((ended_at is null) = (outcome is null)),
    check (ended_at is null or ended_by is not null),
    check (outcome is distinct from 'found right' or ended_because is not null)
);
create unique index on governance.rectification (now_delivery_id, table_name, now_line_number, (coalesce(column_name, '')))
    where ended_at is null;
comment on table governance.rectification is
    'One row for each time that somebody asked for a row about them to be corrected. The row is disputed until a correction comes, or its sender finds it right.';
comment on column governance.rectification.rectification_id is 'Its number, which the letter to the sender gives as our reference.';
comment on column governance.rectification.delivery_id is 'The delivery that brought the row that was disputed first.';
comment on column governance.rectification.table_name is 'The table of the delivery.';
comment on column governance.rectification.line_number is 'The line of its file; the header is line 1.';
comment on column governance.rectification.column_name is 'The column of which the value is disputed; empty: the whole row.';
comment on column governance.rectification.now_delivery_id is 'The delivery that brought the same again: the row that is disputed now.';
comment on column governance.rectification.now_line_number is 'Its line.';
comment on column governance.rectification.received_on is 'The day on which the request came.';
comment on column governance.rectification.due_on is 'The last day to answer: one calendar month later.';
comment on column governance.rectification.asked_because is 'What is said to be wrong, in words that may name people; never sent on.';
comment on column governance.rectification.recorded_at is 'When it was written down.';
comment on column governance.rectification.recorded_by is 'Who wrote it down.';
comment on column governance.rectification.ended_at is 'When the dispute ended; empty while it goes on.';
comment on column governance.rectification.ended_by is 'Who ended it; a correction ends it by itself.';
comment on column governance.rectification.outcome is
    'corrected: another value came; removed: the row came no more; found right: its sender keeps to it.';
comment on column governance.rectification.ended_because is 'Why it was found right.';
comment on column governance.rectification.corrected_by_delivery_id is 'The delivery that brought the correction, or the row no more.';
comment on column governance.rectification.certificate_id is 'The certificate of the end.';

create view governance.disputed_row as
select now_delivery_id as delivery_id, table_name, now_line_number as line_number, column_name, received_on, rectification_id
from governance.rectification where ended_at is null;
comment on view governance.disputed_row is 'One row for each row, or value of a row, that is disputed now.';
comment on column governance.disputed_row.delivery_id is 'The delivery that brought it.';
comment on column governance.disputed_row.table_name is 'The table of the delivery.';
comment on column governance.disputed_row.line_number is 'The line of its file; the header is line 1.';
comment on column governance.disputed_row.column_name is 'The column; empty: the whole row.';
comment on column governance.disputed_row.received_on is 'Since when.';
comment on column governance.disputed_row.rectification_id is 'The request.';
grant select on governance.rectification to cares_governance, cares_caldicott;
grant select on governance.disputed_row to cares_engineer, cares_governance, cares_caldicott;
"""


def upgrade() -> None:
    for part in (SUBJECT_ACCESS, RECTIFICATION):
        op.execute(part)
