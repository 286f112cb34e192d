-- One row for each investment of a partner in force.
select
    investments.investment_id,
    investments.scheme_id,
    coalesce(investments.partner_code, 'NOT TOLD') as partner,
    investments.invested_on,
    cast(investments.amount_gbp as numeric(14, 2)) as amount_gbp,
    cast(sum(investments.amount_gbp) over (partition by investments.partner_code) as numeric(14, 2)) as of_partner_gbp,
    cast(sum(investments.amount_gbp) over () as numeric(14, 2)) as of_all_gbp
from {{ ref('stg_partnership_money__investments') }} as investments
where investments.superseded_at is null and investments.investment_id is not null
