-- One row for each diagnosis of an attendance, in each delivery that reported it.
select
    {{ delivery_columns() }},
    {{ clean_text('primarykey_id') }} as record_id,
    {{ clean_integer('snomed_id') }} as entry_id,
    {{ clean_snomed_ct('code') }} as diagnosis_code,
    {{ clean_integer('sequence_number') }} as position,
    {{ clean_snomed_ct('qualifier') }} as qualifier_code,
    {{ clean_boolean('is_primary') }} as is_primary
{{ from_new_deliveries('ecds', 'diagnoses') }}
