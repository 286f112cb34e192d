-- One row for each thing done at a visit, in each delivery that reported it.
select
    {{ delivery_columns() }},
    {{ clean_text('visit_reference') }} as visit_reference,
    {{ clean_text('action') }} as action,
    {{ clean_integer('quantity') }} as quantity
{{ from_new_deliveries('fire_visits', 'actions') }}
