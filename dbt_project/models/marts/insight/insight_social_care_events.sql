-- One row for each event of adult social care, under its person's pseudonym.
select
    events.person_id as guard_person_id,
    'social care/' || events.social_care_event_id as guard_care_event_id,
    events.feed as guard_feed,
    jsonb_strip_nulls(jsonb_build_object('age_band', shown.guard_told_by -> 'age_band')) as guard_told_by,
    events.organisation,
    events.kind,
    {{ month_of('events.started_on') }} as started_month,
    {{ month_of('events.ended_on') }} as ended_month,
    events.is_open,
    {{ known_code('events.client_type', 'cld', 'client_type') }} as client_type,
    {{ known_code('events.primary_support_reason', 'cld', 'primary_support_reason') }} as primary_support_reason,
    {{ known_code('events.route_of_access', 'cld', 'route_of_access') }} as route_of_access,
    {{ known_code('events.assessment_type', 'cld', 'assessment_type') }} as assessment_type,
    {{ known_code('events.service_type', 'cld', 'service_type') }} as service_type,
    {{ known_code('events.service_component', 'cld', 'service_component') }} as service_component,
    {{ known_code('events.delivery_mechanism', 'cld', 'delivery_mechanism') }} as delivery_mechanism,
    {{ known_code('events.outcome', 'cld', 'event_outcome') }} as outcome,
    {{ age_band_as_widened('shown', age_band('shown.guard_born_on', 'events.started_on')) }} as age_band
from {{ ref('social_care_events') }} as events
inner join {{ ref('insight_persons') }} as shown on shown.guard_person_id = events.person_id
