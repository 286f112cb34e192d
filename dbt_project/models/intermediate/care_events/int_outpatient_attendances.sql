-- One row for each staged outpatient attendance, with its diagnoses and procedures in whichever way they came.
-- A reader that takes none of the lists does not pay for them: PostgreSQL leaves out joins that nobody looks at.
{{ config(materialized='view') }}

with diagnoses as (
    select
        delivery_id,
        record_id,
        array_agg(diagnosis_code order by position, line_number) as diagnosis_codes,
        array_agg(diagnosis_mark order by position, line_number) as diagnosis_marks
    from {{ ref('stg_outpatients__diagnoses') }}
    group by delivery_id, record_id
),

procedures as (
    select
        delivery_id,
        record_id,
        array_agg(procedure_code order by position, line_number) as procedure_codes,
        array_agg(performed_on order by position, line_number) as procedure_dates
    from {{ ref('stg_outpatients__procedures') }}
    group by delivery_id, record_id
)

select
    attendances.delivery_id,
    attendances.line_number,
    attendances.organisation,
    attendances.feed,
    attendances.period_end,
    attendances.superseded_at,
    attendances.changed_by_build_id,
    attendances.local_person_id,
    attendances.attendance_id,
    attendances.appointment_on,
    coalesce(diagnoses.diagnosis_codes, attendances.diagnosis_codes) as diagnosis_codes,
    coalesce(diagnoses.diagnosis_marks, attendances.diagnosis_marks) as diagnosis_marks,
    coalesce(procedures.procedure_codes, attendances.procedure_codes) as procedure_codes,
    procedures.procedure_dates
from {{ ref('stg_outpatients__attendances') }} as attendances
left join diagnoses
    on diagnoses.delivery_id = attendances.delivery_id
    and diagnoses.record_id = attendances.record_id
left join procedures
    on procedures.delivery_id = attendances.delivery_id
    and procedures.record_id = attendances.record_id
