-- One row for each diagnosis of an appointment, as SUS+ sends them, in each delivery that reported it.
select
    {{ delivery_columns() }},
    {{ clean_text('primarykey_id') }} as record_id,
    {{ clean_integer('icd_id') }} as position,
    {{ clean_icd10('code') }} as diagnosis_code,
    {{ icd10_mark('code') }} as diagnosis_mark,
    {{ clean_code('present_on_admission') }} as present_on_admission_code
{{ from_new_deliveries('outpatients', 'diagnoses') }}
