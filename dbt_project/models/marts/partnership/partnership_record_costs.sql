-- One row for each bill of the Shared Care Record and partner that bears a share of it.
-- Three partners bear a third each. Of pence that cannot be divided, the one who pays the bill bears what is left.
with bills as (
    select cost_id, cost_kind_code, billed_on, paid_by_code, amount_gbp
    from {{ ref('stg_partnership_money__record_costs') }}
    where superseded_at is null and cost_id is not null
),

shares as (
    select cost_id, partner_code, sum(share_gbp) as share_gbp
    from {{ ref('stg_partnership_money__record_cost_shares') }}
    where superseded_at is null and cost_id is not null
    group by cost_id, partner_code
)

select
    bills.cost_id,
    coalesce(shares.partner_code, 'NOT TOLD') as partner,
    bills.cost_kind_code as cost_kind,
    bills.billed_on,
    bills.paid_by_code as paid_by,
    cast(bills.amount_gbp as numeric(14, 2)) as amount_gbp,
    cast(shares.share_gbp as numeric(14, 2)) as share_gbp,
    cast(
        trunc(bills.amount_gbp / 3, 2)
        + case when shares.partner_code = bills.paid_by_code then bills.amount_gbp - 3 * trunc(bills.amount_gbp / 3, 2) else 0 end
        as numeric(14, 2)
    ) as third_gbp,
    shares.share_gbp
    = trunc(bills.amount_gbp / 3, 2)
    + case when shares.partner_code = bills.paid_by_code then bills.amount_gbp - 3 * trunc(bills.amount_gbp / 3, 2) else 0 end
        as is_third,
    cast(
        bills.amount_gbp - coalesce(sum(shares.share_gbp) over (partition by bills.cost_id), 0) as numeric(14, 2)
    ) as unshared_gbp
from bills
left join shares on shares.cost_id = bills.cost_id
