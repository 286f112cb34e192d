-- One row for each feed and period that arrived and was accepted: what the other tables rest on.
-- A table that was sent again for its period counts as it was last sent, unless it adds rows by their key.
with told as (
    select
        *,
        rank() over (partition by feed, period, table_name order by received_at desc, delivery_id desc) as telling
    from {{ source('ledger', 'table_in_build') }}
)

select
    told.feed,
    told.period,
    min(told.period_start) as period_start,
    max(told.period_end) as period_end,
    count(distinct told.delivery_id) as deliveries,
    {{ rounded_count('sum(file.received_rows)') }} as received_rows,
    {{ rounded_count('sum(file.accepted_rows)') }} as accepted_rows,
    {{ rounded_count('sum(file.set_aside_rows)') }} as set_aside_rows,
    cast(max(told.received_at) as date) as last_received_on
from told
inner join {{ source('ledger', 'delivery_file') }} as file
    on file.delivery_id = told.delivery_id
    and file.table_name = told.table_name
where told.telling = 1 or told.replaces = 'key'
group by told.feed, told.period
