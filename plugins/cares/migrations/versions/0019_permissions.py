"""Whose record may be shown, whose home nobody may find, and which care is never shown: decided once, obeyed at every reading."""

from alembic import op

revision = "0019"
down_revision = "0018"

DECISIONS = """
create table governance.record_decision (
    decision_id bigint generated always as identity primary key,
    feed text,
    reference text,
    state text not null check (state in ('undecided', 'permitted', 'declined', 'withdrawn', 'emergency')),
    scope text not null check (scope in ('whole record', 'one organisation')),
    organisation_code text,
    organisation text,
    decided_by text,
    capacity text,
    decided_at timestamptz not null,
    ends_at timestamptz,
    emergency_reason text,
    because text,
    recorded_by text not null,
    recorded_at timestamptz not null default now(),
    replaced_at timestamptz,
    counts boolean not null generated always as (
        case state
            when 'permitted' then coalesce((decided_by, capacity) in (
                ('person', 'has capacity'), ('person', 'not assessed'), ('person', 'competent child'), ('parent', 'child'),
                ('attorney', 'lacks capacity'), ('deputy', 'lacks capacity'), ('best interests', 'lacks capacity')
            ), false)
            when 'emergency' then emergency_reason is not null and ends_at is not null
            else true
        end
    ) stored,
    check ((scope = 'one organisation') = (organisation_code is not null)),
    check ((feed is null) = (reference is null)),
    check (replaced_at is null or replaced_at >= recorded_at)
);
create index on governance.record_decision (feed, reference) where replaced_at is null;
comment on table governance.record_decision is
    'One row for each decision about whether a person''s Shared Care Record may be shown, from the feed or the desk. All of them are kept; the latest counts, and of two at one moment the one that shows less.';
comment on column governance.record_decision.decision_id is 'Its number.';
comment on column governance.record_decision.feed is 'The feed that brought it; empty where the desk recorded it here.';
comment on column governance.record_decision.reference is 'The decision in the numbering of that feed.';
comment on column governance.record_decision.state is
    'undecided: nobody has decided; permitted; declined; withdrawn; emergency: shown without permission until ends_at, what was decided before counts after it.';
comment on column governance.record_decision.scope is 'Whether it is about the whole record or about what one organisation sent.';
comment on column governance.record_decision.organisation_code is 'The ODS code of that organisation, or its name here.';
comment on column governance.record_decision.organisation is
    'That organisation''s name here; empty where nobody knows the code, so that nothing may be shown.';
comment on column governance.record_decision.decided_by is
    'person, parent, attorney, deputy, best interests, or professional (in an emergency).';
comment on column governance.record_decision.capacity is
    'has capacity, competent child, child, lacks capacity, or not assessed.';
comment on column governance.record_decision.decided_at is 'From when it counts.';
comment on column governance.record_decision.ends_at is 'When an emergency, or a permission for a time, is over.';
comment on column governance.record_decision.emergency_reason is 'Why the record is shown without permission.';
comment on column governance.record_decision.because is 'Why, in the words of the desk; they may name people.';
comment on column governance.record_decision.recorded_by is 'Who wrote it down: a code, or who was at work here.';
comment on column governance.record_decision.recorded_at is 'When it was taken up here.';
comment on column governance.record_decision.replaced_at is
    'When the feed replaced it by another telling, or took it back; empty while it stands.';
comment on column governance.record_decision.counts is
    'Whether a permission was given by somebody who may give it in that capacity, and an emergency has a reason and an end.';

create table governance.record_decision_about (
    decision_id bigint not null references governance.record_decision on delete cascade,
    person_record_id text not null,
    is_named boolean not null,
    primary key (decision_id, person_record_id)
);
create index on governance.record_decision_about (person_record_id);
comment on table governance.record_decision_about is
    'One row for each decision and person record that it is about. A permission goes with the records that were named only; a refusal with all that the person had.';
comment on column governance.record_decision_about.decision_id is 'The decision.';
comment on column governance.record_decision_about.person_record_id is 'organisation/source/the source''s own id of the person.';
comment on column governance.record_decision_about.is_named is 'Whether it was named, or is another record of the same person.';
"""

# An earlier build shows people as they were linked then: whoever refuses now is hidden under every number that a build which
# can still be read may show them by.
STANDING = """
create view governance.standing_build as
select build_id, as_at, identified_at, finished_at
from ledger.build
where state in ('building', 'tested', 'published', 'superseded');
comment on view governance.standing_build is 'One row for each build whose tables somebody may read, now or when it is published.';
comment on column governance.standing_build.build_id is 'The build.';
comment on column governance.standing_build.as_at is 'The moment whose facts it sees.';
comment on column governance.standing_build.identified_at is 'When it had brought the person index up to date.';
comment on column governance.standing_build.finished_at is 'When its tables were made.';

create view governance.person_today as
select shown.person_id, today.person_id as today_id, today.person_record_id
from person_index.membership as shown
join person_index.membership as today on today.person_record_id = shown.person_record_id and today.valid_to is null
where shown.valid_to is null
    or shown.valid_to > (select min(coalesce(identified_at, as_at)) from governance.standing_build);
comment on view governance.person_today is
    'One row for each person record under each person by whom a standing build may show it: whose it is today.';
comment on column governance.person_today.person_id is 'The person as a build may show them.';
comment on column governance.person_today.today_id is 'The person as the index knows them today; the same for most.';
comment on column governance.person_today.person_record_id is 'organisation/source/the source''s own id of the person.';
"""

PERMISSION = """
create view governance.record_decision_today as
select
    membership.person_id,
    decision.decision_id,
    decision.state,
    decision.scope,
    decision.organisation_code,
    decision.organisation,
    decision.decided_at,
    decision.ends_at,
    decision.emergency_reason,
    decision.state in ('permitted', 'emergency') and decision.counts and coalesce(decision.ends_at > now(), true) as shows
from person_index.membership
join governance.record_decision_about as about using (person_record_id)
join governance.record_decision as decision using (decision_id)
where membership.valid_to is null
    and decision.replaced_at is null
    and decision.decided_at <= now()
    and (about.is_named or decision.state not in ('permitted', 'emergency'))
    and (decision.state <> 'emergency' or decision.counts and decision.ends_at > now());
comment on view governance.record_decision_today is
    'One row for each person of today, decision that counts now and record that it came by, and whether it lets the record be shown.';
comment on column governance.record_decision_today.person_id is 'The person.';
comment on column governance.record_decision_today.decision_id is 'The decision, in governance.record_decision.';
comment on column governance.record_decision_today.state is 'As there.';
comment on column governance.record_decision_today.scope is 'As there.';
comment on column governance.record_decision_today.organisation_code is 'As there.';
comment on column governance.record_decision_today.organisation is 'As there.';
comment on column governance.record_decision_today.decided_at is 'As there.';
comment on column governance.record_decision_today.ends_at is 'As there.';
comment on column governance.record_decision_today.emergency_reason is 'As there.';
comment on column governance.record_decision_today.shows is 'Whether it lets what it is about be shown now.';

create view governance.record_state as
select person.person_id, latest.decision_id, latest.state, latest.decided_at, latest.ends_at, latest.emergency_reason, latest.shows
from person_index.person
cross join lateral (
    select * from governance.record_decision_today as decision
    where decision.person_id = person.person_id and decision.scope = 'whole record'
    order by decision.decided_at desc, decision.shows, decision.state = 'emergency' desc, decision.decision_id desc
    limit 1
) as latest;
comment on view governance.record_state is
    'One row for each person of today about whose whole record somebody has decided: the decision that counts now. Whoever has none is undecided.';
comment on column governance.record_state.person_id is 'The person.';
comment on column governance.record_state.decision_id is 'The decision, in governance.record_decision.';
comment on column governance.record_state.state is 'permitted, declined, withdrawn, undecided, or emergency while it lasts.';
comment on column governance.record_state.decided_at is 'Since when.';
comment on column governance.record_state.ends_at is 'Until when, if it ends by itself.';
comment on column governance.record_state.emergency_reason is 'Why the record is shown without permission.';
comment on column governance.record_state.shows is 'Whether the record may be shown.';

create or replace view governance.objection as
select distinct today.person_id, latest.organisation
from (
    select distinct on (person_id, organisation, coalesce(organisation, organisation_code))
        person_id, organisation, shows
    from governance.record_decision_today
    where scope = 'one organisation'
    order by person_id, organisation, coalesce(organisation, organisation_code), decided_at desc, shows, decision_id desc
) as latest
join governance.person_today as today on today.today_id = latest.person_id
where not latest.shows;
comment on view governance.objection is
    'One row for each person and contributing organisation whose data may not be shown in the person''s Shared Care Record; no organisation: a code that nobody knows was named, and nothing may be shown.';

create or replace view governance.permitted_record as
select person.person_id
from person_index.person
where
    case
        when exists (select from person_index.membership as own where own.person_id = person.person_id and own.valid_to is null)
            then exists (select from governance.record_state as state where state.person_id = person.person_id and state.shows)
        -- Merged into others since the build that shows them: what those decided counts.
        else exists (select from governance.person_today as today where today.person_id = person.person_id)
    end
    and not exists (
        select from governance.person_today as today
        left join governance.record_state as state on state.person_id = today.today_id
        where today.person_id = person.person_id
            and today.today_id <> person.person_id
            and (
                state.state in ('declined', 'withdrawn')
                or state.shows is not true and not exists (
                    select from person_index.membership as own where own.person_id = person.person_id and own.valid_to is null
                )
            )
    )
    and not exists (
        select from governance.objection where objection.person_id = person.person_id and objection.organisation is null
    );
comment on view governance.permitted_record is
    'One row for each person whose Shared Care Record may be shown now: the latest decision lets it, and nobody whose records an earlier build shows as theirs has refused.';

create view governance.record_in_emergency as
select person_id, decision_id, decided_at as since, ends_at as until, emergency_reason as reason
from governance.record_state
where state = 'emergency' and shows;
comment on view governance.record_in_emergency is
    'One row for each person whose Shared Care Record is shown without permission now, for an emergency.';
comment on column governance.record_in_emergency.person_id is 'The person.';
comment on column governance.record_in_emergency.decision_id is 'The decision, in governance.record_decision.';
comment on column governance.record_in_emergency.since is 'Since when.';
comment on column governance.record_in_emergency.until is 'When it ends by itself.';
comment on column governance.record_in_emergency.reason is 'Why.';
"""

RESTRICTED_PERSONS = """
create table governance.restricted_record (
    restriction_id bigint generated always as identity primary key,
    person_record_id text not null,
    reason text not null,
    restricted_by text not null,
    restricted_at timestamptz not null default now(),
    lifted_by text,
    lifted_because text,
    lifted_at timestamptz,
    check (lifted_at is null or (lifted_by is not null and lifted_because is not null and lifted_at >= restricted_at))
);
create unique index on governance.restricted_record (person_record_id) where lifted_at is null;
comment on table governance.restricted_record is
    'One row for each time that a person was restricted (S-flag): nobody may find their home, in whatever anybody sent of them.';
comment on column governance.restricted_record.restriction_id is 'Its number.';
comment on column governance.restricted_record.person_record_id is 'The record by which the person was named: organisation/source/the source''s own id.';
comment on column governance.restricted_record.reason is 'Why, in the words of whoever restricted them; they may name people.';
comment on column governance.restricted_record.restricted_by is 'Who restricted them.';
comment on column governance.restricted_record.restricted_at is 'When.';
comment on column governance.restricted_record.lifted_by is 'Who lifted it.';
comment on column governance.restricted_record.lifted_because is 'Why it was lifted, in words that may name people.';
comment on column governance.restricted_record.lifted_at is 'When it was lifted; empty while it holds.';

create view governance.restricted_person_record as
select restricted.person_record_id
from governance.restricted_record as restricted
where restricted.lifted_at is null
union
select fellow.person_record_id
from governance.restricted_record as restricted
cross join lateral (
    select own.person_id from person_index.membership as own
    where own.person_record_id = restricted.person_record_id
    order by own.valid_to is null desc, own.valid_to desc, own.valid_from desc
    limit 1
) as whose
join person_index.membership as fellow on fellow.person_id = whose.person_id and fellow.valid_to is null
where restricted.lifted_at is null;
comment on view governance.restricted_person_record is
    'One row for each person record of somebody whose home nobody may find, whoever sent it.';
comment on column governance.restricted_person_record.person_record_id is 'organisation/source/the source''s own id of the person.';

create or replace view governance.restricted_person_in_build as
select distinct build.build_id, membership.person_id
from governance.restricted_person_record
join person_index.membership using (person_record_id)
join governance.standing_build as build
    on membership.valid_from <= coalesce(build.finished_at, 'infinity')
    and (membership.valid_to is null or membership.valid_to > coalesce(build.identified_at, build.as_at));
"""

# Cases come with each update of the person index, also where the build then fails and no standing build has the record.
CASES = """
create view contact_cares.cases with (security_barrier = true) as
select
    one.contact_id, one.forename, one.surname, one.born_on,
    case when not home.is_hidden then one.address end as address,
    case when not home.is_hidden then one.postcode end as postcode,
    case when not home.is_hidden then one.phone end as phone,
    one.adult_or_child, one.channel, one.tier_code, one.urgency, one.received_on, one.received_at, one.first_responded_at,
    one.assessed_at, one.closed_on, one.staff_organisation, one.requester_code, one.reason_code, one.outcome
from governance.contact_cares_case as one
cross join lateral (
    select one.person_record_id in (select restricted.person_record_id from governance.restricted_person_record as restricted)
        is true
        or exists (
            select from person_index.membership
            join governance.restricted_person_in_build as restricted using (person_id)
            where membership.person_record_id = one.person_record_id
        ) as is_hidden
) as home
where exists (select from governance.purpose_in_force where purpose = 'direct care')
    and one.feed in (select feed from governance.feed_in_use where purpose = 'direct care')
    and not exists (
        select from person_index.withheld_record as withheld
        where withheld.person_record_id = one.person_record_id and withheld.released_at is null and withheld.split_at is null
    );
comment on view contact_cares.cases is
    'One row for each contact of Contact Cares and of ISAH: the case, as the desk took it. Homes that nobody may find are hidden.';
comment on column contact_cares.cases.contact_id is 'The contact in the service''s own numbering.';
comment on column contact_cares.cases.forename is 'First name.';
comment on column contact_cares.cases.surname is 'Surname.';
comment on column contact_cares.cases.born_on is 'Birth date.';
comment on column contact_cares.cases.address is 'Address; hidden where nobody may find the home.';
comment on column contact_cares.cases.postcode is 'Postcode; hidden where nobody may find the home.';
comment on column contact_cares.cases.phone is 'Telephone number; hidden where nobody may find the home.';
comment on column contact_cares.cases.adult_or_child is 'Adult or Child.';
comment on column contact_cares.cases.channel is 'How the contact came.';
comment on column contact_cares.cases.tier_code is '1: resolved or referred on; 2: assessed face to face.';
comment on column contact_cares.cases.urgency is 'Planned or Crisis.';
comment on column contact_cares.cases.received_on is 'Day the contact came.';
comment on column contact_cares.cases.received_at is 'Moment the contact came.';
comment on column contact_cares.cases.first_responded_at is 'Moment of the first response.';
comment on column contact_cares.cases.assessed_at is 'Moment of the assessment face to face.';
comment on column contact_cares.cases.closed_on is 'Day it was closed; empty while it is open.';
comment on column contact_cares.cases.staff_organisation is 'Whose member of staff dealt with it.';
comment on column contact_cares.cases.requester_code is 'Who made the contact.';
comment on column contact_cares.cases.reason_code is 'Why it was made.';
comment on column contact_cares.cases.outcome is 'What came of it.';
grant select on contact_cares.cases to cares_contact_cares;
"""

RESTRICTED_CODES = """
create table governance.restricted_code_list (
    version text primary key,
    text_sha256 text not null,
    taken_up_at timestamptz not null default now(),
    taken_up_by text not null,
    is_in_force boolean not null
);
create unique index on governance.restricted_code_list (is_in_force) where is_in_force;
comment on table governance.restricted_code_list is
    'One row for each version of the list of restricted codes (expectations/governance/restricted_codes.yml) that was taken up.';
comment on column governance.restricted_code_list.version is 'As the list names it.';
comment on column governance.restricted_code_list.text_sha256 is 'SHA-256 of its text.';
comment on column governance.restricted_code_list.taken_up_at is 'Since when.';
comment on column governance.restricted_code_list.taken_up_by is 'Who took it up.';
comment on column governance.restricted_code_list.is_in_force is 'Whether it is the one that counts.';

create table governance.restricted_code (
    rule text not null,
    code_system text not null,
    code text not null,
    is_prefix boolean not null,
    primary key (rule, code_system, code)
);
comment on table governance.restricted_code is 'One row for each rule and code of the list of restricted codes that is in force.';
comment on column governance.restricted_code.rule is 'What the code tells of, as assisted conception.';
comment on column governance.restricted_code.code_system is 'ICD-10, OPCS-4, SNOMED CT, treatment function, clinic, team and so on.';
comment on column governance.restricted_code.code is 'The code, without dots and spaces.';
comment on column governance.restricted_code.is_prefix is 'Whether every code counts that begins so.';

create table governance.restricted_care_event (
    care_event_id text not null,
    rule text not null,
    found_at timestamptz not null default now(),
    gone_at timestamptz,
    primary key (care_event_id, rule)
);
comment on table governance.restricted_care_event is
    'One row for each care event that holds a restricted code, and the rule; which code it was is not kept. Only the pipeline reads it.';
comment on column governance.restricted_care_event.care_event_id is 'The care event.';
comment on column governance.restricted_care_event.rule is 'The rule of the list.';
comment on column governance.restricted_care_event.found_at is 'When the code was found.';
comment on column governance.restricted_care_event.gone_at is
    'When it was found no more. The event stays hidden while a build stands that was made before.';

create or replace view governance.restricted_event as
select care_event_id, rule
from governance.restricted_care_event
where gone_at is null or gone_at > (select min(coalesce(finished_at, 'infinity')) from governance.standing_build);
"""

# What was decided of whom is for those who answer for it; that an event is restricted is told to nobody.
RIGHTS = """
grant usage on sequence governance.record_decision_decision_id_seq to cares_pipeline;
grant select on governance.restricted_code_list, governance.restricted_code to cares_engineer, cares_governance, cares_caldicott;
grant select on governance.record_decision_about to cares_governance, cares_caldicott;
grant select (decision_id, feed, reference, state, scope, organisation_code, organisation, decided_by, capacity, decided_at,
    ends_at, emergency_reason, recorded_by, recorded_at, replaced_at, counts)
    on governance.record_decision to cares_governance, cares_caldicott;
grant select (restriction_id, person_record_id, restricted_by, restricted_at, lifted_by, lifted_at)
    on governance.restricted_record to cares_governance, cares_caldicott;
grant usage on schema governance to cares_caldicott;
"""


def upgrade() -> None:
    for part in (DECISIONS, STANDING, PERMISSION, RESTRICTED_PERSONS, CASES, RESTRICTED_CODES, RIGHTS):
        op.execute(part)
