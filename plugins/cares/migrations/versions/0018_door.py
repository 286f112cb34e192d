"""The Shared Care Record is read through a door, which writes down each opening before it shows a row."""

from alembic import op

revision = "0018"
down_revision = "0017"

WHO_MAY_OPEN = """
create table governance.record_opener (
    organisation text primary key,
    name text not null,
    kind text not null,
    may_open boolean not null,
    is_only_for_referred boolean not null,
    emergency_hours integer not null check (emergency_hours > 0)
);
comment on table governance.record_opener is
    'One row for each organisation, and whether its staff may open the Shared Care Record, as expectations/governance/shared_care_record.yml and its own file have it.';
comment on column governance.record_opener.organisation is 'The organisation, as in expectations/.';
comment on column governance.record_opener.name is 'Its full name.';
comment on column governance.record_opener.kind is 'What kind of organisation it is.';
comment on column governance.record_opener.may_open is 'Whether staff of its kind may open the record: the NHS and local authorities only.';
comment on column governance.record_opener.is_only_for_referred is
    'Whether its staff may open the records of people only who were referred through Contact Cares.';
comment on column governance.record_opener.emergency_hours is 'For how long the reason of an emergency stands.';

create table governance.staff (
    organisation text not null,
    staff text not null,
    surname text,
    person_record_id text,
    registered_at timestamptz not null default now(),
    registered_by text not null,
    left_at timestamptz,
    left_by text,
    primary key (organisation, staff),
    check ((left_at is null) = (left_by is null))
);
comment on table governance.staff is
    'One row for each member of staff whom an organisation registered to open the Shared Care Record. A number is never used again.';
comment on column governance.staff.organisation is 'The organisation, as in expectations/.';
comment on column governance.staff.staff is 'The organisation''s own number of the member of staff.';
comment on column governance.staff.surname is 'Their surname, to find openings of the records of relatives; empty where it is not told.';
comment on column governance.staff.person_record_id is
    'Their own person record, organisation/source/local id, to find openings of it; empty where it is not told.';
comment on column governance.staff.registered_at is 'Since when they may open records.';
comment on column governance.staff.registered_by is 'Who registered them.';
comment on column governance.staff.left_at is 'Since when they may not; empty for those who may.';
comment on column governance.staff.left_by is 'Who ended it.';
grant select on governance.record_opener, governance.staff to cares_governance;
"""

CONTACT_CARES = """
create table governance.contact_cares_case (
    feed text not null,
    contact_id text not null,
    file_id bigint not null,
    line_number bigint not null,
    person_record_id text,
    forename text,
    surname text,
    born_on date,
    address text,
    postcode text,
    phone text,
    adult_or_child text,
    channel text,
    tier_code text,
    urgency text,
    received_on date,
    received_at timestamptz,
    first_responded_at timestamptz,
    assessed_at timestamptz,
    closed_on date,
    staff_organisation text,
    requester_code text,
    reason_code text,
    outcome text,
    primary key (feed, contact_id)
);
comment on table governance.contact_cares_case is
    'One row for each contact of Contact Cares and of ISAH that is in force, as staging had it when the person index was last brought up to date. Only the pipeline reads it.';
comment on column governance.contact_cares_case.contact_id is 'The contact in the service''s own numbering.';
comment on column governance.contact_cares_case.feed is 'The feed that told of it.';
comment on column governance.contact_cares_case.file_id is 'The file that told of it.';
comment on column governance.contact_cares_case.line_number is 'The line of that file; with it the case of somebody goes who has no record.';
comment on column governance.contact_cares_case.person_record_id is 'organisation/source/local id; empty if nobody could be named.';
comment on column governance.contact_cares_case.forename is 'First name.';
comment on column governance.contact_cares_case.surname is 'Surname.';
comment on column governance.contact_cares_case.born_on is 'Birth date.';
comment on column governance.contact_cares_case.address is 'Address.';
comment on column governance.contact_cares_case.postcode is 'Postcode.';
comment on column governance.contact_cares_case.phone is 'Telephone number.';
comment on column governance.contact_cares_case.adult_or_child is 'Adult or Child.';
comment on column governance.contact_cares_case.channel is 'How the contact came.';
comment on column governance.contact_cares_case.tier_code is '1: resolved or referred on; 2: assessed face to face.';
comment on column governance.contact_cares_case.urgency is 'Planned or Crisis.';
comment on column governance.contact_cares_case.received_on is 'Day the contact came.';
comment on column governance.contact_cares_case.received_at is 'Moment the contact came.';
comment on column governance.contact_cares_case.first_responded_at is 'Moment of the first response.';
comment on column governance.contact_cares_case.assessed_at is 'Moment of the assessment face to face.';
comment on column governance.contact_cares_case.closed_on is 'Day it was closed; empty while it is open.';
comment on column governance.contact_cares_case.staff_organisation is 'Whose member of staff dealt with it.';
comment on column governance.contact_cares_case.requester_code is 'Who made the contact.';
comment on column governance.contact_cares_case.reason_code is 'Why it was made.';
comment on column governance.contact_cares_case.outcome is 'What came of it.';

create table governance.contact_cares_person (
    person_id bigint primary key,
    last_contact_on date
);
comment on table governance.contact_cares_person is
    'One row for each person who was referred through Contact Cares; the staff of Halton open no other''s record.';
comment on column governance.contact_cares_person.person_id is 'The person.';
comment on column governance.contact_cares_person.last_contact_on is 'When they last were.';

create table governance.contact_cares_referral (
    person_id bigint not null,
    organisation text not null,
    primary key (person_id, organisation)
);
comment on table governance.contact_cares_referral is
    'One row for each person and organisation that Contact Cares referred the person to.';
comment on column governance.contact_cares_referral.person_id is 'The person.';
comment on column governance.contact_cares_referral.organisation is 'The organisation, as in expectations/.';

create schema contact_cares;
comment on schema contact_cares is 'What the desk of Contact Cares sees: its own cases, and nothing of the record.';
grant usage on schema contact_cares to cares_contact_cares;
"""

AUDIT = """
create schema audit;
comment on schema audit is 'Who opened the Shared Care Record. Rows are added by one function and never changed.';

create table audit.opening (
    number bigint primary key,
    at timestamptz not null,
    login text not null,
    organisation text,
    staff text,
    purpose text,
    reason text,
    person_id bigint,
    asked text,
    relationship text check (relationship in ('own record', 'referral', 'Contact Cares')),
    is_emergency boolean not null,
    emergency_until timestamptz,
    outcome text not null check (outcome in ('shown', 'empty', 'refused')),
    refused_because text check (refused_because in
        ('organisation', 'staff', 'purpose', 'agreement', 'unknown person', 'relationship', 'permission', 'reason')),
    rows integer not null check (rows >= 0),
    build_id bigint,
    previous_hash text not null,
    hash text not null,
    check ((outcome = 'refused') = (refused_because is not null)),
    check (is_emergency = (emergency_until is not null))
);
create index on audit.opening (person_id);
create index on audit.opening (at);
comment on table audit.opening is
    'One row for each time that somebody opened the Shared Care Record or tried to, written before they saw anything. Each row''s hash rests on the one before.';
comment on column audit.opening.number is '1, 2, 3 and so on, without a gap.';
comment on column audit.opening.at is 'When.';
comment on column audit.opening.login is 'The login at the database.';
comment on column audit.opening.organisation is 'The organisation that the login belongs to.';
comment on column audit.opening.staff is 'The organisation''s own number of the member of staff, as it was given.';
comment on column audit.opening.purpose is 'What for, as it was given: direct care or emergency.';
comment on column audit.opening.reason is 'The reason, as it was given; it may name people.';
comment on column audit.opening.person_id is 'Whose record; empty where nobody of the number is known.';
comment on column audit.opening.asked is
    'Where nobody of the number is known: SHA-256 of a salt and the number that was asked for, both in audit.asked_number.';
comment on column audit.opening.relationship is 'Why it was the organisation''s business; empty where it was not.';
comment on column audit.opening.is_emergency is 'Whether it was opened without the person''s permission, for an emergency.';
comment on column audit.opening.emergency_until is 'How long that emergency stands.';
comment on column audit.opening.outcome is 'shown; empty: nothing could be shown; refused.';
comment on column audit.opening.refused_because is 'What was not as it must be.';
comment on column audit.opening.rows is 'How many rows were shown.';
comment on column audit.opening.build_id is 'The build that was published then.';
comment on column audit.opening.previous_hash is 'The hash of the row before; of the first, that of the mark in audit.head.';
comment on column audit.opening.hash is 'SHA-256 of the previous hash and all other columns of the row.';

create table audit.asked_number (
    number bigint primary key references audit.opening,
    salt text not null,
    nhs_number text not null
);
comment on table audit.asked_number is
    'One row for each opening that asked for a number of nobody. It can go when somebody is erased, and the chain stays whole.';
comment on column audit.asked_number.number is 'The row in audit.opening.';
comment on column audit.asked_number.salt is 'Keeps the number from being guessed from its hash.';
comment on column audit.asked_number.nhs_number is 'The number that was asked for.';

create table audit.head (
    only_row boolean primary key default true check (only_row),
    mark uuid not null default gen_random_uuid(),
    number bigint not null default 0,
    hash text not null,
    anchors integer not null default 0,
    last_anchor text,
    check ((anchors = 0) = (last_anchor is null))
);
comment on table audit.head is 'One row: the last of audit.opening. Who adds one holds it, so that they come one after another.';
comment on column audit.head.only_row is 'There is one row.';
comment on column audit.head.mark is 'Tells this audit from that of another warehouse.';
comment on column audit.head.number is 'The number of the last row; 0 before the first.';
comment on column audit.head.hash is 'The hash of the last row.';
comment on column audit.head.anchors is 'How many anchors were made, which lie outside the database.';
comment on column audit.head.last_anchor is 'SHA-256 of the last of them; empty before the first.';
insert into audit.head (mark, hash)
select mark, encode(sha256(convert_to(cast(mark as text), 'UTF8')), 'hex') from gen_random_uuid() as mark;

create function audit.digest(previous_hash text, variadic parts text[]) returns text
language sql immutable
begin atomic
    select encode(sha256(convert_to(
        previous_hash || string_agg('|' || coalesce(octet_length(convert_to(part, 'UTF8')) || ':' || part, '-'), '' order by place),
        'UTF8'
    )), 'hex')
    from unnest(parts) with ordinality as one (part, place);
end;
comment on function audit.digest is
    'SHA-256 of a hash and parts, each with its length in bytes before it, so that no two rows give the same text.';

create function audit.add(
    login text, organisation text, staff text, purpose text, reason text, person_id bigint, nhs_number text, relationship text,
    is_emergency boolean, emergency_until timestamptz, outcome text, refused_because text, rows integer, build_id bigint
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $add$
#variable_conflict use_column
declare
    last audit.head;
    moment timestamptz;
    salt text := case when add.nhs_number is not null then cast(gen_random_uuid() as text) || cast(gen_random_uuid() as text) end;
    asked text := encode(sha256(convert_to(salt || add.nhs_number, 'UTF8')), 'hex');
    own_hash text;
begin
    select * into strict last from audit.head for update;
    moment := clock_timestamp();
    own_hash := audit.digest(
        last.hash, cast(last.number + 1 as text), to_char(moment at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), add.login,
        add.organisation, add.staff, add.purpose, add.reason, cast(add.person_id as text), asked, add.relationship,
        cast(add.is_emergency as text), to_char(add.emergency_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), add.outcome,
        add.refused_because, cast(add.rows as text), cast(add.build_id as text)
    );
    insert into audit.opening values (
        last.number + 1, moment, add.login, add.organisation, add.staff, add.purpose, add.reason, add.person_id, asked,
        add.relationship, add.is_emergency, add.emergency_until, add.outcome, add.refused_because, add.rows, add.build_id,
        last.hash, own_hash
    );
    if asked is not null then
        insert into audit.asked_number values (last.number + 1, salt, add.nhs_number);
    end if;
    update audit.head set number = last.number + 1, hash = own_hash;
    return last.number + 1;
end
$add$;
comment on function audit.add is 'Writes down one opening, after the one before it; returns its number. Only cares_audit may call it.';

create function audit.anchored(anchors integer, last_anchor text) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
begin atomic
    update audit.head set anchors = anchored.anchors, last_anchor = anchored.last_anchor where head.anchors < anchored.anchors;
end;
comment on function audit.anchored is 'Remembers how many anchors there are and what the last is; they never become fewer.';

create function audit.forget_number(forgotten text) returns bigint
language sql security definer
set search_path = pg_catalog, pg_temp
begin atomic
    with gone as (delete from audit.asked_number where nhs_number = forgotten returning 1) select count(*) from gone;
end;
comment on function audit.forget_number is
    'Erases an NHS number of nobody''s from what was asked for, and says how often it stood there. The chain stays whole.';

create function audit.refuse() returns trigger
language plpgsql
as $refuse$
begin
    raise exception using errcode = 'insufficient_privilege', message = 'What was written down of openings is never changed.';
end
$refuse$;
comment on function audit.refuse is 'Keeps the owner too from changing what was written down.';
create trigger never_changed before update or delete or truncate on audit.opening for each statement execute function audit.refuse();
create trigger never_changed before update or truncate on audit.asked_number for each statement execute function audit.refuse();
create trigger never_gone before delete or truncate on audit.head for each statement execute function audit.refuse();

revoke all on all functions in schema audit from public;
grant usage on schema audit to cares_audit, cares_pipeline, cares_governance;
grant execute on function audit.add to cares_audit;
grant execute on function audit.anchored, audit.forget_number to cares_pipeline;
grant select on all tables in schema audit to cares_pipeline, cares_governance;

create table governance.misuse_signal (
    number bigint not null,
    signal text not null check (signal in
        ('own record', 'same surname', 'same address', 'no referral', 'out of hours', 'volume', 'emergency')),
    found_at timestamptz not null default now(),
    primary key (number, signal)
);
comment on table governance.misuse_signal is
    'One row for each sign of misuse of the Shared Care Record, for governance to look at; a sign is no proof.';
comment on column governance.misuse_signal.number is 'The opening, in audit.opening.';
comment on column governance.misuse_signal.signal is
    'own record: of the member of staff; same surname, same address: as theirs; no referral: the organisation had neither care nor a referral of the person, and was refused; out of hours; volume: more people in a day than anybody''s work needs; emergency: without permission.';
comment on column governance.misuse_signal.found_at is 'When it was found.';
grant select on governance.misuse_signal to cares_governance;
"""

# The tables of a build come and go, and later migrations say who is permitted: the function finds them when it is called.
DOOR = """
create schema record;
comment on schema record is 'The door of the Shared Care Record.';

create view record.known_person as
select distinct split_part(membership.person_record_id, '/', 1) as organisation, membership.person_id
from person_index.membership
left join ledger.build on build.state = 'published'
where membership.valid_to is null
    or (
        membership.valid_from <= coalesce(build.finished_at, 'infinity')
        and membership.valid_to > coalesce(build.identified_at, build.as_at)
    );
comment on view record.known_person is
    'One row for each organisation and person of whom it has a record: today, or in the published build.';
comment on column record.known_person.organisation is 'The organisation, as in expectations/.';
comment on column record.known_person.person_id is 'The person.';

create function record.open(nhs_number text, staff text, purpose text, reason text default null)
returns table (part text, content jsonb)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- The end of an emergency goes to the audit as text, which a caller's own way of writing dates would make another day.
set datestyle = 'ISO, MDY'
as $open$
#variable_conflict use_column
declare
    opener governance.record_opener;
    mine text := case when starts_with(session_user, 'cares_staff_') then substr(session_user, length('cares_staff_') + 1) end;
    who text := left(btrim(open.staff), 100);
    wanted text := left(btrim(open.purpose), 100);
    why text := nullif(left(btrim(open.reason), 500), '');
    number text := left(regexp_replace(coalesce(open.nhs_number, ''), '[^0-9]', '', 'g'), 20);
    people bigint[];
    person bigint;
    relation text;
    is_emergency boolean := false;
    until timestamptz;
    refusal text;
    shown jsonb[] := '{}';
    published bigint := (select build_id from ledger.build where state = 'published');
begin
    -- Nobody says by a setting of their own that there is an emergency.
    perform set_config('cares.emergency_person', '', true);
    select * into opener from governance.record_opener where organisation = mine;
    if opener.may_open is not true then
        refusal := 'organisation';
    elsif not exists (
        select from governance.staff as registered
        where registered.organisation = mine and registered.staff = who and registered.left_at is null
    ) then
        refusal := 'staff';
    elsif wanted is null or wanted not in ('direct care', 'emergency') then
        refusal := 'purpose';
    elsif not exists (select from governance.purpose_in_force as sound where sound.purpose = 'direct care')
        or not exists (
            select from governance.feed_in_use as used
            where used.purpose = 'direct care' and split_part(used.feed, '/', 1) = mine
        )
    then
        refusal := 'agreement';
    end if;
    -- Whom it was about is written down of the refused too, where the record knows them.
    if published is not null then
        people := (select array_agg(persons.person_id) from linked_care.persons where persons.nhs_number = number);
    end if;
    if cardinality(people) = 1 then
        person := people[1];
    end if;
    if refusal is null then
        relation := case
            when person is null then null
            when exists (select from governance.contact_cares_person as referred where referred.person_id = person)
                and opener.is_only_for_referred then 'Contact Cares'
            when opener.is_only_for_referred then null
            when exists (
                select from record.known_person as known where known.person_id = person and known.organisation = mine
            ) then 'own record'
            when exists (
                select from governance.contact_cares_referral as referral
                where referral.person_id = person and referral.organisation = mine
            ) then 'referral'
        end;
        refusal := case when person is null then 'unknown person' when relation is null then 'relationship' end;
    end if;
    if refusal is null then
        if exists (select from governance.permitted_record as permitted where permitted.person_id = person) then
            until := (select max(running.until) from governance.record_in_emergency as running where running.person_id = person);
        elsif wanted = 'direct care' then
            refusal := 'permission';
        else
            until := (
                select max(before.emergency_until) from audit.opening as before
                where before.person_id = person and before.organisation = mine and before.staff = who
                    and before.is_emergency and before.outcome <> 'refused' and before.emergency_until > clock_timestamp()
            );
            if until is null and why is null then
                refusal := 'reason';
            end if;
            until := case when refusal is null then coalesce(until, clock_timestamp() + opener.emergency_hours * interval '1 hour') end;
            perform set_config('cares.emergency_person', coalesce(cast(person as text), ''), true);
        end if;
        is_emergency := until is not null;
    end if;
    if refusal is null then
        shown := array(
            select jsonb_build_object('part', 'person', 'content', to_jsonb(persons) - 'person_id' || jsonb_build_object(
                'has_type_1_opt_out', exists (select from governance.type_1_person as objector where objector.person_id = person)
            ))
            from shared_care_record.persons where persons.person_id = person
        );
        if cardinality(shown) > 0 then
            shown := shown || array(
                select jsonb_build_object('part', 'care', 'content', to_jsonb(items) - 'person_id')
                from shared_care_record.items where items.person_id = person
                order by items.started_on desc nulls last, items.started_at desc nulls last, items.kind, items.detail
            );
        end if;
    end if;
    perform set_config('cares.emergency_person', '', true);
    begin
        perform written.number from dblink.dblink('cares_audit', format(
            'select audit.add(%L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L)',
            session_user, mine, who, wanted, why, person, case when person is null then number end, relation, is_emergency,
            until, case when refusal is not null then 'refused' when cardinality(shown) = 0 then 'empty' else 'shown' end,
            refusal, cardinality(shown), published
        )) as written (number bigint);
    exception when others then
        raise exception using errcode = 'object_not_in_prerequisite_state', message =
            'The door of the Shared Care Record is closed: openings cannot be written down, so that nothing is shown. '
            'Ask the engineer to run: cares warehouse start. On a server that is not ours, its administrator installs dblink.';
    end;
    if refusal is not null then
        raise exception using errcode = 'insufficient_privilege', message = 'Not shown: ' || case refusal
            when 'organisation' then 'only staff of the NHS and of local authorities open the Shared Care Record.'
            when 'staff' then 'this number of a member of staff is not registered by your organisation, or was ended.'
            when 'purpose' then 'the record is opened for direct care or emergency, and for nothing else.'
            when 'agreement' then 'no sharing agreement of your organisation is in force for direct care.'
            when 'permission' then
                'the person has not permitted it. In an emergency, open it with the purpose emergency and the reason.'
            when 'reason' then 'an emergency needs its reason, which is kept and looked at.'
            -- Whoever has nothing to do with somebody does not learn either whether the record knows them.
            else 'your organisation has neither care nor a referral of a person with this NHS number.'
        end;
    end if;
    return query
    select one ->> 'part', one -> 'content' from unnest(shown) with ordinality as shown_row (one, place) order by place;
end
$open$;
comment on function record.open is
    'Shows the Shared Care Record of one person, for direct care or in an emergency, and writes down first who opened it: one row for the person, then one for each care event, the latest first. What is refused is an error, and is written down too.';
revoke all on function record.open from public;
"""


def upgrade() -> None:
    for part in (WHO_MAY_OPEN, CONTACT_CARES, AUDIT, DOOR):
        op.execute(part)
