-- One row for each provisional diagnosis in a referral, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('servicerequestid') }} as referral_id,
    {{ clean_code('diagnosis_scheme') }} as diagnosis_scheme_code,
    {{ clean_code('provisionaldiagnosis') }} as diagnosis_code,
    {{ clean_date('provisionaldiagnosis_date') }} as diagnosed_on
{{ from_new_deliveries('csds', 'provisional_diagnoses') }}
