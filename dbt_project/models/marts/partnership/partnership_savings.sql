-- One row for each scheme, partner, month, effect and basis, with the running totals of the partner's scheme.
-- A cost that moves from one partner to another saves the one and is paid by the other: net of all partners it saves nothing.
with in_force as (
    select scheme_id, partner_code, month_ended_on, effect_code, basis_code, amount_gbp, evidence_code
    from {{ ref('stg_partnership_money__savings') }}
    where superseded_at is null
        and scheme_id is not null
        and month_ended_on is not null
        and amount_gbp is not null
),

schemes as (
    select distinct on (scheme_id) scheme_id, title, lead_partner_code, started_on, ended_on
    from {{ ref('stg_partnership_money__schemes') }}
    where superseded_at is null
    order by scheme_id, period_end desc, delivery_id desc, line_number desc
),

summed as (
    select
        scheme_id,
        coalesce(partner_code, 'NOT TOLD') as partner_code,
        {{ month_of('month_ended_on') }} as month,
        coalesce(effect_code, 'NOT TOLD') as effect,
        coalesce(basis_code, 'NOT TOLD') as basis,
        cast(sum(amount_gbp) as numeric(14, 2)) as amount_gbp,
        cast(coalesce(sum(amount_gbp) filter (where evidence_code = 'MEASURED'), 0) as numeric(14, 2)) as measured_gbp,
        cast(coalesce(sum(amount_gbp) filter (where evidence_code = 'ESTIMATED'), 0) as numeric(14, 2)) as estimated_gbp,
        cast(coalesce(sum(amount_gbp) filter (where coalesce(evidence_code, '') not in ('MEASURED', 'ESTIMATED')), 0) as numeric(14, 2))
            as claimed_gbp,
        count(*) as source_rows
    from in_force
    group by 1, 2, 3, 4, 5
)

select
    summed.scheme_id,
    schemes.title as scheme,
    coalesce(schemes.lead_partner_code, 'NOT TOLD') as lead_partner,
    summed.partner_code as partner,
    summed.month,
    summed.effect,
    summed.basis,
    summed.amount_gbp,
    summed.measured_gbp,
    summed.estimated_gbp,
    summed.claimed_gbp,
    cast(
        case summed.effect when 'SAVES' then summed.amount_gbp when 'PAYS' then -summed.amount_gbp end as numeric(14, 2)
    ) as net_gbp,
    cast(sum(summed.amount_gbp) over (
        partition by summed.scheme_id, summed.partner_code, summed.effect, summed.basis order by summed.month
    ) as numeric(14, 2)) as amount_to_date_gbp,
    -- What still saves in the last month that is told of recurs, unless its scheme ends with the month.
    summed.month = max(summed.month) over (partition by summed.basis)
    and coalesce(schemes.ended_on > summed.month + interval '1 month' - interval '1 day', true) as recurs,
    summed.source_rows
from summed
left join schemes on schemes.scheme_id = summed.scheme_id
