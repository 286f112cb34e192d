-- One row for each band of people by what their care cost in 12 months, and setting of care.
-- Rules, ours: the 12 months end with the last that hospitals and social care, which bear most of the cost, are told of.
-- People are ranked by the cost of their priced care at the latest prices; those who cost the same are told apart by nothing.
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

-- Without one of the two the last month of either.
years as (
    select
        cast(min(last_month) - interval '11 months' as date) as first_month,
        min(last_month) as last_month
    from (
        select max(month) as last_month from told where setting in ('hospital', 'social care') group by setting
    ) as settings
    having min(last_month) is not null
),

spent as (
    select
        lawful.person_id,
        lawful.setting,
        lawful.organisation,
        sum(lawful.cost_at_latest_prices_gbp) as cost_gbp
    from lawful
    inner join years on lawful.month between years.first_month and years.last_month
    group by lawful.person_id, lawful.setting, lawful.organisation
),

persons as (
    select
        person_id,
        coalesce(sum(cost_gbp), 0) as cost_gbp,
        count(distinct organisation) as organisations
    from spent
    group by person_id
),

banded as (
    select
        person_id,
        cost_gbp,
        organisations,
        case
            when place <= 0.01 then 'top 1%'
            when place <= 0.05 then 'next 4%'
            when place <= 0.20 then 'next 15%'
            else 'other 80%'
        end as band
    from (
        select
            *,
            cast(row_number() over (order by cost_gbp desc, person_id) as numeric) / count(*) over () as place
        from persons
    ) as placed
),

counted as (
    select
        banded.band,
        spent.setting,
        count(distinct banded.person_id) as people,
        sum(spent.cost_gbp) as cost_gbp,
        cast(null as numeric) as organisations
    from banded
    inner join spent on spent.person_id = banded.person_id
    group by banded.band, spent.setting

    union all

    select
        band,
        'all' as setting,
        count(*) as people,
        sum(cost_gbp) as cost_gbp,
        avg(organisations) as organisations
    from banded
    group by band
),

-- Where just one part of a whole would be hidden, the whole would give it away: the next smallest is hidden with it.
hidden as (
    select
        *,
        people < 8
        or count(*) filter (where people < 8) over parts = 1
        and rank() over (parts order by people, setting, band) = 2 as is_hidden
    from counted
    window parts as (partition by case when setting = 'all' then 'all' else band end)
)

select
    hidden.people as guard_people,
    hidden.band,
    hidden.setting,
    years.first_month,
    years.last_month,
    {{ shown_count('hidden.people') }} as people,
    {{ shown_text('hidden.people') }} as people_as_shown,
    cast(case when not hidden.is_hidden then round(hidden.cost_gbp, -2) end as numeric(14, 0)) as cost_gbp,
    cast(case when not hidden.is_hidden then round(hidden.cost_gbp / hidden.people, -1) end as numeric(12, 0)) as mean_cost_gbp,
    -- Of all that was spent; for a setting, of what was spent on the band.
    cast(
        case when not bool_or(hidden.is_hidden) over parts
            then round(100 * hidden.cost_gbp / nullif(sum(hidden.cost_gbp) over parts, 0), 1)
        end as numeric(5, 1)
    ) as cost_percent,
    cast(case when not hidden.is_hidden then round(hidden.organisations, 1) end as numeric(5, 1)) as mean_organisations
from hidden
cross join years
window parts as (partition by case when hidden.setting = 'all' then 'all' else hidden.band end)
