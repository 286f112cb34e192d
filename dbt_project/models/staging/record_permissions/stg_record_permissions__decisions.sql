-- One row for each decision about whether a person's shared record may be shown, in each delivery.
select
    {{ delivery_columns() }},
    {{ clean_text('decision_reference') }} as decision_id,
    {{ clean_text('person_reference') }} as local_person_id,
    {{ clean_nhs_number('nhs_number') }} as nhs_number,
    {{ clean_text('forename') }} as forename,
    {{ clean_text('surname') }} as surname,
    {{ clean_date('date_of_birth') }} as born_on,
    {{ clean_sex('sex') }} as sex_code,
    {{ clean_postcode('postcode') }} as postcode,
    lower({{ clean_text('state') }}) as state_code,
    {{ clean_date('decided_on') }} as decided_on,
    {{ clean_moment('decided_on', 'decided_at') }} as decided_at,
    lower({{ clean_text('decided_by') }}) as decided_by_code,
    lower({{ clean_text('capacity') }}) as capacity_code,
    lower({{ clean_text('scope') }}) as scope_code,
    {{ clean_code('contributing_organisation') }} as contributing_organisation_code,
    lower({{ clean_text('emergency_reason') }}) as emergency_reason_code,
    {{ clean_date('ends_on') }} as ends_on,
    {{ clean_code('recorded_by_organisation') }} as recorded_by_organisation_code
{{ from_new_deliveries('record_permissions', 'decisions') }}
