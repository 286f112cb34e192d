-- One row for each appointment, in each delivery that tells of it.
select
    {{ delivery_columns() }},
    {{ clean_code('practice_code') }} as gp_practice_code,
    {{ clean_text('appointment_id') }} as appointment_id,
    {{ clean_code('practice_code') }} || '/' || {{ clean_text('patient_id') }} as local_person_id,
    {{ clean_date('appointment_date') }} as appointment_on,
    {{ clean_moment('appointment_date', 'appointment_time') }} as appointment_at,
    {{ clean_text('status') }} as status,
    {{ clean_text('mode') }} as mode,
    {{ clean_text('professional') }} as professional,
    {{ clean_boolean('deleted') }} as is_deleted
{{ from_new_deliveries('gp_summary', 'appointments') }}
