-- One row for each general practice: as the register that was delivered last has it, else the default. Other prescribers,
-- which the register lists beside them, are left out.
with delivered as (
    select distinct on (organisation_code)
        organisation_code,
        name,
        postcode,
        opened_on,
        closed_on,
        commissioner_code,
        prescribing_setting_code
    from {{ ref('stg_ods__gp_practices') }}
    where superseded_at is null and organisation_code is not null
    order by organisation_code, period_end desc, delivery_id desc, line_number desc
)

select
    organisation_code as practice_code,
    name,
    postcode,
    opened_on,
    closed_on,
    commissioner_code,
    'delivery' as comes_from
from delivered
where prescribing_setting_code = '4'
union all
select
    practice_code,
    name,
    postcode,
    opened_on,
    closed_on,
    commissioner_code,
    'default' as comes_from
from {{ ref('default_gp_practices') }}
where practice_code not in (select organisation_code from delivered)
