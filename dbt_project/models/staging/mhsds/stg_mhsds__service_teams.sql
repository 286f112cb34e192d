-- One row for each team of the provider, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('careprofteamlocalid') }} as team_id,
    {{ clean_code('orgidcareprofteamlocalid') }} as team_organisation_code,
    {{ clean_code('servteamtypemh') }} as team_type_code,
    {{ clean_code('servteamintagegroup') }} as intended_age_group_code
{{ from_new_deliveries('mhsds', 'service_teams') }}
