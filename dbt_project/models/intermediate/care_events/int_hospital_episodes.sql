-- One row for each staged consultant episode, with its diagnoses and procedures in whichever way they came.
-- A reader that takes none of the lists does not pay for them: PostgreSQL leaves out joins that nobody looks at.
{{ config(materialized='view') }}

with diagnoses as (
    select
        delivery_id,
        record_id,
        episode_id,
        array_agg(diagnosis_code order by position, line_number) as diagnosis_codes,
        array_agg(diagnosis_mark order by position, line_number) as diagnosis_marks
    from {{ ref('stg_apc__diagnoses') }}
    group by delivery_id, record_id, episode_id
),

procedures as (
    select
        delivery_id,
        record_id,
        episode_id,
        array_agg(procedure_code order by position, line_number) as procedure_codes,
        array_agg(performed_on order by position, line_number) as procedure_dates
    from {{ ref('stg_apc__procedures') }}
    group by delivery_id, record_id, episode_id
)

select
    episodes.delivery_id,
    episodes.line_number,
    episodes.organisation,
    episodes.feed,
    episodes.period_end,
    episodes.superseded_at,
    episodes.changed_by_build_id,
    episodes.local_person_id,
    episodes.spell_number,
    episodes.episode_number,
    episodes.episode_started_on,
    episodes.admitted_on,
    episodes.admitted_at,
    episodes.discharge_ready_on,
    episodes.discharged_on,
    episodes.discharged_at,
    episodes.admission_method_code,
    episodes.admission_source_code,
    episodes.discharge_method_code,
    episodes.discharge_destination_code,
    episodes.patient_classification_code,
    episodes.specialty_code,
    episodes.treatment_function_code,
    episodes.site_code,
    episodes.provider_code,
    episodes.commissioner_code,
    episodes.spell_hrg_code,
    coalesce(diagnoses.diagnosis_codes, episodes.diagnosis_codes) as diagnosis_codes,
    coalesce(diagnoses.diagnosis_marks, episodes.diagnosis_marks) as diagnosis_marks,
    coalesce(procedures.procedure_codes, episodes.procedure_codes) as procedure_codes,
    coalesce(procedures.procedure_dates, episodes.procedure_dates) as procedure_dates
from {{ ref('stg_apc__episodes') }} as episodes
left join diagnoses
    on diagnoses.delivery_id = episodes.delivery_id
    and diagnoses.record_id = episodes.record_id
    and diagnoses.episode_id = episodes.episode_id
left join procedures
    on procedures.delivery_id = episodes.delivery_id
    and procedures.record_id = episodes.record_id
    and procedures.episode_id = episodes.episode_id
