-- One row for each 12 months and number of organisations that helped somebody in them: what people cost, and whether their
-- care overlapping.
-- Rules, ours: the years end with the last month that hospitals and social care are told of, and go back by 12 months.
-- An organisation helped whom it gave care that is counted in person_costs; all practices are one. Costs are in the latest
-- prices, so that years compare. Before and after are told by the memorandum of January 2019: the first cabinet decision on
-- the partnership.
with lawful as (
    select *
    from {{ ref('person_costs') }}
    where feed in ({{ feeds_of_the_board() }})
),

told as (
    {{ months_told(
        "(select feed, setting from " ~ ref('person_costs') ~ " where activity not in ('child looked after', 'children''s contact'))"
    ) }}
),

last_told as (
    select min(last_month) as month
    from (
        select max(month) as last_month from told where setting in ('hospital', 'social care') group by setting
    ) as settings
),

years as (
    select
        cast(ends.month - interval '11 months' as date) as first_month,
        cast(ends.month as date) as last_month,
        (
            select count(*)
            from (
                select month from told where setting in ('hospital', 'social care') group by month having count(*) = 2
            ) as complete
            where complete.month between ends.month - interval '11 months' and ends.month
        ) as months_told
    from last_told
    cross join lateral generate_series(
        cast(last_told.month as timestamp),
        (select min(month) from told where setting in ('hospital', 'social care')),
        interval '-12 months'
    ) as ends (month)
),

spent as (
    select
        years.last_month,
        lawful.person_id,
        count(distinct lawful.organisation) as organisations,
        sum(lawful.cost_at_latest_prices_gbp) as cost_gbp,
        sum(lawful.care_events) as care_events,
        coalesce(sum(lawful.care_events) filter (where lawful.cost_at_latest_prices_gbp is null), 0) as unpriced_care_events
    from lawful
    inner join years on lawful.month between years.first_month and years.last_month
    group by years.last_month, lawful.person_id
),

-- An overlap counts in each year in which its days fall, a repeated assessment in that of the second.
overlapping as (
    select
        years.last_month,
        pairs.person_id,
        bool_or(pairs.kind = 'overlap') as has_overlap,
        bool_or(pairs.kind = 'overlap' and pairs.is_same_service) as has_duplicate,
        bool_or(pairs.kind = 'repeated assessment') as has_repeated_assessment,
        avg(pairs.days_between) filter (where pairs.kind = 'hand-over') as hand_over_days
    from {{ ref('overlapping_referrals') }} as pairs
    inner join years
        on pairs.later_started_on < years.last_month + interval '1 month'
        and pairs.later_started_on + greatest(pairs.overlap_days - 1, 0) >= years.first_month
    where
        pairs.earlier_feed in (select feed from lawful)
        and pairs.later_feed in (select feed from lawful)
    group by years.last_month, pairs.person_id
),

counted as (
    select
        spent.last_month,
        case when spent.organisations >= 3 then '3 or more' else cast(spent.organisations as text) end as organisations,
        count(*) as guard_people,
        count(*) filter (where overlapping.has_overlap) as guard_people_with_overlap,
        count(*) filter (where overlapping.has_duplicate) as guard_people_with_duplicate,
        count(*) filter (where overlapping.has_repeated_assessment) as guard_people_assessed_again,
        {{ shown_mean('spent.cost_gbp') }} as mean_cost_gbp,
        {{ shown_mean('overlapping.hand_over_days') }} as mean_hand_over_days,
        cast(sum(spent.care_events) as bigint) as care_events,
        cast(sum(spent.unpriced_care_events) as bigint) as unpriced_care_events
    from spent
    left join overlapping on overlapping.last_month = spent.last_month and overlapping.person_id = spent.person_id
    group by spent.last_month, 2
)

select
    counted.guard_people,
    counted.guard_people_with_overlap,
    counted.guard_people_with_duplicate,
    counted.guard_people_assessed_again,
    years.first_month,
    years.last_month,
    counted.organisations,
    years.months_told,
    case
        when years.last_month < date '2019-01-01' then 'before'
        when years.first_month >= date '2019-01-01' then 'after'
        else 'across'
    end as partnership,
    {{ shown_count('counted.guard_people') }} as people,
    {{ shown_text('counted.guard_people') }} as people_as_shown,
    cast(round(counted.mean_cost_gbp, -1) as numeric(12, 0)) as mean_cost_gbp,
    {%- for share in ['with_overlap', 'with_duplicate', 'assessed_again'] %}
    cast(
        round({{ shown_percent('counted.guard_people_' ~ share, 'counted.guard_people') }}, 1) as numeric(5, 1)
    ) as {{ share }}_percent,
    {%- endfor %}
    cast(round(counted.mean_hand_over_days, 1) as numeric(12, 1)) as mean_hand_over_days,
    cast(
        round({{ shown_percent('counted.unpriced_care_events', 'counted.care_events') }}, 1) as numeric(5, 1)
    ) as unpriced_percent
from counted
inner join years on years.last_month = counted.last_month
