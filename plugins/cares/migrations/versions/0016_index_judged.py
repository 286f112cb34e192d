"""How right the person index is: by an answer key where there is one, and by samples of links that people judged."""

from alembic import op

revision = "0016"
down_revision = "0015"

JUDGED = """
create table person_index.judged_by_answer_key (
    build_id bigint primary key references ledger.build on delete cascade,
    judged_at timestamptz not null default now(),
    person_records bigint not null,
    persons bigint not null,
    true_persons bigint not null,
    linked_pairs bigint not null,
    true_pairs bigint not null,
    pairs_right bigint not null,
    recovered_persons bigint not null
);
comment on table person_index.judged_by_answer_key is
    'One row for each build of made-up data: how far the person index agrees with what the simulator knows.';
comment on column person_index.judged_by_answer_key.build_id is 'The build that the index was brought up to date for.';
comment on column person_index.judged_by_answer_key.judged_at is 'When.';
comment on column person_index.judged_by_answer_key.person_records is 'Person records that both know.';
comment on column person_index.judged_by_answer_key.persons is 'How many persons they are in the index.';
comment on column person_index.judged_by_answer_key.true_persons is 'How many they are in truth.';
comment on column person_index.judged_by_answer_key.linked_pairs is 'Pairs of records that are one person in the index.';
comment on column person_index.judged_by_answer_key.true_pairs is 'Pairs of records that are one person in truth.';
comment on column person_index.judged_by_answer_key.pairs_right is 'Pairs of records that are one person in both.';
comment on column person_index.judged_by_answer_key.recovered_persons is
    'True persons all of whose records, and no other, are one person in the index.';

create table person_index.judged_sample (
    sample_id bigint generated always as identity primary key,
    judged_at timestamptz not null default now(),
    judged_by text not null,
    judged bigint not null check (judged > 0),
    unsure bigint not null,
    share_right double precision not null,
    lower double precision not null,
    upper double precision not null,
    check (0 <= lower and lower <= share_right and share_right <= upper and upper <= 1)
);
comment on table person_index.judged_sample is
    'One row for each random sample of linked pairs that people judged. It holds what it says of all links, and none of the pairs.';
comment on column person_index.judged_sample.judged_at is 'When the judgements were taken in.';
comment on column person_index.judged_sample.judged_by is 'Who took them in.';
comment on column person_index.judged_sample.judged is 'Pairs that were judged to be one person, or two.';
comment on column person_index.judged_sample.unsure is 'Pairs of which nobody could say.';
comment on column person_index.judged_sample.share_right is 'The share of all links that is right, each stratum counted for what it holds.';
comment on column person_index.judged_sample.lower is 'Where the 95 % interval of that share begins.';
comment on column person_index.judged_sample.upper is 'Where it ends.';

grant select on person_index.judged_by_answer_key, person_index.judged_sample to cares_engineer, cares_governance;
"""


def upgrade() -> None:
    op.execute(JUDGED)
