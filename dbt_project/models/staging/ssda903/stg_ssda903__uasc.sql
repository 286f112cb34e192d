-- One row for each unaccompanied asylum-seeking child looked after in the year.
select
    {{ delivery_columns() }},
    {{ clean_text('child') }} as local_person_id,
    {{ clean_date('duc') }} as status_ceased_on
{{ from_new_deliveries('ssda903', 'uasc') }}
