-- One row for each feed and month, from the first month of which any feed told, or should have told, to the last.
-- A month is complete where arrived periods hold every day of it, whatever their length. A feed that never came has rows, too.
with feeds as (
    select feed from {{ ref('insight_feed_coverage') }}
    union
    select feed from {{ source('ledger', 'promise') }}
    union
    select feed from {{ source('governance', 'feed_in_use') }}
),

months as (
    select cast(started.month as date) as month
    from (select min(period_start) as first_day, max(period_end) as last_day from {{ ref('insight_feed_coverage') }}) as told
    cross join lateral generate_series(
        date_trunc('month', cast(told.first_day as timestamp)), cast(told.last_day as timestamp), interval '1 month'
    ) as started (month)
),

-- Each period once for each month that it touches.
periods as (
    select
        feed,
        cast(touched.month as date) as month,
        daterange(period_start, period_end, '[]') as days,
        status = 'arrived' as has_arrived,
        accepted_rows,
        last_received_on
    from {{ ref('insight_feed_coverage') }}
    cross join lateral generate_series(
        date_trunc('month', cast(period_start as timestamp)), cast(period_end as timestamp), interval '1 month'
    ) as touched (month)
),

told as (
    select
        feed,
        month,
        range_agg(days) filter (where has_arrived) as days,
        sum(accepted_rows) filter (where has_arrived) as accepted_rows,
        bool_or(has_arrived and accepted_rows is null) as hides_rows,
        max(last_received_on) as last_received_on
    from periods
    group by feed, month
)

select
    feeds.feed,
    months.month,
    case
        when told.days @> daterange(months.month, cast(months.month + interval '1 month' as date)) then 'complete'
        when told.days is not null then 'partly'
        else 'no data'
    end as status,
    told.feed is not null as is_promised,
    case when not told.hides_rows then cast(told.accepted_rows as bigint) end as accepted_rows,
    told.last_received_on
from feeds
cross join months
left join told on told.feed = feeds.feed and told.month = months.month
