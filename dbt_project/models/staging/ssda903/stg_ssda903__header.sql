-- One row for each child looked after in the year of the return.
select
    {{ delivery_columns() }},
    {{ clean_text('child') }} as local_person_id,
    {{ clean_ssda903_sex('sex', 'format_version') }} as sex_code,
    {{ clean_date('dob') }} as born_on,
    {{ clean_code('ethnic') }} as ethnicity_code
{{ from_new_deliveries('ssda903', 'header') }}
