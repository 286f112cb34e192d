-- One row for each patient, as the month describes them, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('localpatientid') }} as local_person_id,
    {{ clean_nhs_number('nhsnumber') }} as nhs_number,
    {{ clean_code('nhsnumberstatus') }} as nhs_number_status_code,
    {{ clean_date('personbirthdate') }} as born_on,
    {{ clean_postcode('postcode') }} as postcode,
    {{ clean_sex('gender') }} as sex_code,
    {{ clean_code('ethniccategory') }} as ethnicity_code,
    {{ clean_code('languagecodepreferred') }} as preferred_language_code,
    {{ clean_date('persdeathdate') }} as died_on
{{ from_new_deliveries('mhsds', 'mpi') }}
