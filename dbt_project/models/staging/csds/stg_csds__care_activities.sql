-- One row for each activity in a contact, in each delivery that reported it.
select
    {{ delivery_columns() }},
    {{ clean_text('careactivityid') }} as activity_id,
    {{ clean_text('carecontactid') }} as contact_id,
    {{ clean_code('activity_type') }} as activity_type_code,
    {{ clean_integer('careactivity_duration') }} as duration_minutes,
    {{ clean_code('procedure_scheme') }} as procedure_scheme_code,
    {{ clean_code('codedprocedure') }} as procedure_code,
    {{ clean_code('finding_scheme') }} as finding_scheme_code,
    {{ clean_code('codedfinding') }} as finding_code,
    {{ clean_code('observation_scheme') }} as observation_scheme_code,
    {{ clean_code('codedobservation') }} as observation_code,
    {{ clean_text('observationvalue') }} as observation_value,
    {{ clean_text('uc_unitofmeasurement') }} as observation_unit
{{ from_new_deliveries('csds', 'care_activities') }}
