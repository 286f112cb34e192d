-- One row for each person in each tenancy in force.
select
    tenancies.tenancy_id,
    membership.person_id,
    tenancies.organisation,
    tenancies.feed,
    tenancies.tenancy_reference,
    tenancies.is_main_tenant,
    tenancies.relationship,
    tenancies.tenure,
    tenancies.is_sheltered,
    tenancies.address,
    tenancies.postcode,
    tenancies.uprn,
    tenancies.started_on,
    tenancies.ended_on,
    tenancies.source_rows
from {{ ref('int_tenancies') }} as tenancies
left join {{ source('person_index', 'membership_in_build') }} as membership
    on membership.person_record_id = tenancies.person_record_id
