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
    discharged_at as ended_at,
    'hospital' as service,
    provider_code,
    cast(null as text) as referral_id
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
    cast(null as timestamptz) as ended_at,
    'adult social care' as service,
    cast(null as text) as provider_code,
    cast(null as text) as referral_id
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
    cast(null as timestamptz) as ended_at,
    'children''s social care' as service,
    cast(null as text) as provider_code,
    cast(null as text) as referral_id
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
    cast(null as timestamptz) as ended_at,
    'housing' as service,
    cast(null as text) as provider_code,
    cast(null as text) as referral_id
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
    cast(null as timestamptz) as ended_at,
    'general practice' as service,
    provider_code,
    cast(null as text) as referral_id
from {{ ref('int_gp_events') }}

union all

select
    'referral/' || referral_id as care_event_id,
    person_record_id,
    organisation,
    feed,
    'referral' as kind,
    cast(null as text) as detail,
    referred_on as started_on,
    referred_at as started_at,
    coalesce(rejected_on, closed_on) as ended_on,
    cast(null as timestamptz) as ended_at,
    service,
    provider_code,
    referral_id
from {{ ref('int_referrals') }}

union all

select
    'contact/' || contact_id as care_event_id,
    person_record_id,
    organisation,
    feed,
    'contact' as kind,
    attendance as detail,
    contact_on as started_on,
    contact_at as started_at,
    contact_on as ended_on,
    contact_at + make_interval(mins => duration_minutes) as ended_at,
    service,
    provider_code,
    referral_id
from {{ ref('int_contacts') }}

union all

select
    'attendance/' || attendance_id as care_event_id,
    person_record_id,
    organisation,
    feed,
    case source when 'outpatients' then 'outpatient appointment' else 'attendance' end as kind,
    case source when 'outpatients' then attendance else service end as detail,
    attended_on as started_on,
    arrived_at as started_at,
    coalesce(cast(departed_at at time zone 'Europe/London' as date), attended_on) as ended_on,
    departed_at as ended_at,
    service,
    provider_code,
    cast(null as text) as referral_id
from {{ ref('int_attendances') }}

union all

select
    care_event_id,
    person_record_id,
    organisation,
    feed,
    kind,
    detail,
    started_on,
    started_at,
    ended_on,
    ended_at,
    service,
    provider_code,
    referral_id
from {{ ref('int_other_events') }}
