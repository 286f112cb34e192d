-- One row for each submission of a provider, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_code('datsetver') }} as data_set_version_code,
    {{ clean_code('orgidprovider') }} as provider_code,
    {{ clean_date('reportingperiodstartdate') }} as reported_from_on,
    {{ clean_date('reportingperiodenddate') }} as reported_to_on,
    {{ clean_timestamp('datetimedatsetcreate') }} as created_at
{{ from_new_deliveries('mhsds', 'header') }}
