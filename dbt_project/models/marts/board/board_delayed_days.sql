-- One row for each month to February 2020, when the national series ended, council, responsibility and reason; `all` for totals.
-- Discharge-ready measures are others and are never put on: board_discharge_ready.
{%- set series_ended = "date '2020-02-01'" %}
-- A trust that was to tell of a month and did not, or that the Board may not count, leaves it incomplete; where none told, there is
-- no figure.
with told_months as (
    select
        month,
        bool_and(status = 'complete' and feed in ({{ feeds_of_the_board() }})) as is_complete,
        bool_or(status <> 'no data' and feed in ({{ feeds_of_the_board() }})) as is_told
    from {{ ref('insight_coverage') }}
    where feed like '%/delayed\_transfers' and (is_promised or status <> 'no data') and month <= {{ series_ended }}
    group by month
),

days as (
    select
        {{ month_of('period_end') }} as month,
        coalesce(council_code, 'not known') as council_code,
        coalesce(
            {{ known_code('responsible_code', 'delayed_transfers', 'responsible_organisation') }}, 'not known'
        ) as responsible,
        coalesce({{ known_code('delay_reason_code', 'delayed_transfers', 'reason') }}, 'not known') as reason,
        delayed_days
    from {{ ref('stg_delayed_transfers__delayed_days') }}
    where superseded_at is null
        and period_end < {{ series_ended }} + interval '1 month'
        and feed in ({{ feeds_of_the_board() }})
),

counted as (
    select
        month,
        council_code,
        case when grouping(responsible) = 1 then 'all' else responsible end as responsible,
        case when grouping(reason) = 1 then 'all' else reason end as reason,
        sum(delayed_days) as delayed_days
    from days
    group by month, council_code, cube (responsible, reason)
),

-- A month that was told and has no delayed day of a council had none; one that nobody told has no figure.
councils as (
    select distinct council_code from days
),

shown as (
    select
        coalesce(counted.month, told_months.month) as month,
        coalesce(counted.council_code, councils.council_code) as council_code,
        coalesce(counted.responsible, 'all') as responsible,
        coalesce(counted.reason, 'all') as reason,
        coalesce(told_months.is_complete, false) as is_complete,
        cast(case when told_months.is_told then coalesce(counted.delayed_days, 0) end as bigint) as guard_delayed_days
    from told_months
    cross join councils
    full join counted on counted.month = told_months.month and counted.council_code = councils.council_code
),

-- Adults in the middle of the year before, as the returns had them; where that year is not there, of the last one that is.
adults as (
    select distinct on (months.month, populations.council_code)
        months.month,
        populations.council_code,
        populations.year,
        populations.persons
    from (
        -- Everybody together where that was told, or else women and men: never both.
        select council_code, year, coalesce(sum(persons) filter (where sex_code = 'A'), sum(persons)) as persons
        from {{ ref('stg_areas__populations') }}
        where superseded_at is null and area_code = council_code and age_from_years >= 18
        group by council_code, year
    ) as populations
    inner join (select distinct month from shown) as months on true
    order by
        months.month, populations.council_code,
        abs(populations.year - (cast(extract(year from months.month) as integer) - 1)), populations.year
)

select
    shown.guard_delayed_days,
    shown.month,
    shown.council_code,
    shown.responsible,
    shown.reason,
    shown.is_complete,
    {{ shown_count('shown.guard_delayed_days') }} as delayed_days,
    case
        when shown.guard_delayed_days is null then 'no data'
        else {{ shown_text('shown.guard_delayed_days') }}
    end as delayed_days_as_shown,
    cast(adults.persons as bigint) as adults,
    adults.year as adults_in_year,
    cast(round(
        ({{ shown_count('shown.guard_delayed_days') }}) / extract(day from shown.month + interval '1 month' - interval '1 day'), 1
    ) as numeric) as delayed_per_day,
    cast(round(
        100000.0 * ({{ shown_count('shown.guard_delayed_days') }}) / nullif(adults.persons, 0), 1
    ) as numeric) as delayed_days_per_100000,
    {{ delayed_rate(shown_count('shown.guard_delayed_days'), 'shown.month', 'adults.persons') }} as delayed_per_day_per_100000
from shown
left join adults on adults.month = shown.month and adults.council_code = shown.council_code
