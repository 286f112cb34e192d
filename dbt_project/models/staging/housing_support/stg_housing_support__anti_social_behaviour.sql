-- One row for each case of anti-social behaviour and home, in each delivery that tells of it.
select
    {{ delivery_columns() }},
    {{ clean_text('case_reference') }} as case_reference,
    {{ clean_text('tenancy_reference') }} as tenancy_reference,
    {{ clean_text('role') }} as role,
    {{ clean_text('category') }} as category,
    {{ clean_date('opened_date') }} as opened_on,
    {{ clean_date('closed_date') }} as closed_on
{{ from_new_deliveries('housing_support', 'anti_social_behaviour') }}
