-- One row for each event of adult social care, under its person's pseudonym.
select
    pseudonyms.pseudonym,
    events.organisation,
    events.kind,
    {{ month_of('events.started_on') }} as started_month,
    {{ month_of('events.ended_on') }} as ended_month,
    events.is_open,
    events.client_type,
    events.primary_support_reason,
    events.route_of_access,
    events.assessment_type,
    events.service_type,
    events.service_component,
    events.delivery_mechanism,
    events.outcome,
    {{ age_band('persons.born_on', 'events.started_on') }} as age_band
from {{ ref('social_care_events') }} as events
inner join {{ ref('persons') }} as persons on persons.person_id = events.person_id
inner join {{ pseudonyms('planning') }} as pseudonyms on pseudonyms.person_id = events.person_id
