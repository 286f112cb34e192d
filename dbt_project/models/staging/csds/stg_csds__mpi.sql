-- One row for each patient of a community provider, in each month that describes them.
select
    {{ delivery_columns() }},
    {{ clean_text('localpatientid') }} as local_person_id,
    {{ clean_code('orgid_localpatientid') }} as local_person_id_issuer_code,
    {{ clean_nhs_number('nhsnumber') }} as nhs_number,
    {{ clean_code('nhsnumber_status') }} as nhs_number_status_code,
    {{ clean_date('dateofbirth') }} as born_on,
    {{ clean_date('dateofdeath') }} as died_on,
    {{ clean_postcode('postcode') }} as postcode,
    {{ clean_sex('gender') }} as sex_code,
    {{ clean_code('ethniccategory') }} as ethnicity_code,
    {{ clean_code('ethniccategory2021') }} as ethnicity_2021_code,
    {{ clean_code('languagepreferred') }} as preferred_language_code,
    {{ clean_boolean('childlookedafter_indicator') }} as is_looked_after,
    {{ clean_boolean('safeguarding_indicator') }} as is_vulnerable,
    {{ clean_boolean('disability_supervisionandcare_indicator') }} as has_constant_care_need
{{ from_new_deliveries('csds', 'mpi') }}
