-- One row for each person, cohort and span of days in it: from the first evidence until what the cohort's rule says.
-- A lasting condition holds two years from each evidence of it; what is an episode of care holds while it goes on. Spans that touch
-- are one. Nobody is in a cohort after death.
with diagnoses as (
    select stays.person_id, stays.admitted_on as on_day, stays.admission_kind, stays.hospital_stay_id, diagnoses.diagnosis_code,
        diagnoses.position = 1 as is_primary, stays.primary_procedure_code
    from {{ ref('int_hospital_diagnoses') }} as diagnoses
    inner join {{ ref('hospital_stays') }} as stays
        on stays.hospital_stay_id = diagnoses.organisation || '/' || diagnoses.spell_number
    where 'stay/' || stays.hospital_stay_id not in (select care_event_id from {{ source('governance', 'restricted_event') }})
),

problems as (
    select membership.person_id, events.started_on as on_day, events.ended_on, events.code_system, events.code
    from {{ ref('int_gp_events') }} as events
    inner join {{ source('person_index', 'membership_in_build') }} as membership
        on membership.person_record_id = events.person_record_id
    where events.kind = 'problem' and events.started_on is not null
),

-- ICD-10: asthma J45 and J46, COPD J40 to J44 and J47, acute infection of the airways J09 to J18 and J20 to J22 as the primary
-- diagnosis. Read and CTV3: H33 asthma, H3 else COPD; SNOMED CT: the two concepts that general practice records most (recalled).
evidence as (
    select person_id, 'frailty' as cohort, admitted_on as from_on, cast(admitted_on + interval '2 years' as date) as until_on
    from {{ ref('frailty') }}
    where score >= 5

    union all

    select person_id, 'asthma', on_day, cast(on_day + interval '2 years' as date)
    from diagnoses
    where diagnosis_code ~ '^J4[56]'

    union all

    select person_id, 'COPD', on_day, cast(on_day + interval '2 years' as date)
    from diagnoses
    where diagnosis_code ~ '^J4[0-47]'

    union all

    select person_id, 'acute respiratory infection', on_day, on_day + 30
    from diagnoses
    where is_primary and diagnosis_code ~ '^J(09|1[0-8]|2[0-2])'

    union all

    select person_id, case when code = '195967001' or code like 'H33%' then 'asthma' else 'COPD' end, on_day, ended_on
    from problems
    where code in ('195967001', '13645005')
        or lower(code_system) in ('read v2', 'ctv3') and (code like 'H33%' or code ~ '^H3[.1246z]')

    union all

    select diagnoses.person_id, 'ambulatory care sensitive', diagnoses.on_day, diagnoses.on_day + 30
    from diagnoses
    inner join {{ ref('default_ambulatory_care_codes') }} as conditions
        on diagnoses.diagnosis_code ~ ('^(' || conditions.icd10_pattern || ')')
        and (diagnoses.is_primary or not conditions.is_primary_only)
        and (
            conditions.procedure_excludes_pattern is null
            or diagnoses.primary_procedure_code is null
            or diagnoses.primary_procedure_code !~ ('^(' || conditions.procedure_excludes_pattern || ')')
        )
    where diagnoses.admission_kind = 'emergency'

    union all

    select person_id, case service when 'mental health' then 'adult mental health' else service end, referred_on, closed_on
    from {{ ref('referrals') }}
    where service in ('mental health', 'children''s mental health') and rejected_on is null

    union all

    select person_id, 'looked after', started_on, ended_on
    from {{ ref('looked_after_episodes') }}

    union all

    select person_id, 'adult social care', started_on, ended_on
    from {{ ref('social_care_events') }}
    where kind = 'service'
),

spans as (
    select
        evidence.person_id,
        evidence.cohort,
        unnest(range_agg(daterange(
            evidence.from_on, least(evidence.until_on, persons.died_on, cast('infinity' as date)), '[]'
        ))) as days
    from evidence
    inner join {{ ref('persons') }} as persons on persons.person_id = evidence.person_id
    where evidence.from_on <= least(evidence.until_on, persons.died_on, cast('infinity' as date))
    group by evidence.person_id, evidence.cohort
)

select
    person_id,
    cohort,
    lower(days) as entered_on,
    case when upper(days) - 1 < {{ as_at_day() }} then upper(days) - 1 end as left_on
from spans
