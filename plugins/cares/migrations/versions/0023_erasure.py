"""What is erased stays erased: certificates of acts upon the data, tombstones without names, and legal holds."""

from alembic import op

revision = "0023"
down_revision = "0022"

CERTIFICATES = """
create table governance.certificate (
    certificate_id bigint generated always as identity primary key,
    act text not null,
    at timestamptz not null default now(),
    by text not null,
    ground text not null,
    counts jsonb not null default '{}',
    text text not null
);
comment on table governance.certificate is
    'One row for each act upon people''s data that has to be shown later: an erasure, an expiry, the exit of an organisation, a rectification, the end of an agreement. It names nobody.';
comment on column governance.certificate.certificate_id is 'Its number; the file of that number lies in VAR/certificates.';
comment on column governance.certificate.act is 'What was done: erasure, retention, exit, rectification, end of agreement.';
comment on column governance.certificate.at is 'When.';
comment on column governance.certificate.by is 'Who did it.';
comment on column governance.certificate.ground is 'On what ground, in words that name nobody.';
comment on column governance.certificate.counts is 'How many of what: name -> number.';
comment on column governance.certificate.text is 'The certificate as it is shown.';
grant select on governance.certificate to cares_engineer, cares_governance, cares_caldicott;
revoke update, delete on governance.certificate from cares_pipeline;
"""

TOMBSTONES = """
create table governance.tombstone (
    kind text not null check (kind in ('person record', 'nhs number', 'row')),
    mac text not null,
    covers_until date,
    certificate_id bigint references governance.certificate,
    made_at timestamptz not null default now(),
    primary key (kind, mac)
);
comment on table governance.tombstone is
    'One row for each identifier whose rows may not come back. Only its keyed hash stands here; the key lies outside the database. Only the pipeline reads it.';
comment on column governance.tombstone.kind is
    'person record: the sender''s own id of a person; nhs number; row: the name of an erased row, such as a spell or a tenancy, by which rows of other tables tell of the same person.';
comment on column governance.tombstone.mac is 'HMAC-SHA256 of the identifier.';
comment on column governance.tombstone.covers_until is
    'Rows of periods that end later may come in: they tell of care since. Empty: no row may.';
comment on column governance.tombstone.certificate_id is 'The act that made it.';
comment on column governance.tombstone.made_at is 'When.';
"""

HOLDS = """
create table governance.legal_hold (
    hold_id bigint generated always as identity primary key,
    person_record_id text,
    feed text,
    reason text not null,
    held_at timestamptz not null default now(),
    held_by text not null,
    ended_at timestamptz,
    ended_by text,
    ended_because text,
    check (num_nonnulls(person_record_id, feed) = 1),
    check (ended_at is null or (ended_by is not null and ended_because is not null))
);
comment on table governance.legal_hold is
    'One row for each time that somebody''s data, or those of a feed, had to be kept for a court or an inquiry: nothing of it is erased meanwhile.';
comment on column governance.legal_hold.hold_id is 'Its number.';
comment on column governance.legal_hold.person_record_id is 'organisation/source/the source''s own id of the person; all records of that person are held.';
comment on column governance.legal_hold.feed is 'The feed that is held, organisation/name.';
comment on column governance.legal_hold.reason is 'Why, in words that name nobody.';
comment on column governance.legal_hold.held_at is 'Since when.';
comment on column governance.legal_hold.held_by is 'Who said so.';
comment on column governance.legal_hold.ended_at is 'When it ended; empty while it is in force.';
comment on column governance.legal_hold.ended_by is 'Who ended it.';
comment on column governance.legal_hold.ended_because is 'Why.';
grant select on governance.legal_hold to cares_governance, cares_caldicott;
"""

REMOVALS = """
create table ledger.path_to_remove (
    path text primary key,
    let_go_at timestamptz not null default now()
);
comment on table ledger.path_to_remove is
    'One row for each file or folder that an act let go for good and that is not removed yet: that is done after the commit, and by the next act if it was interrupted.';
comment on column ledger.path_to_remove.path is 'Its path inside the run-time state.';
comment on column ledger.path_to_remove.let_go_at is 'When.';
comment on column ledger.delivery_file.stored_as is
    'The original''s path inside the protected store; empty where none of its tables is needed, so that it is not kept, and where it was erased.';
"""


def upgrade() -> None:
    for part in (CERTIFICATES, TOMBSTONES, HOLDS, REMOVALS):
        op.execute(part)
