-- One row for each problem of a patient, in each delivery that tells of it.
select
    {{ delivery_columns() }},
    {{ clean_code('practice_code') }} as gp_practice_code,
    {{ clean_text('problem_id') }} as problem_id,
    {{ clean_code('practice_code') }} || '/' || {{ clean_text('patient_id') }} as local_person_id,
    {{ clean_text('code') }} as problem_code,
    {{ clean_text('code_system') }} as code_system,
    {{ clean_text('term') }} as term,
    {{ clean_date('onset_date') }} as onset_on,
    {{ clean_date('ended_date') }} as ended_on,
    {{ clean_text('significance') }} as significance,
    {{ clean_boolean('deleted') }} as is_deleted
{{ from_new_deliveries('gp_summary', 'problems') }}
