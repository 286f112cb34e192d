-- One row for each address of one place, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('id') }} as address_id,
    {{ clean_text('location_id') }} as location_id,
    {{ clean_text('address_1') }} as address_line_1,
    {{ clean_text('city') }} as town,
    {{ clean_postcode('postal_code') }} as postcode,
    lower({{ clean_text('address_type') }}) as address_type
{{ from_new_deliveries('open_referral', 'addresses') }}
