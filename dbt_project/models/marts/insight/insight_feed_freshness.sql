-- One row for each feed that was promised or came: until which day there are data, and what did not come.
with feeds as (
    select promise.feed
    from {{ source('ledger', 'promise') }} as promise
    where promise.period_start <= {{ as_at_day() }}
    union
    select feed from {{ ref('insight_feed_coverage') }}
),

reached as (
    select
        feed,
        max(period_end) filter (where status = 'arrived') as data_until,
        max(last_received_on) as last_received_on
    from {{ ref('insight_feed_coverage') }}
    group by feed
),

not_come as (
    select
        coverage.feed,
        count(*) filter (where coverage.status = 'late') as late_periods,
        count(*) filter (where coverage.status = 'missing') as missing_periods,
        count(*) filter (where coverage.period_start <= reached.data_until) as gaps,
        min(coverage.period_start) filter (
            where reached.data_until is null or coverage.period_start > reached.data_until
        ) as first_day_not_come
    from {{ ref('insight_feed_coverage') }} as coverage
    inner join reached on reached.feed = coverage.feed
    where coverage.status in ('late', 'missing')
    group by coverage.feed
)

select
    feeds.feed,
    case
        when not_come.missing_periods > 0 then 'missing'
        when not_come.late_periods > 0 then 'late'
        else 'up to date'
    end as status,
    reached.data_until,
    case
        when not_come.first_day_not_come is not null
            then coalesce(reached.data_until + 1, not_come.first_day_not_come)
    end as no_data_since,
    coalesce(not_come.late_periods, 0) as late_periods,
    coalesce(not_come.missing_periods, 0) as missing_periods,
    coalesce(not_come.gaps, 0) as gaps,
    reached.last_received_on
from feeds
left join reached on reached.feed = feeds.feed
left join not_come on not_come.feed = feeds.feed
