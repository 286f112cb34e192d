-- Each accepted row in force is counted once in rows_accounted_for.
with held as (
    {%- for table in [
        'apc__episodes', 'cld__events', 'housing__household_members', 'housing__tenancies', 'person_file__people',
        'ssda903__ad1', 'ssda903__dolo', 'ssda903__episodes', 'ssda903__header', 'ssda903__missing', 'ssda903__oc2',
        'ssda903__oc3', 'ssda903__placed_for_adoption', 'ssda903__previous_permanence', 'ssda903__reviews',
        'ssda903__sw_episodes', 'ssda903__uasc'
    ] %}
    select 'stg_{{ table }}' as staging_table, count(*) as rows
    from {{ ref('stg_' ~ table) }}
    where superseded_at is null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

accounted_for as (
    select staging_table, sum(rows) as rows
    from {{ ref('rows_accounted_for') }}
    group by staging_table
)

select held.staging_table, held.rows, accounted_for.rows as accounted_for_rows
from held
left join accounted_for on accounted_for.staging_table = held.staging_table
where held.rows <> coalesce(accounted_for.rows, 0)
