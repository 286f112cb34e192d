-- One row for each thing told of a partnership agreement and a body: what the agreement was to it, from when until when.
-- Reported facts, never gates. A month or a year that is all that was told counts from its first day.
with told as (
    select
        agreement,
        body,
        state,
        since,
        cast(rpad(since, 10, '-01-01') as date) as valid_from,
        told,
        source
    from {{ source('governance', 'partnership_event') }}
)

select
    agreement,
    body,
    state,
    since,
    valid_from,
    lead(valid_from) over (partition by agreement, body order by valid_from, state) - 1 as valid_until,
    state <> 'left' as is_member_or_to_be,
    dense_rank() over (partition by agreement order by date_trunc('year', valid_from)) as version_number,
    told,
    source
from told
