-- One row for each feed and period that the build has data for, and for each promised period that is over and has none.
-- A table that was sent again for its period counts as it was last sent, unless it adds rows by their key.
with told as (
    select
        *,
        rank() over (partition by feed, period, table_name order by received_at desc, delivery_id desc) as telling
    from {{ source('ledger', 'table_in_build') }}
),

arrived as (
    select
        told.feed,
        told.period,
        min(told.period_start) as period_start,
        max(told.period_end) as period_end,
        count(distinct told.delivery_id) as deliveries,
        {{ shown_count('sum(file.received_rows)') }} as received_rows,
        {{ shown_count('sum(file.accepted_rows)') }} as accepted_rows,
        {{ shown_count('sum(file.set_aside_rows)') }} as set_aside_rows,
        cast(max(told.received_at) as date) as last_received_on
    from told
    inner join {{ source('ledger', 'file_in_build') }} as file
        on file.delivery_id = told.delivery_id
        and file.table_name = told.table_name
    where told.telling = 1 or told.replaces = 'key'
    group by told.feed, told.period
),

not_arrived as (
    select
        promise.feed,
        promise.period,
        promise.period_start,
        promise.period_end,
        promise.due_on,
        promise.missing_after,
        builds.as_at_day
    from {{ source('ledger', 'promise') }} as promise
    inner join (select {{ as_at_day() }} as as_at_day) as builds on promise.period_end < builds.as_at_day
    where not exists (
        select 1 from arrived where arrived.feed = promise.feed and arrived.period = promise.period
    )
)

select
    feed,
    period,
    period_start,
    period_end,
    'arrived' as status,
    deliveries,
    received_rows,
    accepted_rows,
    set_aside_rows,
    last_received_on
from arrived
union all
select
    feed,
    period,
    period_start,
    period_end,
    case
        when as_at_day <= due_on then 'due'
        when as_at_day <= missing_after then 'late'
        else 'missing'
    end as status,
    cast(null as bigint) as deliveries,
    cast(null as bigint) as received_rows,
    cast(null as bigint) as accepted_rows,
    cast(null as bigint) as set_aside_rows,
    cast(null as date) as last_received_on
from not_arrived
