-- One row for each person in the household of a tenancy, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('person_reference') }} as local_person_id,
    {{ clean_text('tenancy_reference') }} as tenancy_reference,
    {{ clean_nhs_number('nhs_number') }} as nhs_number,
    {{ clean_text('forename') }} as forename,
    {{ clean_text('surname') }} as surname,
    {{ clean_date('date_of_birth') }} as born_on,
    {{ clean_sex('gender') }} as sex_code,
    {{ clean_text('relationship_to_main_tenant') }} as relationship,
    {{ clean_text('phone') }} as phone,
    {{ clean_date('moved_in_date') }} as moved_in_on,
    {{ clean_date('moved_out_date') }} as moved_out_on
{{ from_new_deliveries('housing', 'household_members') }}
