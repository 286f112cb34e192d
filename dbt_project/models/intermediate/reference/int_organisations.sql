-- One row for each health organisation and name: as the register that was delivered last has it, else the default.
with delivered as (
    select distinct on (organisation_code)
        organisation_code,
        name,
        opened_on as valid_from,
        closed_on as valid_until
    from {{ ref('stg_ods__organisations') }}
    where superseded_at is null and organisation_code is not null
    order by organisation_code, period_end desc, delivery_id desc, line_number desc
)

select
    organisation_code,
    name,
    valid_from,
    valid_until,
    'delivery' as comes_from
from delivered
union all
select
    organisation_code,
    name,
    valid_from,
    valid_until,
    'default' as comes_from
from {{ ref('default_organisations') }}
where organisation_code not in (select organisation_code from delivered)
