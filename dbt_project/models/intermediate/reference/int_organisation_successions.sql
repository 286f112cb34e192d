-- One row for each organisation and one that took over from it: as delivered, else the default.
with delivered as (
    select distinct organisation_code, successor_code, succeeded_on
    from {{ ref('stg_ods__successions') }}
    where superseded_at is null and organisation_code is not null
)

select
    organisation_code,
    successor_code,
    succeeded_on,
    'delivery' as comes_from
from delivered
union all
select
    organisation_code,
    successor_code,
    succeeded_on,
    'default' as comes_from
from {{ ref('default_organisation_successions') }}
where organisation_code not in (select organisation_code from delivered)
