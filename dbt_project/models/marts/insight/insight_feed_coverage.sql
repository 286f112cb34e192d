-- One row for each feed and period that arrived and was accepted: what the other tables rest on.
select
    delivery.feed,
    delivery.period,
    min(delivery.period_start) as period_start,
    max(delivery.period_end) as period_end,
    count(distinct delivery.delivery_id) as deliveries,
    cast(sum(file.received_rows) as bigint) as received_rows,
    cast(sum(file.accepted_rows) as bigint) as accepted_rows,
    cast(sum(file.set_aside_rows) as bigint) as set_aside_rows,
    cast(max(delivery.received_at) as date) as last_received_on
from {{ source('ledger', 'delivery') }} as delivery
inner join {{ source('ledger', 'delivery_file') }} as file on file.delivery_id = delivery.delivery_id
where delivery.state in ('accepted', 'superseded')
group by delivery.feed, delivery.period
