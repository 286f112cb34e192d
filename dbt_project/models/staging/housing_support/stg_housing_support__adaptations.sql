-- One row for each adaptation, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('adaptation_reference') }} as adaptation_reference,
    {{ clean_text('property_reference') }} as property_reference,
    {{ clean_uprn('uprn') }} as uprn,
    {{ clean_text('tenancy_reference') }} as tenancy_reference,
    {{ clean_text('adaptation_type') }} as adaptation_type,
    {{ clean_date('requested_date') }} as requested_on,
    {{ clean_date('completed_date') }} as completed_on,
    {{ clean_date('removed_date') }} as removed_on
{{ from_new_deliveries('housing_support', 'adaptations') }}
