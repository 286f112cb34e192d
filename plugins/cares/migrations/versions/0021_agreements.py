"""Agreements end as they say, purposes rest on their bases, poor data wait for a signature, and what must be in place is known."""

from alembic import op

revision = "0021"
down_revision = "0020"

AGREEMENTS = """
alter table governance.sharing_agreement
    add column kept_until date,
    add column body text,
    add column succeeds text,
    add column most_rows_lost_percent numeric check (most_rows_lost_percent between 0 and 100),
    add column because text,
    add check (kept_until is null or on_ending = 'keep until'),
    add check (kept_until is null or in_force_until is null or kept_until >= in_force_until);
comment on column governance.sharing_agreement.on_ending is
    'What happens to the data when it ends. Stop: no longer shown; keep until: shown and held until kept_until, then deleted; delete: not shown and deleted.';
comment on column governance.sharing_agreement.kept_until is 'The last day on which data are kept and shown after the end, where on_ending says so.';
comment on column governance.sharing_agreement.body is 'The body that is party to it, where that is not the organisation of the feed: its successor.';
comment on column governance.sharing_agreement.succeeds is 'The agreement whose place it took, by novation.';
comment on column governance.sharing_agreement.most_rows_lost_percent is
    'The bar: how many of a hundred received rows of its newest period may be unreadable or set aside before what is made from the feed waits for a signature. Empty: as the purpose has it.';
comment on column governance.sharing_agreement.because is 'Why it was recorded as it stands, where somebody said so.';

create table governance.sharing_agreement_recording (
    recording_id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    by text not null,
    act text not null check (act in ('recorded', 'changed', 'removed')),
    agreement text not null,
    feed text not null,
    purposes text[] not null,
    signed_on date not null,
    in_force_from date not null,
    in_force_until date,
    on_ending text not null,
    kept_until date,
    body text,
    succeeds text,
    most_rows_lost_percent numeric,
    because text
);
create index on governance.sharing_agreement_recording (agreement, feed);
comment on table governance.sharing_agreement_recording is
    'One row for each time that a sharing agreement was recorded, changed or removed: as it stood from then on, or last. Written by the database itself; nobody can change it.';
comment on column governance.sharing_agreement_recording.recording_id is 'In the order of time.';
comment on column governance.sharing_agreement_recording.at is 'When.';
comment on column governance.sharing_agreement_recording.by is 'Who was logged in.';
comment on column governance.sharing_agreement_recording.act is 'Recorded, changed or removed.';
comment on column governance.sharing_agreement_recording.agreement is 'As in sharing_agreement; so are the other columns.';
comment on column governance.sharing_agreement_recording.feed is 'The feed that it covers.';
comment on column governance.sharing_agreement_recording.purposes is 'What its data may be used for.';
comment on column governance.sharing_agreement_recording.signed_on is 'The day of the signature.';
comment on column governance.sharing_agreement_recording.in_force_from is 'The first day in force.';
comment on column governance.sharing_agreement_recording.in_force_until is 'The last day in force; empty where none is agreed.';
comment on column governance.sharing_agreement_recording.on_ending is 'What happens to the data when it ends.';
comment on column governance.sharing_agreement_recording.kept_until is 'The last day on which data are kept after the end.';
comment on column governance.sharing_agreement_recording.body is 'The body that is party to it, where that is a successor.';
comment on column governance.sharing_agreement_recording.succeeds is 'The agreement whose place it took.';
comment on column governance.sharing_agreement_recording.most_rows_lost_percent is 'Its bar of quality.';
comment on column governance.sharing_agreement_recording.because is 'Why.';

create function governance.keep_recording() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    one governance.sharing_agreement;
begin
    if tg_op = 'UPDATE' and new is not distinct from old then
        return null;
    end if;
    one := case when tg_op = 'DELETE' then old else new end;
    insert into governance.sharing_agreement_recording
        (by, act, agreement, feed, purposes, signed_on, in_force_from, in_force_until, on_ending, kept_until, body, succeeds,
         most_rows_lost_percent, because)
    values
        (case when tg_op = 'DELETE' then session_user else one.recorded_by end,
         case tg_op when 'INSERT' then 'recorded' when 'UPDATE' then 'changed' else 'removed' end,
         one.agreement, one.feed, one.purposes, one.signed_on, one.in_force_from, one.in_force_until, one.on_ending,
         one.kept_until, one.body, one.succeeds, one.most_rows_lost_percent, one.because);
    return null;
end $$;
comment on function governance.keep_recording() is 'Writes each change of a sharing agreement into sharing_agreement_recording.';
revoke execute on function governance.keep_recording() from public;

insert into governance.sharing_agreement_recording
    (at, by, act, agreement, feed, purposes, signed_on, in_force_from, in_force_until, on_ending)
select recorded_at, recorded_by, 'recorded', agreement, feed, purposes, signed_on, in_force_from, in_force_until, on_ending
from governance.sharing_agreement order by recorded_at, agreement, feed;

create trigger keep_recording after insert or update or delete on governance.sharing_agreement
    for each row execute function governance.keep_recording();
revoke insert, update, delete, truncate on governance.sharing_agreement_recording from cares_pipeline;
grant select on governance.sharing_agreement_recording to cares_engineer, cares_governance;
"""

USES = """
create table governance.police_feed (feed text primary key);
comment on table governance.police_feed is
    'One row for each feed that a police force sends, as the contracts have it: it is used for a purpose only on a basis for police data.';
comment on column governance.police_feed.feed is 'organisation/name, as in expectations/.';
grant select on governance.police_feed to cares_engineer, cares_governance;

create or replace view governance.feed_in_use as
select distinct agreement.feed, one.purpose
from governance.sharing_agreement as agreement
cross join unnest(agreement.purposes) as one (purpose)
where agreement.signed_on <= current_date
    and agreement.in_force_from <= current_date
    and (
        agreement.in_force_until is null
        or agreement.in_force_until >= current_date
        or agreement.kept_until >= current_date
    )
    and (
        not exists (select from governance.police_feed as police where police.feed = agreement.feed)
        or exists (select from governance.purpose where purpose.purpose = one.purpose and purpose.police_basis <> '')
    );
comment on view governance.feed_in_use is
    'One row for each feed and purpose that a sharing agreement lets it be used for today: in force, or ended and kept until a day that has not passed.';
comment on column governance.feed_in_use.feed is 'organisation/name, as in expectations/.';
comment on column governance.feed_in_use.purpose is 'The purpose, as in the register of purposes.';

create view governance.feed_to_delete as
select feed, max(coalesce(kept_until, in_force_until)) as since
from governance.sharing_agreement
group by feed
-- What is null has no end, and bool_and would pass over it.
having bool_and(coalesce(in_force_until < current_date, false) and (kept_until is null or kept_until < current_date))
    and bool_or(on_ending = 'delete' or kept_until is not null);
comment on view governance.feed_to_delete is
    'One row for each feed whose data must be deleted: all its sharing agreements have ended, and one of them says so.';
comment on column governance.feed_to_delete.feed is 'organisation/name, as in expectations/.';
comment on column governance.feed_to_delete.since is 'The last day on which they were in force or kept.';
grant select on governance.feed_in_use, governance.feed_to_delete to cares_engineer, cares_governance;

create table governance.person_record_feed (
    person_record_id text not null,
    feed text not null,
    primary key (person_record_id, feed)
);
comment on table governance.person_record_feed is
    'One row for each person record and feed that may have told of it; kept at the end of each update of the person index.';
comment on column governance.person_record_feed.person_record_id is 'Organisation, source and the source''s own id of the person.';
comment on column governance.person_record_feed.feed is 'organisation/name, as in expectations/.';

create view governance.person_in_use as
select used.purpose, membership.person_id
from governance.feed_in_use as used
join governance.person_record_feed using (feed)
join person_index.membership using (person_record_id);
comment on view governance.person_in_use is
    'One row for each purpose, person and record of that person, now or once, of whom a feed tells that may be used for it today.';
comment on column governance.person_in_use.purpose is 'The purpose.';
comment on column governance.person_in_use.person_id is 'The person.';

create view governance.source_in_use as
select used.purpose, split_part(person_record_feed.person_record_id, '/', 2) as source, membership.person_id
from governance.feed_in_use as used
join governance.person_record_feed using (feed)
join person_index.membership using (person_record_id);
comment on view governance.source_in_use is
    'One row for each purpose, source and record of a person, now or once, of whom a feed of that source tells that may be used for it today.';
comment on column governance.source_in_use.purpose is 'The purpose.';
comment on column governance.source_in_use.source is 'The source, as in the second part of a person record''s name.';
comment on column governance.source_in_use.person_id is 'The person.';
"""

PURPOSES = """
alter table governance.purpose
    add column most_rows_lost_percent numeric check (most_rows_lost_percent between 0 and 100),
    add column most_periods_missing integer check (most_periods_missing >= 0);
comment on column governance.purpose.most_rows_lost_percent is
    'The bar: how many of a hundred received rows of a feed''s newest period may be unreadable or set aside before what serves the purpose waits for a signature. Empty: no bar.';
comment on column governance.purpose.most_periods_missing is
    'The bar: how many promised periods of one feed may be missing. Empty: no bar.';
"""

SIGN_OFF = """
create table ledger.shown_build (
    schema_name text primary key,
    build_id bigint not null references ledger.build,
    since timestamptz not null default clock_timestamp()
);
comment on table ledger.shown_build is
    'One row for each published schema: the build that its views show. It is not the build that was published last where that one waits for a signature.';
comment on column ledger.shown_build.schema_name is 'The published schema.';
comment on column ledger.shown_build.build_id is 'The build that its readers see.';
comment on column ledger.shown_build.since is 'Since when.';
insert into ledger.shown_build (schema_name, build_id, since)
select name, build_id, published_at from ledger.build cross join unnest(array['linked_care', 'shared_care_record', 'insight', 'board']) as name
where state = 'published';

create table governance.missed_bar (
    build_id bigint not null references ledger.build,
    purpose text not null,
    feed text not null,
    figure text not null check (figure in ('rows lost', 'periods missing')),
    found numeric not null,
    bar numeric not null,
    sentence text not null,
    primary key (build_id, purpose, feed, figure)
);
comment on table governance.missed_bar is
    'One row for each figure of a feed that is worse than the bar of its sharing agreement, or of the purpose, when a build was to be published.';
comment on column governance.missed_bar.build_id is 'The build.';
comment on column governance.missed_bar.purpose is 'The purpose that the feed is used for.';
comment on column governance.missed_bar.feed is 'organisation/name, as in expectations/.';
comment on column governance.missed_bar.figure is
    'Rows lost: unreadable or set aside, of a hundred received, in the newest period (ledger.delivery_file). Periods missing: promised periods that did not come (ledger.promise).';
comment on column governance.missed_bar.found is 'What was found.';
comment on column governance.missed_bar.bar is 'What the agreement or the purpose takes.';
comment on column governance.missed_bar.sentence is 'The same in words.';

create table governance.judged_build (
    build_id bigint not null references ledger.build,
    purpose text not null,
    content_hash text not null,
    judged_at timestamptz not null default clock_timestamp(),
    primary key (build_id, purpose)
);
comment on table governance.judged_build is
    'One row for each build and purpose for which it missed a bar: what its tables hold, as a hash, so that a signature is under that and nothing else.';
comment on column governance.judged_build.build_id is 'The build.';
comment on column governance.judged_build.purpose is 'The purpose.';
comment on column governance.judged_build.content_hash is 'SHA-256 over the missed figures and every row of the tables that serve the purpose.';
comment on column governance.judged_build.judged_at is 'When it was judged last.';

create table governance.sign_off (
    sign_off_id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    by text not null,
    name text not null,
    role text not null check (role in ('Caldicott guardian', 'SIRO')),
    purpose text not null,
    build_id bigint not null references ledger.build,
    content_hash text not null,
    risks text[] not null check (cardinality(risks) > 0),
    until date not null,
    withdrawn_at timestamptz,
    withdrawn_by text,
    withdrawn_because text,
    check ((withdrawn_at is null) = (withdrawn_by is null) and (withdrawn_at is null) = (withdrawn_because is null))
);
comment on table governance.sign_off is
    'One row for each time that a Caldicott guardian or SIRO accepted named risks for a use until a day.';
comment on column governance.sign_off.sign_off_id is 'In the order of time.';
comment on column governance.sign_off.at is 'When.';
comment on column governance.sign_off.by is 'Who was logged in.';
comment on column governance.sign_off.name is 'Who accepts.';
comment on column governance.sign_off.role is 'Caldicott guardian or senior information risk owner.';
comment on column governance.sign_off.purpose is 'The use: a purpose of the register.';
comment on column governance.sign_off.build_id is 'The build that was looked at.';
comment on column governance.sign_off.content_hash is 'What was accepted: the hash of judged_build at that moment. Other content needs another signature.';
comment on column governance.sign_off.risks is 'The risks, each in words.';
comment on column governance.sign_off.until is 'The last day on which they are accepted.';
comment on column governance.sign_off.withdrawn_at is 'When it was taken back; what was shown under it is hidden at once.';
comment on column governance.sign_off.withdrawn_by is 'Who took it back.';
comment on column governance.sign_off.withdrawn_because is 'Why.';

create view governance.unaccepted_use as
select judged.build_id, judged.purpose
from governance.judged_build as judged
where not exists (
    select from governance.sign_off as accepted
    where accepted.purpose = judged.purpose and accepted.content_hash = judged.content_hash
        and accepted.withdrawn_at is null and accepted.until >= current_date
);
comment on view governance.unaccepted_use is
    'One row for each build and purpose for which it missed a bar that nobody accepts today: never accepted, run out, or taken back. It shows no row.';
comment on column governance.unaccepted_use.build_id is 'The build.';
comment on column governance.unaccepted_use.purpose is 'The purpose.';

revoke update, delete, truncate on governance.sign_off from cares_pipeline;
grant update (withdrawn_at, withdrawn_by, withdrawn_because) on governance.sign_off to cares_pipeline;
grant select on governance.missed_bar, governance.judged_build, governance.sign_off, governance.unaccepted_use
    to cares_engineer, cares_governance;
"""

REGISTERS = """
create table governance.partnership_event (
    agreement text not null,
    body text not null,
    since text not null check (since ~ '^[0-9]{4}(-[0-9]{2}){0,2}$'),
    state text not null check (state in ('proposed', 'approved', 'delegated', 'signed', 'in force', 'refreshed', 'left')),
    told text not null,
    source text not null,
    primary key (agreement, body, since, state)
);
comment on table governance.partnership_event is
    'One row for each thing reported of a partnership agreement (memorandum of understanding, collaboration agreement) and a body. Facts to report, never a gate.';
comment on column governance.partnership_event.agreement is 'The agreement.';
comment on column governance.partnership_event.body is 'The body that it is told of.';
comment on column governance.partnership_event.since is 'When: a day, month or year, as exactly as the source has it.';
comment on column governance.partnership_event.state is 'What the agreement was to the body from then on.';
comment on column governance.partnership_event.told is 'What was told.';
comment on column governance.partnership_event.source is 'Where it was told.';

create table governance.readiness (
    item text primary key,
    what text not null,
    owner text not null,
    state text not null check (state in ('missing', 'being written', 'in place')),
    decided_on date,
    expires_on date,
    kept_at text,
    check (state <> 'in place' or (decided_on is not null and kept_at is not null))
);
comment on table governance.readiness is
    'One row for each thing that must be in place before the data are switched on, as the register of readiness has it (expectations/governance/readiness.yml).';
comment on column governance.readiness.item is 'Its short name.';
comment on column governance.readiness.what is 'What it is.';
comment on column governance.readiness.owner is 'Who answers for it.';
comment on column governance.readiness.state is 'Missing, being written, or in place.';
comment on column governance.readiness.decided_on is 'The day on which it came to that state.';
comment on column governance.readiness.expires_on is 'The last day on which it counts; empty where it does not run out.';
comment on column governance.readiness.kept_at is 'Where it is kept.';

create view governance.readiness_today as
select
    readiness.*,
    case when state = 'in place' and expires_on < current_date then 'expired' else state end as state_today
from governance.readiness;
comment on view governance.readiness_today is 'The same, with what has run out told as expired.';
comment on column governance.readiness_today.state_today is 'Missing, being written, in place, or expired.';

grant select on governance.partnership_event, governance.readiness, governance.readiness_today to cares_engineer, cares_governance;
"""


def upgrade() -> None:
    for part in (AGREEMENTS, USES, PURPOSES, SIGN_OFF, REGISTERS):
        op.execute(part)
