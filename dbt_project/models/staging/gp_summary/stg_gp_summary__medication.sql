-- One row for each medicine of a patient, in each delivery that tells of it.
select
    {{ delivery_columns() }},
    {{ clean_code('practice_code') }} as gp_practice_code,
    {{ clean_text('medication_id') }} as medication_id,
    {{ clean_code('practice_code') }} || '/' || {{ clean_text('patient_id') }} as local_person_id,
    {{ clean_text('code') }} as medicine_code,
    {{ clean_text('code_system') }} as code_system,
    {{ clean_text('term') }} as term,
    {{ clean_text('dose') }} as dose,
    {{ clean_text('quantity') }} as quantity,
    {{ clean_boolean('repeat') }} as is_repeat,
    {{ clean_date('started_date') }} as started_on,
    {{ clean_date('last_issued_date') }} as last_issued_on,
    {{ clean_date('ended_date') }} as ended_on,
    {{ clean_boolean('deleted') }} as is_deleted
{{ from_new_deliveries('gp_summary', 'medication') }}
