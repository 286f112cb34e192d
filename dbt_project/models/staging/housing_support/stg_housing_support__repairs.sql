-- One row for each repair, in each delivery that tells of it.
select
    {{ delivery_columns() }},
    {{ clean_text('job_reference') }} as job_reference,
    {{ clean_text('property_reference') }} as property_reference,
    {{ clean_uprn('uprn') }} as uprn,
    {{ clean_text('tenancy_reference') }} as tenancy_reference,
    {{ clean_text('category') }} as category,
    {{ clean_text('priority') }} as priority,
    {{ clean_boolean('damp_and_mould') }} as has_damp_or_mould,
    {{ clean_date('reported_date') }} as reported_on,
    {{ clean_date('inspected_date') }} as inspected_on,
    {{ clean_date('completed_date') }} as completed_on
{{ from_new_deliveries('housing_support', 'repairs') }}
