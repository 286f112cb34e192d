-- One row for each code of each care event, in whatever position and telling in force it stands; a code may stand there twice.
-- What `governance.restricted_event` is made from: a code that is left out here is not held back.
{{ config(materialized='view') }}

select
    'stay/' || episodes.organisation || '/' || episodes.spell_number as care_event_id,
    coded.code_system,
    coded.code
from {{ ref('int_hospital_episodes') }} as episodes
cross join lateral (
    select 'ICD-10' as code_system, unnest(episodes.diagnosis_codes) as code
    union all
    select 'OPCS-4' as code_system, unnest(episodes.procedure_codes) as code
    union all
    values
        ('treatment function', episodes.treatment_function_code),
        ('main specialty', episodes.specialty_code),
        ('site', episodes.site_code),
        ('HRG', episodes.spell_hrg_code)
) as coded
where episodes.superseded_at is null
    and {{ left_out_of_hospital_stays() }} is null
    and coded.code is not null

union all

select
    'gp/' || gp_event_id as care_event_id,
    case lower(code_system)
        when 'snomed ct' then 'SNOMED CT'
        when 'read v2' then 'Read v2'
        when 'ctv3' then 'CTV3'
        else 'not known'
    end as code_system,
    code
from {{ ref('int_gp_events') }}
where code is not null

union all

select
    'social care/' || events.social_care_event_id as care_event_id,
    'CLD' as code_system,
    coded.code
from {{ ref('int_social_care_events') }} as events
cross join lateral (
    values (events.client_type), (events.primary_support_reason), (events.service_type), (events.service_component)
) as coded (code)
where coded.code is not null

union all

select
    'looked after/' || episodes.looked_after_episode_id as care_event_id,
    'SSDA903' as code_system,
    coded.code
from {{ ref('int_looked_after_episodes') }} as episodes
cross join lateral (
    values
        (episodes.reason_for_new_episode_code),
        (episodes.legal_status_code),
        (episodes.need_code),
        (episodes.placement_code),
        (episodes.reason_ceased_code)
) as coded (code)
where coded.code is not null
