-- Each accepted row in force is counted once in rows_accounted_for.
with held as (
    {%- for model in staging_models() %}
    select '{{ model.name }}' as staging_table, count(*) as rows
    from {{ staging_table(model) }}
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
