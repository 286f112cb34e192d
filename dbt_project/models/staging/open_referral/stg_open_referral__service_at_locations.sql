-- One row for each service at one place, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('id') }} as service_at_location_id,
    {{ clean_text('service_id') }} as service_id,
    {{ clean_text('location_id') }} as location_id
{{ from_new_deliveries('open_referral', 'service_at_locations') }}
