-- One row for each child protection plan of a child, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('localpatientid') }} as local_person_id,
    {{ clean_code('cpp_reason') }} as reason_code,
    {{ clean_date('cpp_startdate') }} as started_on,
    {{ clean_date('cpp_enddate') }} as ended_on
{{ from_new_deliveries('csds', 'child_protection_plans') }}
