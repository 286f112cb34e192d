"""What readers may see is asked whenever they read: the views that every published table asks, and the purposes they serve."""

from alembic import op

revision = "0017"
down_revision = "0016"

PURPOSES = """
create table governance.purpose (
    purpose text primary key,
    article_6 text not null,
    article_9 text not null,
    confidentiality_basis text not null check (confidentiality_basis in
        ('implied consent', 'explicit consent', 'statute', 'section 251', 'not confidential')),
    statute text,
    section_251_reference text,
    section_251_until date,
    police_basis text,
    reader text not null,
    is_identifiable boolean not null,
    do_opt_outs_apply boolean not null,
    opt_out_days integer,
    needs_verified_number boolean not null,
    smallest_group integer not null check (smallest_group >= 1),
    retention_years integer not null check (retention_years >= 0),
    check ((confidentiality_basis = 'section 251') = (section_251_reference is not null and section_251_until is not null)),
    check (not do_opt_outs_apply or opt_out_days > 0)
);
comment on table governance.purpose is
    'One row for each purpose that data are used for, as the register of purposes has it (expectations/governance/purposes.yml): its bases, its readers and its limits.';
comment on column governance.purpose.purpose is 'As sharing agreements and marts name it.';
comment on column governance.purpose.article_6 is 'The basis in Article 6 of the UK GDPR.';
comment on column governance.purpose.article_9 is 'The basis in Article 9 of the UK GDPR.';
comment on column governance.purpose.confidentiality_basis is 'Why the duty of confidence is no bar.';
comment on column governance.purpose.statute is 'The statute, where that is the basis.';
comment on column governance.purpose.section_251_reference is 'The reference of the support under section 251 of the NHS Act 2006.';
comment on column governance.purpose.section_251_until is 'The last day of that support.';
comment on column governance.purpose.police_basis is 'The basis for police data: Article 10, or part 3 of the Data Protection Act 2018; empty where none are used.';
comment on column governance.purpose.reader is 'Who reads what serves it.';
comment on column governance.purpose.is_identifiable is 'Whether its readers see single people, under a pseudonym or not.';
comment on column governance.purpose.do_opt_outs_apply is 'Whether the national data opt-out and Type 1 opt-outs are obeyed.';
comment on column governance.purpose.opt_out_days is 'How many days old the list of opt-outs may be.';
comment on column governance.purpose.needs_verified_number is
    'Whether people without an NHS number, who cannot be looked up in the list, are kept out.';
comment on column governance.purpose.smallest_group is 'How many people must share what tells them apart.';
comment on column governance.purpose.retention_years is 'How long linked copies are kept for it, after the last care.';
"""

# Whatever is published asks these views. Later migrations say what each of them rests on.
PROTECTIONS = """
create view governance.purpose_in_force as
select purpose from governance.purpose
where section_251_until is null or section_251_until >= current_date;
comment on view governance.purpose_in_force is
    'One row for each purpose that has its bases today; what serves another shows no row.';

create view governance.feed_in_use as
select distinct agreement.feed, one.purpose
from governance.sharing_agreement as agreement
cross join unnest(agreement.purposes) as one (purpose);
comment on view governance.feed_in_use is
    'One row for each feed and purpose that a sharing agreement lets it be used for today.';

create view governance.restricted_person_in_build as
select build_id, person_id from person_index.withheld_person where false;
comment on view governance.restricted_person_in_build is
    'One row for each build and person whose home nobody may find (S-flag).';

create view governance.restricted_event as select cast(null as text) as care_event_id, cast(null as text) as rule where false;
comment on view governance.restricted_event is
    'One row for each care event that holds a code of the list of restricted codes, and the rule of that list; nobody sees these events.';

create view governance.secondary_use_person as
select purpose.purpose, person.person_id
from governance.purpose cross join person_index.person
where not purpose.do_opt_outs_apply;
comment on view governance.secondary_use_person is
    'One row for each purpose and person who may be shown for it under a pseudonym or a name, the opt-outs being obeyed.';

create view governance.type_1_person as select cast(null as bigint) as person_id where false;
comment on view governance.type_1_person is
    'One row for each person with a Type 1 opt-out in force: what general practices sent of them serves their own care only.';

create view governance.permitted_record as select cast(null as bigint) as person_id where false;
comment on view governance.permitted_record is
    'One row for each person whose Shared Care Record may be shown now.';

create view governance.objection as select cast(null as bigint) as person_id, cast(null as text) as organisation where false;
comment on view governance.objection is
    'One row for each person and contributing organisation whose data may not be shown in the person''s Shared Care Record.';
"""

SCHEMAS = """
create schema shared_care_record authorization cares_pipeline;
create schema board authorization cares_pipeline;
comment on schema shared_care_record is 'The Shared Care Record; it is read through its door only.';
comment on schema board is 'Figures about many people, small numbers hidden.';
grant usage on schema board to cares_analyst, cares_governance;
alter default privileges for role cares_pipeline in schema board grant select on tables to cares_analyst, cares_governance;
grant select on governance.purpose to cares_engineer, cares_governance;
"""


def upgrade() -> None:
    for part in (PURPOSES, PROTECTIONS, SCHEMAS):
        op.execute(part)
