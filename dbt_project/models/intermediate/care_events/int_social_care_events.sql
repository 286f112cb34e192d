-- One row for each event of adult social care in force.
-- Two rows are one event where the Department of Health and Social Care says so: the same person, start, client type
-- and route, assessment type or service (and the same end, but for services); the event reference is no key.
with events as (
    select
        organisation,
        feed,
        local_person_id,
        started_on,
        ended_on,
        died_on,
        client_type,
        primary_support_reason,
        route_of_access,
        assessment_type,
        service_type,
        service_component,
        delivery_mechanism,
        review_reason,
        outcome,
        provider_cqc_location_id,
        unit_cost_gbp,
        cost_frequency,
        planned_units_per_week,
        period_end,
        delivery_id,
        line_number,
        {{ social_care_event_kind('event_type') }} as kind,
        case when {{ social_care_event_kind('event_type') }} <> 'service' then ended_on end as end_that_tells_apart
    from {{ ref('stg_cld__events') }}
    where superseded_at is null and {{ left_out_of_social_care_events() }} is null
        and {{ is_of_a_touched_event() }}
),

told as (
    select
        *,
        row_number() over (
            same_event order by period_end desc, ended_on desc nulls first, delivery_id desc, line_number desc
        ) as telling,
        count(*) over same_event as source_rows,
        array_agg(delivery_id) over same_event as delivery_ids
    from events
    window same_event as (
        partition by
            organisation, local_person_id, kind, started_on, end_that_tells_apart, client_type, route_of_access,
            assessment_type, service_type, service_component
    )
)

select
    md5(concat_ws(
        '|', organisation, local_person_id, kind, started_on, coalesce(cast(end_that_tells_apart as text), ''),
        coalesce(client_type, ''), coalesce(route_of_access, ''), coalesce(assessment_type, ''),
        coalesce(service_type, ''), coalesce(service_component, '')
    )) as social_care_event_id,
    {{ person_record_id('organisation', 'cld', 'local_person_id') }} as person_record_id,
    local_person_id,
    organisation,
    feed,
    kind,
    started_on,
    least(ended_on, died_on) as ended_on,
    client_type,
    primary_support_reason,
    route_of_access,
    assessment_type,
    service_type,
    service_component,
    delivery_mechanism,
    review_reason,
    outcome,
    provider_cqc_location_id,
    unit_cost_gbp,
    cost_frequency,
    planned_units_per_week,
    source_rows,
    delivery_ids
from told
where telling = 1
