-- One row for each service, site and span of days with one provider: who delivers, employs, commissions, under which contract.
-- A commissioner or provider that was taken over meanwhile is named with its successor, and from when.
with successions as (
    select distinct on (organisation_code) organisation_code, successor_code, succeeded_on
    from {{ ref('int_organisation_successions') }}
    order by organisation_code, succeeded_on, successor_code
)

select
    services.service,
    coalesce(services.site_code, 'not told') as site_code,
    services.valid_from,
    services.valid_until,
    services.delivered_by_code,
    services.delivered_by_code as accountable_code,
    services.employer_code,
    services.commissioner_code,
    commissioners.successor_code as commissioner_successor_code,
    commissioners.succeeded_on as commissioner_succeeded_on,
    services.contract,
    row_number() over (
        partition by services.service, services.site_code order by services.valid_from nulls first
    ) as provider_number,
    services.source
from {{ ref('default_services') }} as services
left join successions as commissioners on commissioners.organisation_code = services.commissioner_code
