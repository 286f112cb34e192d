-- One row for each submission of a provider, in each delivery of its month.
select
    {{ delivery_columns() }},
    {{ clean_code('orgid_provider') }} as provider_code,
    {{ clean_code('orgid_submitter') }} as submitter_code,
    {{ clean_date('rp_startdate') }} as reported_from_on,
    {{ clean_date('rp_enddate') }} as reported_to_on
{{ from_new_deliveries('csds', 'header') }}
