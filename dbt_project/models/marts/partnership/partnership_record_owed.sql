-- One row for each partner that repays another for the record: what it bears of the bills, and what of it is due, paid and owed.
-- What is borne and not yet on the schedule is owed, too, but not due.
with borne as (
    select partner, paid_by, sum(share_gbp) as borne_gbp
    from {{ ref('partnership_record_costs') }}
    where partner <> paid_by and share_gbp is not null
    group by partner, paid_by
),

scheduled as (
    select
        paid_by,
        paid_to,
        sum(due_gbp) as due_gbp,
        sum(paid_gbp) as paid_gbp,
        sum(outstanding_gbp) as outstanding_gbp,
        sum(arrears_gbp) as arrears_gbp,
        count(*) filter (where arrears_gbp > 0) as payments_in_arrears,
        min(due_on) filter (where arrears_gbp > 0) as in_arrears_since,
        count(*) filter (where version_number > 1) as payments_put_off
    from {{ ref('partnership_repayments') }}
    where is_in_force
    group by paid_by, paid_to
)

select
    coalesce(borne.partner, scheduled.paid_by, 'NOT TOLD') as owed_by,
    coalesce(borne.paid_by, scheduled.paid_to, 'NOT TOLD') as owed_to,
    cast(borne.borne_gbp as numeric(14, 2)) as borne_gbp,
    cast(scheduled.due_gbp as numeric(14, 2)) as due_gbp,
    cast(scheduled.paid_gbp as numeric(14, 2)) as paid_gbp,
    cast(scheduled.outstanding_gbp as numeric(14, 2)) as outstanding_gbp,
    cast(scheduled.arrears_gbp as numeric(14, 2)) as arrears_gbp,
    cast(borne.borne_gbp - coalesce(scheduled.due_gbp, 0) as numeric(14, 2)) as not_scheduled_gbp,
    scheduled.payments_in_arrears,
    scheduled.in_arrears_since,
    scheduled.payments_put_off
from borne
full join scheduled on scheduled.paid_by = borne.partner and scheduled.paid_to = borne.paid_by
