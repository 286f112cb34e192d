"""The person index keeps what it compared, what it found, what people decided about pairs, and which records it withholds."""

from alembic import op

revision = "0014"
down_revision = "0013"

WHAT_WAS_COMPARED = """
create table person_index.received_description (
    person_record_id text not null,
    fingerprint text not null,
    is_current boolean not null,
    primary key (person_record_id, fingerprint)
);
comment on table person_index.received_description is
    'One row for each way in which a person record is described, as the index has taken it in; no names. Only the pipeline reads it: who knows somebody''s particulars could look for them.';
comment on column person_index.received_description.person_record_id is
    'organisation/source/the source''s own id of the person.';
comment on column person_index.received_description.fingerprint is
    'As in intermediate.int_person_descriptions: what stands there and not here is new to the index.';
comment on column person_index.received_description.is_current is 'Whether the record is described so now, and not only formerly.';

create table person_index.described_record (
    person_record_id text not null,
    description_id bigint not null,
    is_current boolean not null,
    primary key (person_record_id, description_id)
);
comment on table person_index.described_record is
    'One row for each cleaned description of a person record; no names. Only the pipeline reads it, as with person_index.received_description.';
comment on column person_index.described_record.person_record_id is 'organisation/source/the source''s own id of the person.';
comment on column person_index.described_record.description_id is
    'A hash of the cleaned description: the same for all records that are described alike, which are compared with others once.';
comment on column person_index.described_record.is_current is 'Whether the record is described so now, and not only formerly.';

create table person_index.edge (
    description_l bigint not null,
    description_r bigint not null,
    weight real not null,
    model text not null,
    valid_from timestamptz not null default now(),
    valid_to timestamptz,
    check (description_l < description_r),
    check (valid_to is null or valid_to >= valid_from)
);
create unique index on person_index.edge (description_l, description_r) where valid_to is null;
comment on table person_index.edge is
    'One row for each time that two descriptions were found alike enough to be those of one person. Only the pipeline reads it.';
comment on column person_index.edge.description_l is 'The smaller description_id of the two.';
comment on column person_index.edge.description_r is 'The larger description_id of the two.';
comment on column person_index.edge.weight is
    'The match weight: log2 of the odds that both descriptions are of one person; 10 is about a thousand to one.';
comment on column person_index.edge.model is 'The version in person_index.model that weighed them.';
comment on column person_index.edge.valid_from is 'When they were found alike.';
comment on column person_index.edge.valid_to is 'When it held no longer; empty for an edge in force.';

create table person_index.model (
    version text primary key,
    trained_at timestamptz not null,
    trained_on_records bigint not null,
    path_name text not null,
    sha256 text not null,
    thresholds jsonb not null,
    is_in_force boolean not null default false
);
create unique index on person_index.model (is_in_force) where is_in_force;
comment on table person_index.model is 'One row for each trained model of how people''s descriptions differ; one of them is in force.';
comment on column person_index.model.version is 'Its name, as edges and updates give it.';
comment on column person_index.model.trained_at is 'When it was trained.';
comment on column person_index.model.trained_on_records is 'How many person records it was trained on.';
comment on column person_index.model.path_name is 'The name of its file; no folder.';
comment on column person_index.model.sha256 is 'The SHA-256 of its file.';
comment on column person_index.model.thresholds is 'The match weights from which on a pair is an edge, or a pair to decide.';
comment on column person_index.model.is_in_force is 'Whether the index is kept with it.';

create table person_index.update (
    update_id bigint generated always as identity primary key,
    mark uuid not null default gen_random_uuid(),
    kind text not null check (kind in ('full', 'increment')),
    model text not null,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    new_descriptions bigint,
    scored_pairs bigint,
    touched_records bigint,
    clusters bigint,
    seconds numeric,
    cpu_seconds numeric
);
comment on table person_index.update is 'One row for each update of the index that changed it, which is one transaction.';
comment on column person_index.update.update_id is 'The number that the working copy of the index holds after the update.';
comment on column person_index.update.mark is
    'The working copy holds it too: another database, or one that was put back from a backup, may have an update of the same number.';
comment on column person_index.update.kind is 'full: everything was compared anew; increment: only what was new.';
comment on column person_index.update.model is 'The version in person_index.model that it weighed with.';
comment on column person_index.update.started_at is 'When it began.';
comment on column person_index.update.finished_at is 'When it was ready to be made final.';
comment on column person_index.update.new_descriptions is 'How many descriptions it had never seen, or all of them if it was full.';
comment on column person_index.update.scored_pairs is 'How many pairs of descriptions it weighed.';
comment on column person_index.update.touched_records is 'How many person records it judged anew.';
comment on column person_index.update.clusters is 'How many persons these are.';
comment on column person_index.update.seconds is 'How long it took.';
comment on column person_index.update.cpu_seconds is 'How much of a processor it took, without that of the database.';
"""

WHAT_PEOPLE_DECIDE = """
create table person_index.pair_to_decide (
    pair_id bigint generated always as identity primary key,
    record_l text not null,
    record_r text not null,
    reason text not null check (reason in ('grey', 'two NHS numbers', 'birth dates', 'must not link', 'two candidates')),
    weight real not null,
    harm real not null,
    is_sealed boolean not null default false,
    raised_at timestamptz not null default now(),
    closed_at timestamptz,
    check (record_l collate "C" < record_r collate "C"),
    check (closed_at is null or closed_at >= raised_at)
);
create unique index on person_index.pair_to_decide (record_l, record_r) where closed_at is null;
comment on table person_index.pair_to_decide is
    'One row for each time that the index asked people whether two person records are of one person.';
comment on column person_index.pair_to_decide.record_l is 'The person_record_id of the two that comes first in the alphabet.';
comment on column person_index.pair_to_decide.record_r is 'The other person_record_id.';
comment on column person_index.pair_to_decide.reason is
    'grey: neither likely nor unlikely enough. Otherwise what kept the two apart although they are alike: each has an NHS number of its own; their birth dates; people said so; a record could belong to either of two.';
comment on column person_index.pair_to_decide.weight is 'The match weight of the two.';
comment on column person_index.pair_to_decide.harm is 'How much harm a wrong answer would do; the highest is asked first.';
comment on column person_index.pair_to_decide.is_sealed is
    'Whether somebody''s identity may have been changed, by adoption for one: only the Caldicott guardian sees such a pair.';
comment on column person_index.pair_to_decide.raised_at is 'When the index asked.';
comment on column person_index.pair_to_decide.closed_at is 'When it was decided, or was a question no longer; empty while it is open.';

create table person_index.pair_decision (
    decision_id bigint generated always as identity primary key,
    record_l text not null,
    record_r text not null,
    decision text not null check (decision in ('must link', 'must not link')),
    is_sealed boolean not null default false,
    decided_by text not null,
    reason text not null,
    decided_at timestamptz not null default now(),
    undone_by text,
    undone_because text,
    undone_at timestamptz,
    check (record_l collate "C" < record_r collate "C"),
    check (undone_at is null or (undone_by is not null and undone_because is not null and undone_at >= decided_at))
);
create unique index on person_index.pair_decision (record_l, record_r) where undone_at is null;
comment on table person_index.pair_decision is
    'One row for each time that people decided whether two person records are of one person. Each update obeys those in force.';
comment on column person_index.pair_decision.record_l is 'The person_record_id of the two that comes first in the alphabet.';
comment on column person_index.pair_decision.record_r is 'The other person_record_id.';
comment on column person_index.pair_decision.decision is 'must link: one person, whatever else speaks against it; must not link: two.';
comment on column person_index.pair_decision.is_sealed is 'Whether only the Caldicott guardian sees it, as in person_index.pair_to_decide.';
comment on column person_index.pair_decision.decided_by is 'Who decided.';
comment on column person_index.pair_decision.reason is 'Why, in the words of whoever decided; they may name people.';
comment on column person_index.pair_decision.decided_at is 'When.';
comment on column person_index.pair_decision.undone_by is 'Who took it back.';
comment on column person_index.pair_decision.undone_because is 'Why it was taken back, in words that may name people.';
comment on column person_index.pair_decision.undone_at is 'When it was taken back; empty for a decision in force.';

create table person_index.withheld_record (
    withheld_id bigint generated always as identity primary key,
    person_record_id text not null,
    reason text not null,
    withheld_by text not null,
    withheld_at timestamptz not null default now(),
    released_by text,
    released_because text,
    released_at timestamptz,
    check (released_at is null or (released_by is not null and released_because is not null and released_at >= withheld_at))
);
create unique index on person_index.withheld_record (person_record_id) where released_at is null;
comment on table person_index.withheld_record is
    'One row for each time that a person record was withheld from readers because it had been linked wrongly; it holds at once, before any build.';
comment on column person_index.withheld_record.person_record_id is 'organisation/source/the source''s own id of the person.';
comment on column person_index.withheld_record.reason is 'Why, in the words of whoever withheld it; they may name people.';
comment on column person_index.withheld_record.withheld_by is 'Who withheld it.';
comment on column person_index.withheld_record.withheld_at is 'When.';
comment on column person_index.withheld_record.released_by is 'Who let readers see it again.';
comment on column person_index.withheld_record.released_because is 'Why it was released, in words that may name people.';
comment on column person_index.withheld_record.released_at is 'When it was released; empty while it is withheld.';

alter table person_index.event add column decision_id bigint references person_index.pair_decision;
alter table person_index.event drop constraint event_kind_check;
alter table person_index.event add check
    (kind in ('created', 'merged', 'split', 'moved', 'retired', 'decided', 'undone'));
alter table person_index.event add check ((kind in ('decided', 'undone')) = (decision_id is not null));
create index on person_index.event (decision_id) where decision_id is not null;
comment on column person_index.event.kind is
    'decided: people''s decision about a pair took effect; undone: it was taken back. The others say what became of the person.';
comment on column person_index.event.person_id is 'Whom it happened to; after a merge, the one that stayed; after a split, the new one.';
comment on column person_index.event.other_person_id is 'The other person concerned: merged into that one, split off, or left by the record.';
comment on column person_index.event.person_record_id is 'The record that was moved.';
comment on column person_index.event.decision_id is 'The decision in person_index.pair_decision.';
"""

AS_AT = """
create function person_index.membership_as_at(moment timestamptz)
returns table (person_record_id text, person_id bigint, rule text)
language sql stable
begin atomic
    select membership.person_record_id, membership.person_id, membership.rule
    from person_index.membership
    where membership.valid_from <= moment and (membership.valid_to is null or membership.valid_to > moment);
end;
comment on function person_index.membership_as_at is 'One row for each person record that the index knew at a moment: whose it was then.';
"""

# A pair that gives a changed identity away is seen by nobody but the Caldicott guardian and the pipeline.
RIGHTS = """
grant create on schema person_index to cares_pipeline;
grant usage on schema person_index to cares_engineer, cares_governance, cares_caldicott;
grant select on person_index.model, person_index.update to cares_engineer, cares_governance, cares_caldicott;
grant select on person_index.pair_to_decide, person_index.pair_decision, person_index.withheld_record
    to cares_governance, cares_caldicott;
grant select on person_index.pair_to_decide to cares_engineer;
grant select (decision_id, record_l, record_r, decision, is_sealed, decided_by, decided_at, undone_by, undone_at)
    on person_index.pair_decision to cares_engineer;
grant select (withheld_id, person_record_id, withheld_by, withheld_at, released_by, released_at)
    on person_index.withheld_record to cares_engineer;
"""
SEALED = """
alter table person_index.{table} enable row level security;
create policy pipeline on person_index.{table} to cares_pipeline using (true) with check (true);
create policy sealed on person_index.{table} for select to cares_caldicott using (true);
create policy open on person_index.{table} for select to cares_engineer, cares_governance using (not is_sealed);
"""


def upgrade() -> None:
    for part in (WHAT_WAS_COMPARED, WHAT_PEOPLE_DECIDE, AS_AT, RIGHTS):
        op.execute(part)
    for table in ("pair_to_decide", "pair_decision"):
        op.execute(SEALED.format(table=table))
