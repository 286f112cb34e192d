-- One row for each time a child went missing or was away without leave.
select
    {{ delivery_columns() }},
    {{ clean_text('child') }} as local_person_id,
    {{ clean_code('missing') }} as absence_code,
    {{ clean_date('mis_start') }} as started_on,
    {{ clean_date('mis_end') }} as ended_on
{{ from_new_deliveries('ssda903', 'missing') }}
