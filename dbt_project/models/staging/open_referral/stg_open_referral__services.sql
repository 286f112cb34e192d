-- One row for each service of one organisation, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('id') }} as service_id,
    {{ clean_text('organization_id') }} as organisation_id,
    {{ clean_text('name') }} as name,
    {{ clean_text('url') }} as website,
    {{ clean_text('email') }} as email,
    lower({{ clean_text('status') }}) as status,
    {{ clean_numeric('minimum_age') }} as minimum_age_years,
    {{ clean_numeric('maximum_age') }} as maximum_age_years,
    {{ clean_date('assured_date') }} as assured_on,
    {{ clean_timestamp('last_modified') }} as changed_at
{{ from_new_deliveries('open_referral', 'services') }}
