-- One row for each area that one service serves, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('id') }} as service_area_id,
    {{ clean_text('service_id') }} as service_id,
    {{ clean_text('name') }} as name
{{ from_new_deliveries('open_referral', 'service_areas') }}
