-- One row for each tenancy, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('tenancy_reference') }} as tenancy_reference,
    {{ clean_text('arrears_band') }} as arrears_band,
    {{ clean_date('as_at_date') }} as as_at_on
{{ from_new_deliveries('housing_support', 'arrears') }}
