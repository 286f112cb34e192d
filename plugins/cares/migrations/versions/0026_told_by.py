"""What is shown goes by what is told today: how old a list of opt-outs is, who is left in a small group, which codes are restricted."""

from alembic import op

revision = "0026"
down_revision = "0025"

OPT_OUTS = """
create or replace view governance.purpose_opt_outs as
select
    purpose.purpose,
    purpose.opt_out_days,
    answer.received_at,
    coalesce(answer.told_until > now() - make_interval(days => purpose.opt_out_days), false) as is_fresh,
    answer.told_until
from governance.purpose
left join governance.opt_out_list on true
left join (
    select
        delivery_id,
        received_at,
        -- A simulated answer tells of a made-up month, whenever it is made.
        case
            when (
                select bool_and(agreement like 'SIMULATED%') from governance.sharing_agreement as agreements
                where agreements.feed = delivery.feed
            ) then received_at
            else least(received_at, cast(period_end + 1 as timestamp) at time zone 'Europe/London')
        end as told_until
    from ledger.delivery
    where state = 'accepted'
) as answer on answer.delivery_id = opt_out_list.delivery_id
where purpose.do_opt_outs_apply;
comment on view governance.purpose_opt_outs is
    'One row for each purpose that obeys opt-outs: until when the answer that counts tells of them, and whether it is young enough.';
comment on column governance.purpose_opt_outs.received_at is 'When the answer was received; empty where there is none.';
comment on column governance.purpose_opt_outs.told_until is
    'How old the answer is: the end of its period, or when it was received if that was before; empty where there is none.';
"""

SMALL_GROUPS = """
create table governance.widened_person (
    build_id bigint not null references ledger.build on delete cascade,
    person_id bigint not null,
    widened_at timestamptz not null default clock_timestamp(),
    primary key (build_id, person_id)
);
comment on table governance.widened_person is
    'One row for each build and person whom, of those that are shown still, too few are like: nothing is shown of what tells them apart.';
comment on column governance.widened_person.build_id is 'The build.';
comment on column governance.widened_person.person_id is 'The person.';
comment on column governance.widened_person.widened_at is 'Since when.';
"""

RESTRICTED_LISTS = """
create table governance.restricted_list_member (
    list text not null,
    code text not null,
    primary key (list, code)
);
comment on table governance.restricted_list_member is
    'One row for each code of a delivered list that the restricted codes name: as it was delivered last, so that nothing is shown because a list is no longer there.';
comment on column governance.restricted_list_member.list is 'The list, as the rules name it.';
comment on column governance.restricted_list_member.code is 'The code, without dots and spaces.';
"""


def upgrade() -> None:
    for part in (OPT_OUTS, SMALL_GROUPS, RESTRICTED_LISTS):
        op.execute(part)
