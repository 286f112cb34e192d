-- One row for each patient whose circumstances are known, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('localpatientid') }} as local_person_id,
    {{ clean_boolean('parentalresp') }} as has_parental_responsibilities,
    {{ clean_boolean('youngcarer') }} as is_young_carer,
    {{ clean_boolean('lacstatus') }} as is_looked_after,
    {{ clean_code('laclegalstatus') }} as looked_after_legal_status_code,
    {{ clean_code('cpp') }} as child_protection_plan_code,
    {{ clean_boolean('reasonableadjustmentind') }} as has_reasonable_adjustments,
    {{ clean_code('ldstatus') }} as learning_disability_status_code,
    {{ clean_code('autismstatus') }} as autism_status_code
{{ from_new_deliveries('mhsds', 'patient_indicators') }}
