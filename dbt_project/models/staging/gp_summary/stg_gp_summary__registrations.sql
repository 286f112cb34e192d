-- One row for each registration of a patient with a practice, in each delivery that tells of it.
select
    {{ delivery_columns() }},
    {{ clean_code('practice_code') }} as gp_practice_code,
    {{ clean_code('practice_code') }} || '/' || {{ clean_text('patient_id') }} as local_person_id,
    {{ clean_nhs_number('nhs_number') }} as nhs_number,
    {{ clean_text('forename') }} as forename,
    {{ clean_text('surname') }} as surname,
    {{ clean_date('date_of_birth') }} as born_on,
    {{ clean_sex('sex') }} as sex_code,
    {{ clean_text('address') }} as address,
    {{ clean_postcode('postcode') }} as postcode,
    {{ clean_text('phone') }} as phone,
    {{ clean_date('died_date') }} as died_on,
    {{ clean_date('registered_from') }} as registered_on,
    {{ clean_date('registered_to') }} as deregistered_on,
    {{ clean_text('type_1_opt_out_code') }} as type_1_opt_out_code,
    {{ clean_date('type_1_opt_out_date') }} as type_1_opt_out_on,
    {{ clean_boolean('deleted') }} as is_deleted
{{ from_new_deliveries('gp_summary', 'registrations') }}
