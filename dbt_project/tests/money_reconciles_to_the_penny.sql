-- Pence reconcile: shares and what nobody bears yet add up to the bill, so do the thirds of three partners; what was paid and
-- what is outstanding add up to what was due; who owes what is what is on the schedule; what is summed adds up to the account.
select 'shares of a bill' as what, cost_id as which
from {{ ref('partnership_record_costs') }}
group by cost_id
having
    coalesce(sum(share_gbp), 0) + max(unshared_gbp) <> max(amount_gbp)
    or (count(*) = 3 and bool_or(partner = paid_by) and sum(third_gbp) <> max(amount_gbp))
    or max(abs(third_gbp - amount_gbp / 3)) >= 0.02

union all

select 'bills' as what, 'all' as which
from (
    select sum(amount_gbp) as amount_gbp
    from (select distinct cost_id, amount_gbp from {{ ref('partnership_record_costs') }}) as once
) as told
cross join (
    select sum(amount_gbp) as amount_gbp
    from {{ ref('stg_partnership_money__record_costs') }}
    where superseded_at is null and cost_id is not null
) as account
where told.amount_gbp <> account.amount_gbp

union all

select 'payment' as what, repayment_id as which
from {{ ref('partnership_repayments') }}
where due_gbp <> paid_gbp + outstanding_gbp

union all

select 'owed' as what, 'all' as which
from (select sum(due_gbp) as due_gbp, sum(arrears_gbp) as arrears_gbp from {{ ref('partnership_record_owed') }}) as owed
cross join (
    select sum(due_gbp) as due_gbp, sum(arrears_gbp) as arrears_gbp from {{ ref('partnership_repayments') }} where is_in_force
) as scheduled
where owed.due_gbp <> scheduled.due_gbp or owed.arrears_gbp <> scheduled.arrears_gbp

union all

select 'savings' as what, 'all' as which
from (
    select sum(amount_gbp) as amount_gbp, sum(measured_gbp + estimated_gbp + claimed_gbp) as by_evidence_gbp
    from {{ ref('partnership_savings') }}
) as summed
cross join (
    select sum(amount_gbp) as amount_gbp
    from {{ ref('stg_partnership_money__savings') }}
    where superseded_at is null and scheme_id is not null and month_ended_on is not null
) as account
where summed.amount_gbp <> account.amount_gbp or summed.amount_gbp <> summed.by_evidence_gbp

union all

select 'investments' as what, 'all' as which
from (select sum(amount_gbp) as amount_gbp, max(of_all_gbp) as of_all_gbp from {{ ref('partnership_investments') }}) as invested
where invested.amount_gbp <> invested.of_all_gbp
