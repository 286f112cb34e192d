-- One row for each care event of a person, whatever its kind.
-- The list of what counts as care: one entry for each kind of event.
select
    'stay/' || hospital_stay_id as care_event_id,
    person_record_id,
    organisation,
    feed,
    'hospital stay' as kind,
    {{ admission_kind('admission_method_code') }} as detail,
    admitted_on as started_on,
    admitted_at as started_at,
    discharged_on as ended_on,
    discharged_at as ended_at
from {{ ref('int_hospital_stays') }}

union all

select
    'social care/' || social_care_event_id as care_event_id,
    person_record_id,
    organisation,
    feed,
    'social care ' || kind as kind,
    coalesce(service_component, service_type, assessment_type, route_of_access, review_reason) as detail,
    started_on,
    cast(null as timestamptz) as started_at,
    ended_on,
    cast(null as timestamptz) as ended_at
from {{ ref('int_social_care_events') }}

union all

select
    'looked after/' || looked_after_episode_id as care_event_id,
    person_record_id,
    organisation,
    feed,
    'looked after' as kind,
    placement_code as detail,
    started_on,
    cast(null as timestamptz) as started_at,
    ended_on,
    cast(null as timestamptz) as ended_at
from {{ ref('int_looked_after_episodes') }}

union all

select
    'tenancy/' || tenancy_id as care_event_id,
    person_record_id,
    organisation,
    feed,
    'tenancy' as kind,
    tenure as detail,
    started_on,
    cast(null as timestamptz) as started_at,
    ended_on,
    cast(null as timestamptz) as ended_at
from {{ ref('int_tenancies') }}

union all

select
    'gp/' || gp_event_id as care_event_id,
    person_record_id,
    organisation,
    feed,
    'GP ' || kind as kind,
    detail,
    started_on,
    started_at,
    ended_on,
    cast(null as timestamptz) as ended_at
from {{ ref('int_gp_events') }}
