-- One row for each month, responsibility and council with a rate or without one, ranked in its month; the lowest rate is 1.
-- Councils with the same rate share a rank; one that told nothing has none, and is counted. England is the reference, not ranked.
with rates as (
    select month, responsible, council_code as council, delayed_per_day_per_100000, 'deliveries' as comes_from
    from {{ ref('board_delayed_days') }}
    where reason = 'all'

    union all

    select month, responsible, council, delayed_per_day_per_100000, source as comes_from
    from {{ ref('default_comparators_delayed_days') }}
)

select
    rates.month,
    rates.responsible,
    rates.council,
    rates.delayed_per_day_per_100000,
    case
        when rates.delayed_per_day_per_100000 is not null
            then rank() over (same_month order by rates.delayed_per_day_per_100000 nulls last)
    end as rank,
    count(rates.delayed_per_day_per_100000) over same_month as ranked_councils,
    count(*) over same_month - count(rates.delayed_per_day_per_100000) over same_month as councils_without_data,
    england.delayed_days as england_delayed_days,
    rates.comes_from
from rates
left join {{ ref('default_england_delayed_days') }} as england
    on england.month = rates.month and england.responsible = rates.responsible
window same_month as (partition by rates.month, rates.responsible)
