-- One row for each care event of each person, in the order of time when read by person_id and started_on.
select
    events.care_event_id,
    membership.person_id,
    events.organisation,
    events.feed,
    events.kind,
    events.detail,
    events.started_on,
    events.started_at,
    events.ended_on,
    events.ended_at
from {{ ref('int_care_events') }} as events
left join {{ source('person_index', 'membership_in_build') }} as membership
    on membership.person_record_id = events.person_record_id
