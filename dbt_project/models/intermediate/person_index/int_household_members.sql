-- One row for each staged household member, with the home of the tenancy as the landlord last described it.
with homes as (
    select distinct on (organisation, tenancy_reference)
        organisation,
        tenancy_reference,
        address,
        postcode,
        uprn
    from {{ ref('stg_housing__tenancies') }}
    where tenancy_reference is not null
    order by organisation, tenancy_reference, superseded_at is null desc, period_end desc, delivery_id desc, line_number desc
)

select
    members.delivery_id,
    members.file_id,
    members.line_number,
    members.organisation,
    members.period_start,
    members.period_end,
    members.superseded_at,
    members.local_person_id,
    members.nhs_number,
    members.forename,
    members.surname,
    members.born_on,
    members.sex_code,
    members.phone,
    members.moved_in_on,
    homes.address,
    homes.postcode,
    homes.uprn
from {{ ref('stg_housing__household_members') }} as members
left join homes
    on homes.organisation = members.organisation
    and homes.tenancy_reference = members.tenancy_reference
