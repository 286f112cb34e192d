{#- What the marts of front doors, looked after children and homes share. -#}

{#-
    The runs of months that the build has data for, without a gap: CTEs `told_months` (what, month) and `told_runs` (what,
    told_from, told_until). `telling` maps what is told to the models whose feeds tell it. What falls outside of every run is
    not known, and is no zero.
-#}
{% macro told_runs(telling) -%}
told_months as (
    select distinct told.what, cast(months.month as date) as month
    from (
        {%- for what, model in telling.items() %}
        {{ 'union all' if not loop.first }}
        select '{{ what }}' as what, feed from {{ model }} group by feed
        {%- endfor %}
    ) as told
    inner join {{ source('ledger', 'table_in_build') }} as deliveries on deliveries.feed = told.feed
    cross join lateral generate_series(
        date_trunc('month', cast(coalesce(deliveries.window_start, deliveries.period_start) as timestamp)),
        cast(coalesce(deliveries.window_end, deliveries.period_end) as timestamp),
        interval '1 month'
    ) as months (month)
),

told_runs as (
    select what, min(month) as told_from, cast(max(month) + interval '1 month - 1 day' as date) as told_until
    from (
        select
            what,
            month,
            month - row_number() over (partition by what order by month) * interval '1 month' as run
        from told_months
    ) as in_order
    group by what, run
)
{%- endmacro %}


{#- Half a year or a year: how long a review of a looked after child's health holds. By regulation 7 of the Care Planning,
    Placement and Case Review (England) Regulations 2010 it is due every six months before the fifth birthday, and every
    twelve months from then on. -#}
{% macro health_assessment_due_after(assessed_on, born_on) -%}
cast({{ assessed_on }} + case
    when {{ assessed_on }} < {{ born_on }} + interval '5 years' then interval '6 months'
    else interval '12 months'
end as date)
{%- endmacro %}


{#- The day that is so many working days (Monday to Friday; bank holidays are not known here) after another. -#}
{% macro working_days_after(day, days) -%}
cast({{ day }} + interval '{{ days // 5 }} weeks' + case extract(isodow from {{ day }})
    when 6 then interval '-1 day'
    when 7 then interval '-2 days'
    else interval '0 days'
end as date)
{%- endmacro %}
