-- One row for each further diagnosis of a referral, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('servicerequestid') }} as referral_id,
    {{ clean_code('diagschemeinuse') }} as diagnosis_scheme_code,
    {{ clean_code('secdiag') }} as diagnosis_code,
    {{ clean_date("left(btrim(codeddiagtimestamp), 10)") }} as diagnosed_on,
    {{ clean_timestamp('codeddiagtimestamp') }} as diagnosed_at
{{ from_new_deliveries('mhsds', 'secondary_diagnoses') }}
