-- One row for each time a child should be placed for adoption.
select
    {{ delivery_columns() }},
    {{ clean_text('child') }} as local_person_id,
    {{ clean_date('date_placed') }} as placed_on,
    {{ clean_date('date_placed_ceased') }} as ceased_on,
    {{ clean_code('reason_placed_ceased') }} as reason_ceased_code
{{ from_new_deliveries('ssda903', 'placed_for_adoption') }}
