-- Each month that an arrived period touches has data in coverage, no other has, and the calendar leaves out no day.
with touched as (
    select distinct coverage.feed, cast(started.month as date) as month
    from {{ ref('insight_feed_coverage') }} as coverage
    cross join lateral generate_series(
        date_trunc('month', cast(coverage.period_start as timestamp)), cast(coverage.period_end as timestamp), interval '1 month'
    ) as started (month)
    where coverage.status = 'arrived'
)

select feed, month
from touched
full join (select feed, month from {{ ref('insight_coverage') }} where status <> 'no data') as told using (feed, month)
where touched.month is null or told.month is null
union all
select 'calendar' as feed, max(day) as month
from {{ ref('insight_days') }}
having count(*) <> max(day) - min(day) + 1
