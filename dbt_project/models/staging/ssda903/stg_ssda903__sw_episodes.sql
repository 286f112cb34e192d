-- One row for each time one social worker held the case of a child.
select
    {{ delivery_columns() }},
    {{ clean_text('child') }} as local_person_id,
    {{ clean_text('sw_id') }} as social_worker_id,
    {{ clean_date('sw_decom') }} as started_on,
    {{ clean_date('sw_dec') }} as ended_on,
    {{ clean_code('sw_reason') }} as reason_for_change_code
{{ from_new_deliveries('ssda903', 'sw_episodes') }}
