{#- For each delivery, a staging model holds as many rows as the ledger says were accepted. -#}
{% test holds_every_accepted_row(model) %}
{%- set format, table = model.identifier.removeprefix('stg_').split('__') %}
select delivery_id
from (
    select file.delivery_id, sum(file.accepted_rows) as accepted_rows
    from {{ source('ledger', 'delivery_file') }} as file
    inner join {{ source('ledger', 'delivery') }} as delivery using (delivery_id)
    where delivery.state in ('accepted', 'superseded')
        and delivery.format = '{{ format }}'
        and file.table_name = '{{ table }}'
    group by file.delivery_id
) as accepted
full join (
    select delivery_id, count(*) as held_rows from {{ model }} group by delivery_id
) as held using (delivery_id)
where coalesce(accepted.accepted_rows, 0) <> coalesce(held.held_rows, 0)
{% endtest %}
