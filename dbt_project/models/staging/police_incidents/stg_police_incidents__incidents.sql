-- One row for each incident, in each delivery that tells of it.
select
    {{ delivery_columns() }},
    {{ clean_text('incident_reference') }} as incident_reference,
    {{ clean_date('occurred_date') }} as occurred_on,
    {{ clean_moment_on_any_night('occurred_date', 'occurred_time') }} as occurred_at,
    {{ clean_text('category') }} as category,
    {{ clean_boolean('domestic_abuse') }} as is_domestic_abuse,
    {{ clean_postcode('postcode') }} as postcode,
    {{ clean_uprn('uprn') }} as uprn,
    {{ clean_text('outcome') }} as outcome
{{ from_new_deliveries('police_incidents', 'incidents') }}
