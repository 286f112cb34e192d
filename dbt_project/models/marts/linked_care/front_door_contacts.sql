-- One row for each contact of Contact Cares, and of ISAH before it, as it was told last.
-- What happened afterwards is known only where the time has passed and the feeds that would tell of it have every month
-- of it; otherwise it is null, which is not false.
{%- set windows = [30, 90] %}
{%- set outcomes = {
    'unplanned_stay': 'hospital stay',
    'emergency_attendance': 'emergency attendance',
    'social_care_service': 'social care service',
} %}
with {{ told_runs({
    'front door': ref('stg_contact_cares__contacts'),
    'hospital stay': ref('hospital_stays'),
    'emergency attendance': '(select feed from ' ~ ref('attendances') ~ " where kind = 'emergency department') as attended",
    'social care service': ref('social_care_events'),
}) }},

told as (
    select distinct on (contacts.feed, contacts.contact_id)
        contacts.*,
        contacts.feed || '/' || contacts.contact_id as front_door_contact_id,
        membership.person_id,
        contacts.closed_on is not null or contacts.outcome is not null as is_closed
    from {{ ref('stg_contact_cares__contacts') }} as contacts
    left join {{ source('person_index', 'membership_in_build') }} as membership
        on membership.person_record_id
        = {{ person_record_id('contacts.organisation', 'contact_cares', 'contacts.local_person_id') }}
    where contacts.superseded_at is null
    order by
        contacts.feed, contacts.contact_id, contacts.period_end desc, contacts.delivery_id desc, contacts.line_number desc
),

-- The next contact of the same person, at either front door: contacts go on in one numbering of people.
in_order as (
    select
        *,
        case when person_id is not null then lead(received_on) over (
            partition by person_id order by received_on, received_at nulls last, front_door_contact_id
        ) end as next_received_on
    from told
),

referred_on as (
    select
        front_door_contact_id,
        count(*) as onward_referrals,
        count(has_arrived) as onward_referrals_judged,
        count(*) filter (where has_arrived) as onward_referrals_arrived
    from {{ ref('onward_referrals') }}
    group by front_door_contact_id
),

afterwards as (
    select person_id, 'unplanned_stay' as outcome, admitted_on as happened_on, admitted_at as happened_at
    from {{ ref('hospital_stays') }}
    where admission_kind = 'emergency'
    union all
    select person_id, 'emergency_attendance', attended_on, arrived_at
    from {{ ref('attendances') }}
    where kind = 'emergency department'
    union all
    select person_id, 'social_care_service', started_on, null
    from {{ ref('social_care_events') }}
    where kind = 'service'
),

-- On the day of the contact only what came after it counts, where both have a time.
first_afterwards as (
    select
        told.front_door_contact_id
        {%- for outcome in outcomes %},
        min(afterwards.happened_on - told.received_on) filter (where afterwards.outcome = '{{ outcome }}')
            as days_to_{{ outcome }}
        {%- endfor %}
    from told
    inner join afterwards
        on afterwards.person_id = told.person_id
        and afterwards.happened_on between told.received_on and told.received_on + {{ windows | max }}
        and coalesce(afterwards.happened_at >= told.received_at, true)
    group by told.front_door_contact_id
),

-- Until when each of the feeds tells on, from the day of the contact.
known_until as (
    select
        told.front_door_contact_id,
        max(runs.told_until) filter (where runs.what = 'front door') as front_door
        {%- for outcome, what in outcomes.items() %},
        max(runs.told_until) filter (where runs.what = '{{ what }}') as {{ outcome }}
        {%- endfor %}
    from told
    inner join told_runs as runs on told.received_on between runs.told_from and runs.told_until
    group by told.front_door_contact_id
)

select
    contacts.front_door_contact_id,
    contacts.person_id,
    contacts.organisation,
    contacts.feed,
    case contacts.feed when 'council/isah' then 'ISAH' else 'Contact Cares' end as front_door,
    contacts.contact_id,
    contacts.received_on,
    contacts.received_at,
    cast(extract(hour from contacts.received_at at time zone 'Europe/London') as integer) as received_hour,
    contacts.channel,
    contacts.tier_code,
    contacts.urgency,
    contacts.staff_organisation,
    contacts.requester_code,
    contacts.reason_code,
    contacts.adult_or_child,
    contacts.eligible_because,
    lower(contacts.eligible_because) <> 'neither' as is_eligible,
    contacts.first_responded_on,
    contacts.first_responded_at,
    cast(floor(extract(epoch from contacts.first_responded_at - contacts.received_at) / 60) as integer)
        as minutes_to_first_response,
    case
        when lower(contacts.urgency) <> 'crisis' then null
        when contacts.first_responded_at is not null and contacts.received_at is not null
            then contacts.first_responded_at <= contacts.received_at + interval '120 minutes'
        -- Two hours do not reach over a whole day.
        when contacts.first_responded_on > contacts.received_on + 1 then false
    end as is_crisis_answered_in_time,
    contacts.assessed_on,
    contacts.closed_on,
    contacts.is_closed,
    contacts.outcome,
    case
        when contacts.is_closed
            then contacts.tier_code = '1'
            and contacts.assessed_on is null
            and coalesce(referred_on.onward_referrals, 0) = 0
            and coalesce(
                lower(contacts.outcome) not in ('referred on', 'assessment', 'could not be reached'), true
            )
    end as is_resolved_at_first_contact,
    case
        when contacts.person_id is not null
            and {{ as_at_day() }} >= contacts.received_on + 30
            and known_until.front_door >= contacts.received_on + 30
            then coalesce(contacts.next_received_on <= contacts.received_on + 30, false)
    end as has_repeat_within_30_days,
    coalesce(referred_on.onward_referrals, 0) as onward_referrals,
    coalesce(referred_on.onward_referrals_judged, 0) as onward_referrals_judged,
    coalesce(referred_on.onward_referrals_arrived, 0) as onward_referrals_arrived
    {%- for outcome in outcomes %}
    {%- for days in windows %},
    case
        when contacts.person_id is not null
            and {{ as_at_day() }} >= contacts.received_on + {{ days }}
            and known_until.{{ outcome }} >= contacts.received_on + {{ days }}
            then coalesce(afterwards.days_to_{{ outcome }} <= {{ days }}, false)
    end as has_{{ outcome }}_within_{{ days }}_days
    {%- endfor %}
    {%- endfor %}
from in_order as contacts
left join referred_on on referred_on.front_door_contact_id = contacts.front_door_contact_id
left join known_until on known_until.front_door_contact_id = contacts.front_door_contact_id
left join first_afterwards as afterwards on afterwards.front_door_contact_id = contacts.front_door_contact_id
