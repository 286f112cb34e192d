"""A wrong link is withheld from every build that shows it, until a build shows the two records as two persons."""

from alembic import op

revision = "0015"
down_revision = "0014"

DECISIONS = """
alter table person_index.pair_decision add column is_taken_up boolean not null default false;
comment on column person_index.pair_decision.is_taken_up is
    'Whether an update of the index has met the decision as it stands: judged its records, or judged them anew after it was taken back.';
grant select (is_taken_up) on person_index.pair_decision to cares_engineer;
"""

WITHHOLDING = """
alter table person_index.withheld_record
    add column apart_from text not null,
    add column split_at timestamptz,
    add check (split_at is null or split_at >= withheld_at);
drop index person_index.withheld_record_person_record_id_idx;
create unique index on person_index.withheld_record (person_record_id, apart_from) where released_at is null and split_at is null;
comment on column person_index.withheld_record.apart_from is 'The person_record_id with which it was linked wrongly.';
comment on column person_index.withheld_record.split_at is
    'Since when the index knows the two as two persons. Builds that had read the index before go on hiding them; later ones show them.';
grant select (apart_from, split_at) on person_index.withheld_record to cares_engineer;

alter table ledger.build add column identified_at timestamptz;
comment on column ledger.build.identified_at is
    'When the build had brought the person index up to date; empty where it did not, as for an earlier day.';

create index on person_index.membership (person_record_id);

create view person_index.withheld_person as
select distinct build.build_id, membership.person_id
from person_index.withheld_record as withheld
join person_index.membership using (person_record_id)
join ledger.build
    on membership.valid_from <= coalesce(build.finished_at, 'infinity')
    and (membership.valid_to is null or membership.valid_to > coalesce(build.identified_at, build.as_at))
where withheld.released_at is null
    and (withheld.split_at is null or withheld.split_at > coalesce(build.identified_at, build.as_at));
comment on view person_index.withheld_person is
    'One row for each build and person whom nobody sees there, because the build may show a record that was linked wrongly. Published views leave them out whenever they are read.';
comment on column person_index.withheld_person.build_id is 'The build.';
comment on column person_index.withheld_person.person_id is 'The person.';

create view person_index.withheld_pseudonym as
select withheld_person.build_id, pseudonym.pseudonym
from person_index.withheld_person
join governance.pseudonym using (person_id);
comment on view person_index.withheld_pseudonym is 'The same under pseudonyms.';
comment on column person_index.withheld_pseudonym.build_id is 'The build.';
comment on column person_index.withheld_pseudonym.pseudonym is 'The pseudonym of the person, for any purpose.';
"""


def upgrade() -> None:
    for part in (DECISIONS, WITHHOLDING):
        op.execute(part)
