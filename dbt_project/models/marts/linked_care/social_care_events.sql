-- One row for each request, assessment, service or review of adult social care.
with events as (
    select events.*, membership.person_id
    from {{ ref('int_social_care_events') }} as events
    left join {{ source('person_index', 'membership_in_build') }} as membership
        on membership.person_record_id = events.person_record_id
),

-- A request is often told in several rows. As in the transformations to SALT and ASCOF (NHS England, at d6ff762), one that
-- begins at most four days after the earlier ones of the same person ended belongs to them: four days span a long weekend.
requests as (
    select
        *,
        coalesce(
            started_on > 4 + max(coalesce(ended_on, 'infinity')) over (
                earlier rows between unbounded preceding and 1 preceding
            ), true
        ) as begins_anew
    from events
    where kind = 'request'
    window earlier as (
        partition by person_id, organisation, client_type
        order by started_on, ended_on nulls last, social_care_event_id
    )
),

clusters as (
    select
        social_care_event_id,
        max(started_on) filter (where begins_anew) over (
            partition by person_id, organisation, client_type
            order by started_on, ended_on nulls last, social_care_event_id
        ) as request_began_on
    from requests
)

select
    events.social_care_event_id,
    events.person_id,
    events.organisation,
    events.feed,
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
    events.source_rows,
    clusters.request_began_on
from events
left join clusters on clusters.social_care_event_id = events.social_care_event_id
