-- One row for each place, real or online, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('id') }} as location_id,
    lower({{ clean_text('location_type') }}) as location_type,
    {{ clean_text('name') }} as name,
    {{ clean_text('external_identifier') }} as external_identifier,
    {{ clean_code('external_identifier_type') }} as external_identifier_type
{{ from_new_deliveries('open_referral', 'locations') }}
