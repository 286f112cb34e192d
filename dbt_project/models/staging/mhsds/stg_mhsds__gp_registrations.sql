-- One row for each stretch of time with one GP practice, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('localpatientid') }} as local_person_id,
    coalesce({{ clean_code('gmpreg') }}, {{ clean_code('gmpcodereg') }}) as gp_practice_code,
    {{ clean_date('startdategmpregistration') }} as registered_on,
    {{ clean_date('enddategmpregistration') }} as deregistered_on
{{ from_new_deliveries('mhsds', 'gp_registrations') }}
