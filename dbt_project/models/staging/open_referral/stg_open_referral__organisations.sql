-- One row for each voluntary, community or faith organisation, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('id') }} as organisation_id,
    {{ clean_text('name') }} as name,
    {{ clean_text('email') }} as email,
    {{ clean_text('website') }} as website,
    {{ clean_text('parent_organization_id') }} as parent_organisation_id
{{ from_new_deliveries('open_referral', 'organisations') }}
