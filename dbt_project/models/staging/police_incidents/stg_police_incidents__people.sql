-- One row for each person and their part in an incident, in each delivery that tells of it.
select
    {{ delivery_columns() }},
    {{ clean_text('incident_reference') }} as incident_reference,
    {{ clean_text('person_reference') }} as local_person_id,
    {{ clean_text('role') }} as role,
    {{ clean_text('forename') }} as forename,
    {{ clean_text('surname') }} as surname,
    {{ clean_date('date_of_birth') }} as born_on,
    {{ clean_sex('sex') }} as sex_code,
    {{ clean_postcode('postcode') }} as postcode,
    {{ clean_boolean('mental_health') }} as has_mental_health_concern,
    {{ clean_boolean('alcohol_or_drugs') }} as has_alcohol_or_drugs_concern,
    {{ clean_boolean('adult_at_risk') }} as is_adult_at_risk,
    {{ clean_boolean('child_at_risk') }} as is_child_at_risk,
    {{ clean_boolean('repeat_victim') }} as is_repeat_victim,
    {{ clean_boolean('missing') }} as is_missing,
    {{ clean_boolean('marac_referral') }} as has_marac_referral
{{ from_new_deliveries('police_incidents', 'people') }}
