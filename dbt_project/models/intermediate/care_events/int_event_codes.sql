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

union all

select
    'attendance/' || appointments.feed || '/' || appointments.attendance_id as care_event_id,
    coded.code_system,
    coded.code
from {{ ref('int_outpatient_attendances') }} as appointments
cross join lateral (
    select 'ICD-10' as code_system, unnest(appointments.diagnosis_codes) as code
    union all
    select 'OPCS-4' as code_system, unnest(appointments.procedure_codes) as code
) as coded
where appointments.superseded_at is null
    and {{ left_out_of_attendances('appointment_on') }} is null
    and coded.code is not null

union all

-- What a row of an appointment says of the clinic itself stands beside the view above, which is about its lists.
select
    'attendance/' || appointments.feed || '/' || appointments.attendance_id as care_event_id,
    coded.code_system,
    coded.code
from {{ ref('stg_outpatients__attendances') }} as appointments
cross join lateral (
    values
        ('treatment function', appointments.treatment_function_code),
        ('main specialty', appointments.specialty_code),
        ('clinic', appointments.clinic_code),
        ('site', appointments.site_code),
        ('HRG', appointments.hrg_code)
) as coded (code_system, code)
where appointments.superseded_at is null
    and {{ left_out_of_attendances('appointment_on') }} is null
    and coded.code is not null

union all

-- A department's own lists name their attendance by the record that they came with.
select
    'attendance/' || attendances.feed || '/' || attendances.attendance_id as care_event_id,
    'SNOMED CT' as code_system,
    coded.code
from {{ ref('stg_ecds__attendances') }} as attendances
inner join (
    select delivery_id, record_id, diagnosis_code as code from {{ ref('stg_ecds__diagnoses') }}
    union all
    select delivery_id, record_id, investigation_code as code from {{ ref('stg_ecds__investigations') }}
    union all
    select delivery_id, record_id, treatment_code as code from {{ ref('stg_ecds__treatments') }}
) as coded on coded.delivery_id = attendances.delivery_id and coded.record_id = attendances.record_id
where attendances.superseded_at is null
    and {{ left_out_of_attendances('arrived_on') }} is null
    and coded.code is not null

union all

select
    'attendance/' || attendances.feed || '/' || attendances.attendance_id as care_event_id,
    coded.code_system,
    coded.code
from {{ ref('stg_ecds__attendances') }} as attendances
cross join lateral (
    values
        ('SNOMED CT', attendances.chief_complaint_code),
        ('SNOMED CT', attendances.injury_mechanism_code),
        ('treatment function', attendances.admitting_treatment_function_code),
        ('site', attendances.site_code),
        ('HRG', attendances.hrg_code)
) as coded (code_system, code)
where attendances.superseded_at is null
    and {{ left_out_of_attendances('arrived_on') }} is null
    and coded.code is not null

union all

-- A diagnosis that stands at a referral is held back with the referral and with every contact that followed from it. Referrals
-- are told month by month: what is told of one again stands here once.
select
    events.care_event_id,
    coded.code_system,
    coded.code
from (
    select
        'referral/' || referral_id as care_event_id,
        referral_id
    from {{ ref('int_referrals') }}
    union all
    select
        'contact/' || contact_id as care_event_id,
        referral_id
    from {{ ref('int_contacts') }}
    union all
    select
        care_event_id,
        referral_id
    from {{ ref('int_other_events') }}
    where referral_id is not null
) as events
inner join (
    {%- for format in ('csds', 'mhsds') %}
    {%- for list in ('primary', 'secondary') %}
    select feed || '/' || referral_id as referral_id, {{ code_system_of_scheme('diagnosis_scheme_code') }} as code_system,
        diagnosis_code as code
    from {{ ref('stg_' ~ format ~ '__' ~ list ~ '_diagnoses') }}
    where superseded_at is null
    union
    {%- endfor %}
    select feed || '/' || referral_id as referral_id, 'team type' as code_system, team_type_code as code
    from {{ ref('stg_csds__service_types' if format == 'csds' else 'int_mental_health_referral_teams') }}
    where superseded_at is null
    {{ 'union' if not loop.last }}
    {%- endfor %}
    union
    select feed || '/' || referral_id as referral_id, {{ code_system_of_scheme('diagnosis_scheme_code') }} as code_system,
        diagnosis_code as code
    from {{ ref('stg_csds__provisional_diagnoses') }}
    where superseded_at is null
) as coded on coded.referral_id = events.referral_id
where coded.code is not null

union all

select
    'contact/' || contacts.contact_id as care_event_id,
    'SNOMED CT' as code_system,
    coded.code
from {{ ref('stg_csds__care_activities') }} as activities
inner join {{ ref('int_contacts') }} as contacts on contacts.contact_id = activities.feed || '/' || activities.contact_id
cross join lateral (
    values (activities.procedure_code), (activities.finding_code), (activities.observation_code)
) as coded (code)
where activities.superseded_at is null and coded.code is not null
