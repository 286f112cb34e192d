-- One row for each result of a test, in each delivery that tells of it.
select
    {{ delivery_columns() }},
    {{ clean_code('practice_code') }} as gp_practice_code,
    {{ clean_text('result_id') }} as result_id,
    {{ clean_code('practice_code') }} || '/' || {{ clean_text('patient_id') }} as local_person_id,
    {{ clean_text('code') }} as test_code,
    {{ clean_text('code_system') }} as code_system,
    {{ clean_text('term') }} as term,
    {{ clean_date('result_date') }} as result_on,
    {{ clean_numeric('value') }} as value,
    {{ clean_text('unit') }} as unit,
    {{ clean_text('value_in_words') }} as value_in_words,
    {{ clean_boolean('abnormal') }} as is_abnormal,
    {{ clean_boolean('deleted') }} as is_deleted
{{ from_new_deliveries('gp_summary', 'results') }}
