-- One row for each person whom the council's system knows, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('local_person_id') }} as local_person_id,
    {{ clean_nhs_number('nhs_number') }} as nhs_number,
    {{ clean_code('nhs_number_status') }} as nhs_number_status_code,
    {{ clean_text('forename') }} as forename,
    {{ clean_text('middle_name') }} as middle_name,
    {{ clean_text('surname') }} as surname,
    {{ clean_text('former_surname') }} as former_surname,
    {{ clean_date('date_of_birth') }} as born_on,
    {{ clean_sex('sex') }} as sex_code,
    {{ clean_text('address') }} as address,
    {{ clean_postcode('postcode') }} as postcode,
    {{ clean_uprn('uprn') }} as uprn,
    {{ clean_text('phone') }} as phone
{{ from_new_deliveries('person_file', 'people') }}
