-- One row for each contact in force of a community or mental health service; attended or not.
select
    contacts.contact_id,
    contacts.referral_id,
    membership.person_id,
    contacts.organisation,
    contacts.feed,
    contacts.source,
    contacts.service,
    contacts.provider_code,
    contacts.team_type_code,
    contacts.contact_on,
    contacts.contact_at,
    contacts.duration_minutes,
    contacts.attendance,
    contacts.mechanism_code,
    contacts.location_type_code,
    contacts.site_code,
    contacts.source_rows
from {{ ref('int_contacts') }} as contacts
left join {{ source('person_index', 'membership_in_build') }} as membership
    on membership.person_record_id = contacts.person_record_id
