-- One row for each registration of a patient with a GP practice, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('localpatientid') }} as local_person_id,
    {{ clean_code('orgid_gp') }} as gp_practice_code,
    {{ clean_date('gpregistration_startdate') }} as registered_on,
    {{ clean_date('gpregistration_enddate') }} as deregistered_on
{{ from_new_deliveries('csds', 'gp_registrations') }}
