-- One row for each request, assessment, service or review of adult social care in force.
select
    events.social_care_event_id,
    membership.person_id,
    events.organisation,
    events.kind,
    events.started_on,
    events.ended_on,
    events.kind = 'service' and events.ended_on is null as is_open,
    events.client_type,
    events.primary_support_reason,
    events.route_of_access,
    events.assessment_type,
    events.service_type,
    events.service_component,
    events.delivery_mechanism,
    events.review_reason,
    events.outcome,
    events.provider_cqc_location_id,
    events.unit_cost_gbp,
    events.cost_frequency,
    events.planned_units_per_week,
    events.source_rows
from {{ ref('int_social_care_events') }} as events
left join {{ source('person_index', 'membership_in_build') }} as membership
    on membership.person_record_id = events.person_record_id
