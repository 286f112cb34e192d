-- One row for each child who began to be looked after, with the permanence arrangement before it.
select
    {{ delivery_columns() }},
    {{ clean_text('child') }} as local_person_id,
    {{ clean_code('prev_perm') }} as previous_permanence_code
{{ from_new_deliveries('ssda903', 'previous_permanence') }}
