-- One row for each disability of a patient, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('localpatientid') }} as local_person_id,
    {{ clean_code('disability') }} as disability_code,
    {{ clean_code('disabilityimpactperception') }} as disability_impact_code
{{ from_new_deliveries('csds', 'disabilities') }}
