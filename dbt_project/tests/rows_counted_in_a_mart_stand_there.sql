-- What rows_accounted_for says to stand in a mart of events is what the rows of that mart were made from.
with counted as (
    select staging_table, sum(rows) as rows
    from {{ ref('rows_accounted_for') }}
    where is_in_a_mart
    group by staging_table
),

standing as (
    select 'stg_apc__episodes' as staging_table, sum(source_rows) as rows from {{ ref('hospital_stays') }}
    union all
    select 'stg_cld__events', sum(source_rows) from {{ ref('social_care_events') }}
    union all
    select 'stg_ssda903__episodes', sum(source_rows) from {{ ref('looked_after_episodes') }}
    union all
    select 'stg_housing__household_members', sum(source_rows) from {{ ref('tenancies') }}
    {%- for table, kind in [('appointments', 'appointment'), ('problems', 'problem'), ('medication', 'medication')] %}
    union all
    select 'stg_gp_summary__{{ table }}', sum(source_rows) from {{ ref('int_gp_events') }} where kind = '{{ kind }}'
    {%- endfor %}
)

select standing.staging_table, standing.rows, counted.rows as counted_rows
from standing
left join counted on counted.staging_table = standing.staging_table
where coalesce(standing.rows, 0) <> coalesce(counted.rows, 0)
