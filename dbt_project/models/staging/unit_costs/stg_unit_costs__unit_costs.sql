-- One row for each activity, unit, source and price year, in each delivery.
select
    {{ delivery_columns() }},
    {{ clean_text('activity') }} as activity,
    {{ clean_text('unit') }} as unit,
    {{ clean_numeric('cost') }} as unit_cost_gbp,
    {{ clean_text('borne_by') }} as borne_by,
    {{ clean_text('source') }} as published_in,
    {{ clean_text('price_year') }} as price_year,
    {{ clean_date('valid_from') }} as valid_from_on,
    {{ clean_date('valid_until') }} as valid_until_on
{{ from_new_deliveries('unit_costs', 'unit_costs') }}
