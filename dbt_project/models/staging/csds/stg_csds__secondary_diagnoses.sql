-- One row for each secondary diagnosis in a referral, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('servicerequestid') }} as referral_id,
    {{ clean_code('diagnosis_scheme') }} as diagnosis_scheme_code,
    {{ clean_code('secondarydiagnosis') }} as diagnosis_code,
    {{ clean_date('secondarydiagnosis_date') }} as diagnosed_on
{{ from_new_deliveries('csds', 'secondary_diagnoses') }}
