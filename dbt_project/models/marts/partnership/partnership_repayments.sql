-- One row for each payment of the schedule, in each account that told it otherwise: what was re-profiled stays to be seen.
-- Arrears are judged on the day that the build sees. Those of a version that is not in force are what they would be by its day.
with told as (
    select
        repayment_id, paid_by_code, paid_to_code, due_on, due_gbp, paid_on, paid_gbp, period_end, delivery_id, line_number,
        superseded_at,
        lag(row(due_on, due_gbp)) over own as told_before,
        row(due_on, due_gbp) as told_now
    from {{ ref('stg_partnership_money__repayments') }}
    where repayment_id is not null
    window own as (partition by repayment_id order by period_end, delivery_id, line_number)
),

-- Of accounts that tell the same due day and amount, the last counts, which knows best what was paid.
versions as (
    select
        *,
        count(*) filter (where told_before is null or told_before is distinct from told_now) over (
            partition by repayment_id order by period_end, delivery_id, line_number
        ) as version_number
    from told
),

latest as (
    select distinct on (repayment_id, version_number) *
    from versions
    order by repayment_id, version_number, period_end desc, delivery_id desc, line_number desc
),

with_version_in_force as (
    select *, version_number = max(version_number) over (partition by repayment_id) and superseded_at is null as is_in_force
    from latest
)

select
    repayment_id,
    version_number,
    is_in_force,
    paid_by_code as paid_by,
    paid_to_code as paid_to,
    due_on,
    cast(due_gbp as numeric(14, 2)) as due_gbp,
    paid_on,
    cast(coalesce(paid_gbp, 0) as numeric(14, 2)) as paid_gbp,
    cast(due_gbp - coalesce(paid_gbp, 0) as numeric(14, 2)) as outstanding_gbp,
    cast(
        case when due_on < as_at.as_at_day then greatest(due_gbp - coalesce(paid_gbp, 0), 0) else 0 end as numeric(14, 2)
    ) as arrears_gbp
from with_version_in_force
cross join (select {{ as_at_day() }} as as_at_day) as as_at
