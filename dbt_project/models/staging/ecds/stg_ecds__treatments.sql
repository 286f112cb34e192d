-- One row for each treatment of an attendance, in each delivery that reported it.
select
    {{ delivery_columns() }},
    {{ clean_text('primarykey_id') }} as record_id,
    {{ clean_integer('snomed_id') }} as entry_id,
    {{ clean_snomed_ct('code') }} as treatment_code,
    {{ clean_date('date') }} as performed_on
{{ from_new_deliveries('ecds', 'treatments') }}
