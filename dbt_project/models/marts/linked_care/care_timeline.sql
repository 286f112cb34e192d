-- One row for each care event of each person, in the order of time when read by person_id and started_on.
-- Who delivered an event is said by its row; who was accountable for it on its day follows from the service: who had it then,
-- after moves between providers, and who had taken over from them by then.
with accountable as (
    select
        service,
        from_organisation_code as organisation_code,
        cast('-infinity' as date) as from_on,
        moved_on - 1 as until_on
    from {{ ref('default_service_moves') }}
    union all
    select
        service,
        to_organisation_code as organisation_code,
        moved_on as from_on,
        cast('infinity' as date) as until_on
    from {{ ref('default_service_moves') }}
),

-- Of a body that was divided, the first successor by its code counts; a body is taken over once.
successions as (
    select distinct on (organisation_code) organisation_code, successor_code, succeeded_on
    from {{ ref('int_organisation_successions') }}
    order by organisation_code, succeeded_on, successor_code
)

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
    events.ended_at,
    events.service,
    events.provider_code,
    coalesce(successions.successor_code, accountable.organisation_code, events.provider_code) as accountable_code,
    events.referral_id
from {{ ref('int_care_events') }} as events
left join {{ source('person_index', 'membership_in_build') }} as membership
    on membership.person_record_id = events.person_record_id
left join accountable
    on accountable.service = events.service
    and events.started_on between accountable.from_on and accountable.until_on
left join successions
    on successions.organisation_code = coalesce(accountable.organisation_code, events.provider_code)
    and events.started_on >= successions.succeeded_on
