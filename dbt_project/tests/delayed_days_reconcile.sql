-- The total of a council's month is the sum of what was delivered, up to February 2020, and every council that has a total is ranked or counted.
with delivered as (
    select {{ month_of('period_end') }} as month, coalesce(council_code, 'not known') as council_code, sum(delayed_days) as delayed_days
    from {{ ref('stg_delayed_transfers__delayed_days') }}
    where superseded_at is null
        and period_end <= date '2020-02-29'
        and feed in ({{ feeds_of_the_board() }})
    group by 1, 2
)

select delivered.month, delivered.council_code
from delivered
left join {{ ref('board_delayed_days') }} as figures
    on figures.month = delivered.month
    and figures.council_code = delivered.council_code
    and figures.responsible = 'all'
    and figures.reason = 'all'
where figures.guard_delayed_days is distinct from delivered.delayed_days

union all

select month, council as council_code
from {{ ref('board_delayed_days_rank') }}
where (rank is null) <> (delayed_per_day_per_100000 is null)
