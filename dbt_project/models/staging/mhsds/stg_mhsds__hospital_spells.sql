-- One row for each stay in a mental health hospital, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('hospprovspellid') }} as spell_id,
    {{ clean_text('servicerequestid') }} as referral_id,
    {{ clean_date('startdatehospprovspell') }} as admitted_on,
    {{ clean_moment('startdatehospprovspell', 'starttimehospprovspell') }} as admitted_at,
    {{ clean_date('decidedtoadmitdate') }} as decided_to_admit_on,
    {{ clean_code('sourceadmmhhospprovspell') }} as admission_source_code,
    {{ clean_code('methadmmhhospprovspell') }} as admission_method_code,
    {{ clean_date('estimateddischdatehospprovspell') }} as estimated_discharge_on,
    {{ clean_date('planneddischdatehospprovspell') }} as planned_discharge_on,
    {{ clean_code('planneddestdisch') }} as planned_discharge_destination_code,
    {{ clean_date('dischdatehospprovspell') }} as discharged_on,
    {{ clean_moment('dischdatehospprovspell', 'dischtimehospprovspell') }} as discharged_at,
    {{ clean_code('methofdischmhhospprovspell') }} as discharge_method_code,
    {{ clean_code('destofdischhospprovspell') }} as discharge_destination_code
{{ from_new_deliveries('mhsds', 'hospital_spells') }}
