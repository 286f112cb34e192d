-- One row for each care event of each person, in the order of time when read by person_id and started_on.
-- Who delivered an event is said by its row. Who was accountable for it on its day follows from its service: the body that had
-- the service then, for what one of the bodies that ever had it delivered; and who had taken over from that body by then.
with recursive services as (
    select
        service,
        delivered_by_code,
        coalesce(valid_from, '-infinity') as valid_from,
        coalesce(valid_until, 'infinity') as valid_until,
        array_agg(delivered_by_code) over (partition by service) as ever_delivered_by
    from {{ ref('default_services') }}
    where delivered_by_code is not null and site_code is null
),

-- Of a body that was divided, the first successor by its code counts; a body is taken over once.
successions as (
    select distinct on (organisation_code) organisation_code, successor_code, succeeded_on
    from {{ ref('int_organisation_successions') }}
    order by organisation_code, succeeded_on, successor_code
),

-- Who took over from whom in the end; no body was taken over more than a few times.
heirs as (
    select organisation_code, successor_code, succeeded_on, 1 as times
    from successions
    union all
    select heirs.organisation_code, successions.successor_code, greatest(heirs.succeeded_on, successions.succeeded_on), times + 1
    from heirs
    inner join successions on successions.organisation_code = heirs.successor_code
    where times < 5
),

taken_over as (
    select
        organisation_code,
        successor_code,
        succeeded_on,
        lead(succeeded_on, 1, 'infinity') over (partition by organisation_code order by succeeded_on) as until_before
    from (
        select distinct on (organisation_code, succeeded_on) organisation_code, successor_code, succeeded_on
        from heirs
        order by organisation_code, succeeded_on, times desc
    ) as latest
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
    coalesce(taken_over.successor_code, services.delivered_by_code, events.provider_code) as accountable_code,
    events.referral_id
from {{ ref('int_care_events') }} as events
-- What is told of a patient whom no row describes is nobody's until one does.
inner join {{ source('person_index', 'membership_in_build') }} as membership
    on membership.person_record_id = events.person_record_id
left join services
    on services.service = events.service
    and coalesce(events.started_on, events.ended_on) between services.valid_from and services.valid_until
    and (events.provider_code is null or events.provider_code = any(services.ever_delivered_by))
left join taken_over
    on taken_over.organisation_code = coalesce(services.delivered_by_code, events.provider_code)
    and events.started_on >= taken_over.succeeded_on
    and events.started_on < taken_over.until_before
-- The police make nobody known: of whom they alone tell, nothing stands here.
where events.kind <> 'police incident' or membership.person_id in (select person_id from {{ ref('persons') }})
