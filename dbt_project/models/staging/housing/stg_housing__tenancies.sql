-- One row for each tenancy, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('tenancy_reference') }} as tenancy_reference,
    {{ clean_text('property_reference') }} as property_reference,
    {{ clean_uprn('uprn') }} as uprn,
    {{ clean_text('address') }} as address,
    {{ clean_postcode('postcode') }} as postcode,
    {{ clean_text('tenure') }} as tenure,
    {{ clean_boolean('sheltered') }} as is_sheltered,
    {{ clean_date('tenancy_start_date') }} as started_on,
    {{ clean_date('tenancy_end_date') }} as ended_on,
    {{ clean_text('main_tenant_reference') }} as main_local_person_id
{{ from_new_deliveries('housing', 'tenancies') }}
