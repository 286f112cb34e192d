-- One row for each referral in force to a community, mental health or voluntary service.
with first_contacts as (
    select referral_id, min(contact_on) as first_contact_on
    from {{ ref('int_contacts') }}
    where attendance = 'attended'
    group by referral_id
)

select
    referrals.referral_id,
    membership.person_id,
    referrals.organisation,
    referrals.feed,
    referrals.source,
    referrals.service,
    referrals.provider_code,
    referrals.team_type_code,
    referrals.commissioner_code,
    referrals.referred_on,
    referrals.referral_source_code,
    referrals.referring_organisation_code,
    referrals.reason_code,
    referrals.priority_code,
    referrals.accepted_on,
    least(referrals.began_on, first_contacts.first_contact_on) as first_contact_on,
    referrals.closed_on,
    referrals.rejected_on,
    coalesce(referrals.closed_on, referrals.rejected_on) is null as is_open,
    referrals.source_rows
from {{ ref('int_referrals') }} as referrals
left join first_contacts on first_contacts.referral_id = referrals.referral_id
left join {{ source('person_index', 'membership_in_build') }} as membership
    on membership.person_record_id = referrals.person_record_id
