-- One row for each child adopted in the year.
select
    {{ delivery_columns() }},
    {{ clean_text('child') }} as local_person_id,
    {{ clean_date('date_int') }} as decision_on,
    {{ clean_date('date_match') }} as matched_on
{{ from_new_deliveries('ssda903', 'ad1') }}
