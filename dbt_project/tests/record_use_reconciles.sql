-- The openings of organisations add up to those of all; and the record shows each care event of a kind that has a section, once.
select 'openings' as what
from {{ ref('board_record_use') }}
where has_data
group by door, month
having
    count(*) > 1
    and sum(guard_openings) filter (where organisation <> 'all') <> sum(guard_openings) filter (where organisation = 'all')

union all

select 'items' as what
where (
    select count(*) from {{ ref('record_items') }} where section <> 'alerts'
) <> (
    select count(*) from {{ ref('care_timeline') }} where {{ record_section('kind', 'started_on') }} is not null
)

union all

select 'persons' as what
where (select count(*) from {{ ref('record_persons') }}) <> (select count(*) from {{ ref('persons') }})
