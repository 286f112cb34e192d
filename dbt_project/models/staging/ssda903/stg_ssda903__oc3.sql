-- One row for each care leaver whose 17th to 21st birthday falls in the year.
select
    {{ delivery_columns() }},
    {{ clean_text('child') }} as local_person_id,
    {{ clean_code('in_touch') }} as in_touch_code,
    {{ clean_code('activ') }} as activity_code,
    {{ clean_code('accom') }} as accommodation_code
{{ from_new_deliveries('ssda903', 'oc3') }}
