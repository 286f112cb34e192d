-- One row for each alert about a person, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('alert_reference') }} as alert_reference,
    {{ clean_text('person_reference') }} as local_person_id,
    {{ clean_text('tenancy_reference') }} as tenancy_reference,
    {{ clean_code('alert_code') }} as alert_code,
    {{ clean_date('start_date') }} as started_on,
    {{ clean_date('end_date') }} as ended_on
{{ from_new_deliveries('housing_support', 'alerts') }}
