-- What took place in a month of a moved service is what its contacts and attendances say, whoever provided it, and its sites add
-- up to it; the stays that are judged for readiness are those that ended.
with lawful as (
    {{ feeds_of_the_board() }}
),

counted as (
    select service, month, count(*) as attended
    from (
        select service, {{ month_of('contact_on') }} as month from {{ ref('contacts') }}
        where attendance = 'attended' and feed in (select feed from lawful)
        union all
        select service, {{ month_of('attended_on') }} as month from {{ ref('attendances') }}
        where source = 'ecds' and feed in (select feed from lawful)
    ) as took_place
    group by service, month
)

select figures.service, figures.month
from {{ ref('board_moved_services') }} as figures
left join counted on counted.service = figures.service and counted.month = figures.month
where figures.site_code = 'all' and figures.has_data and figures.guard_attended <> coalesce(counted.attended, 0)

union all

select service, month
from {{ ref('board_moved_services') }}
group by service, month
having sum(guard_attended) filter (where site_code <> 'all') <> sum(guard_attended) filter (where site_code = 'all')

union all

select 'discharge ready' as service, min(month) as month
from {{ ref('board_discharge_ready') }}
having sum(guard_stays) <> (
    select count(*) from {{ ref('hospital_stays') }}
    where discharged_on is not null and feed in (select feed from lawful)
)
