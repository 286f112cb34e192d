"""Opt-outs: who may be shown for a purpose beyond their own care, by the latest answer of NHS England and by Type 1 codes."""

from alembic import op

revision = "0020"
down_revision = "0019"

TABLES = """
create table governance.opt_out_request (
    request_id bigint generated always as identity primary key,
    file_name text not null unique,
    numbers bigint not null check (numbers >= 0),
    asked_at timestamptz not null default clock_timestamp(),
    asked_by text not null,
    sent_by text not null check (sent_by in ('mesh', 'hand'))
);
comment on table governance.opt_out_request is
    'One row for each file of NHS numbers that NHS England was asked about. The file itself is not kept.';
comment on column governance.opt_out_request.file_name is 'Mailbox, day and number within the month, as NHS England asks for it.';
comment on column governance.opt_out_request.numbers is 'How many NHS numbers it held.';
comment on column governance.opt_out_request.asked_by is 'Who had it written.';
comment on column governance.opt_out_request.sent_by is 'By MESH, or handed over by somebody.';

create table governance.opt_out_list (
    only_row boolean primary key default true check (only_row),
    delivery_id bigint not null references ledger.delivery on delete cascade,
    read_at timestamptz not null default clock_timestamp()
);
comment on table governance.opt_out_list is
    'The one answer that counts: of the latest period, and of that the latest received. It holds the NHS numbers that may be used; no row where none has come.';
comment on column governance.opt_out_list.only_row is 'There is one at most.';
comment on column governance.opt_out_list.delivery_id is 'The delivery that brought it. Once this is withdrawn it counts no more.';
comment on column governance.opt_out_list.read_at is 'When it was last held against the person index.';

create table governance.cleared_person (person_id bigint primary key);
comment on table governance.cleared_person is
    'One row for each person none of whose NHS numbers is missing from that answer. Made anew with each update of the person index and each new answer; nobody''s opt-out is written down.';
comment on column governance.cleared_person.person_id is 'The person.';

create table governance.numbered_person (person_id bigint primary key);
comment on table governance.numbered_person is
    'One row for each person with a verified NHS number, by which the opt-out can be looked up.';
comment on column governance.numbered_person.person_id is 'The person.';

create table governance.type_1_objector (person_id bigint primary key);
comment on table governance.type_1_objector is
    'One row for each person whose latest Type 1 code is an opt-out, or one that nobody knows.';
comment on column governance.type_1_objector.person_id is 'The person.';
"""

# Whatever is shown of single people beyond their own care asks these views.
VIEWS = """
create view governance.purpose_opt_outs as
select
    purpose.purpose,
    purpose.opt_out_days,
    delivery.received_at,
    coalesce(delivery.received_at > now() - make_interval(days => purpose.opt_out_days), false) as is_fresh
from governance.purpose
left join governance.opt_out_list on true
left join ledger.delivery on delivery.delivery_id = opt_out_list.delivery_id and delivery.state = 'accepted'
where purpose.do_opt_outs_apply;
comment on view governance.purpose_opt_outs is
    'One row for each purpose that obeys opt-outs: when the answer that counts was received, and whether it is young enough.';
comment on column governance.purpose_opt_outs.purpose is 'The purpose.';
comment on column governance.purpose_opt_outs.opt_out_days is 'How many days old the answer may be.';
comment on column governance.purpose_opt_outs.received_at is 'When it was received; empty where there is none.';
comment on column governance.purpose_opt_outs.is_fresh is 'Is there one, and is it young enough. If not, nobody is shown for the purpose.';

create or replace view governance.secondary_use_person as
select purpose.purpose, person.person_id
from governance.purpose
cross join person_index.person
where (
        not purpose.do_opt_outs_apply
        or purpose.purpose in (select fresh.purpose from governance.purpose_opt_outs as fresh where fresh.is_fresh)
        and person.person_id in (select cleared.person_id from governance.cleared_person as cleared)
    )
    and (
        not purpose.needs_verified_number
        or person.person_id in (select numbered.person_id from governance.numbered_person as numbered)
    );

create or replace view governance.type_1_person as select person_id from governance.type_1_objector;

grant select on governance.opt_out_request, governance.purpose_opt_outs to cares_engineer, cares_governance;
"""


def upgrade() -> None:
    for part in (TABLES, VIEWS):
        op.execute(part)
