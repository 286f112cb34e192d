-- One row for each onward referral of Contact Cares or ISAH, as it was told last.
-- It arrived if the service accepted the person, or if the organisation it went to tells within 30 days of something that
-- begins with such a referral. Whoever sends nothing can only be known to have accepted.
with contacts as (
    select distinct on (feed, contact_id)
        feed,
        contact_id,
        {{ person_record_id('organisation', 'contact_cares', 'local_person_id') }} as person_record_id
    from {{ ref('stg_contact_cares__contacts') }}
    where superseded_at is null
    order by feed, contact_id, period_end desc, delivery_id desc, line_number desc
),

referrals as (
    select distinct on (told.feed, told.onward_referral_id)
        told.*,
        contacts.contact_id is not null as has_contact,
        membership.person_id,
        -- The names of the public page of Contact Cares, in the words of the folders that organisations send to.
        case lower(told.referred_to_organisation)
            when 'st helens borough council' then 'council'
            when 'st helens council' then 'council'
            when 'halton borough council' then 'halton'
            when 'halton council' then 'halton'
            when 'sthk' then 'sthk'
            when 'st helens and knowsley teaching hospitals nhs trust' then 'sthk'
            when 'north west boroughs' then 'north_west_boroughs'
            when 'north west boroughs healthcare nhs foundation trust' then 'north_west_boroughs'
            when 'bridgewater' then 'bridgewater'
            when 'bridgewater community healthcare nhs foundation trust' then 'bridgewater'
            when 'torus' then 'torus'
            when 'merseyside fire and rescue service' then 'merseyside_fire'
            when 'halton & st helens voluntary and community action' then 'halton_st_helens_vca'
        end as receiver
    from {{ ref('stg_contact_cares__onward_referrals') }} as told
    left join contacts on contacts.feed = told.feed and contacts.contact_id = told.contact_id
    left join {{ source('person_index', 'membership_in_build') }} as membership
        on membership.person_record_id = contacts.person_record_id
    where told.superseded_at is null
    order by told.feed, told.onward_referral_id, told.period_end desc, told.delivery_id desc, told.line_number desc
),

-- What begins with a referral from outside: not a stay or an appointment, which may go back to an older one.
beginnings as (
    select person_id, organisation, referred_on as began_on
    from {{ ref('referrals') }}
    where person_id is not null and rejected_on is null
    union all
    select person_id, organisation, started_on
    from {{ ref('social_care_events') }}
    where person_id is not null and kind in ('request', 'assessment', 'service')
    union all
    select person_id, organisation, started_on
    from {{ ref('care_timeline') }}
    where person_id is not null and kind in ('fire visit', 'children''s social care contact')
),

found as (
    select referrals.feed, referrals.onward_referral_id, min(beginnings.began_on) as found_on
    from referrals
    inner join beginnings
        on beginnings.person_id = referrals.person_id
        and beginnings.organisation = referrals.receiver
        and beginnings.began_on between referrals.referred_on and referrals.referred_on + 30
    group by referrals.feed, referrals.onward_referral_id
)

select
    referrals.feed || '/' || referrals.onward_referral_id as onward_referral_id,
    referrals.feed || '/' || referrals.contact_id as front_door_contact_id,
    referrals.has_contact,
    referrals.person_id,
    referrals.organisation,
    referrals.feed,
    referrals.referred_on,
    referrals.referred_to_organisation,
    referrals.referred_to_service,
    referrals.receiver as referred_to,
    referrals.service_id,
    referrals.accepted_on,
    found.found_on,
    least(referrals.accepted_on, found.found_on) as arrived_on,
    case
        when referrals.accepted_on is not null or found.found_on is not null then true
        when {{ as_at_day() }} >= referrals.referred_on + 30 then false
    end as has_arrived
from referrals
left join found on found.feed = referrals.feed and found.onward_referral_id = referrals.onward_referral_id
