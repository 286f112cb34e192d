-- One row for each NHS number that may be used beyond the person's own care, in each answer.
select
    {{ delivery_columns() }},
    {{ clean_nhs_number('nhs_number') }} as nhs_number
{{ from_new_deliveries('national_data_opt_outs', 'numbers') }}
