{#- A staging model holds the deliveries that the build sees and no others, each with as many rows as the ledger says were
    accepted, and no line of a file twice. One that was revised or taken back since the build began is held as it was, or
    else the build cannot go on. -#}
{% test holds_each_accepted_row_once(model) %}
{%- set format, table = model.identifier.removeprefix('stg_').split('__') %}
select delivery_id
from (
    select seen.delivery_id, seen.is_unchanged, sum(file.accepted_rows) as accepted_rows
    from {{ source('ledger', 'file_in_build') }} as file
    inner join {{ source('ledger', 'delivery_in_build') }} as seen using (delivery_id)
    where seen.format = '{{ format }}' and file.table_name = '{{ table }}'
    group by seen.delivery_id, seen.is_unchanged
) as accepted
full join (
    select delivery_id, sum(times) as held_rows, max(times) as times_a_line
    from (
        select delivery_id, file_id, line_number, count(*) as times
        from {{ model }}
        group by delivery_id, file_id, line_number
    ) as lines
    group by delivery_id
) as held using (delivery_id)
where
    times_a_line > 1
    or coalesce(accepted_rows, 0) <> coalesce(held_rows, 0)
    and (coalesce(is_unchanged, true) or held_rows is null)
{% endtest %}
