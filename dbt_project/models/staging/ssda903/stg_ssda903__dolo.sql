-- One row for each deprivation of liberty order on a child looked after.
select
    {{ delivery_columns() }},
    {{ clean_text('child') }} as local_person_id,
    {{ clean_date('dolo_start') }} as started_on,
    {{ clean_date('dolo_end') }} as ended_on
{{ from_new_deliveries('ssda903', 'dolo') }}
