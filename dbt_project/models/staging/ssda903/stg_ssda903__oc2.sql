-- One row for each child looked after for the whole year.
select
    {{ delivery_columns() }},
    {{ clean_text('child') }} as local_person_id,
    {{ clean_integer('sdq_score') }} as sdq_score,
    {{ clean_code('sdq_reason') }} as sdq_reason_code,
    {{ clean_boolean('health_check') }} as has_health_check,
    {{ clean_boolean('immunisations') }} as has_immunisations,
    {{ clean_boolean('teeth_check') }} as has_teeth_check,
    {{ clean_boolean('health_assessment') }} as has_health_assessment,
    {{ clean_boolean('substance_misuse') }} as has_substance_misuse,
    {{ clean_boolean('intervention_received') }} as has_received_intervention,
    {{ clean_boolean('intervention_offered') }} as has_been_offered_intervention
{{ from_new_deliveries('ssda903', 'oc2') }}
