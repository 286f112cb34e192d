-- One row for each organisation of the national register, in each delivery.
select
    {{ delivery_columns() }},
    {{ clean_code('organisation_code') }} as organisation_code,
    {{ clean_text('name') }} as name,
    {{ clean_code('high_level_health_geography') }} as care_board_code,
    {{ clean_postcode('postcode') }} as postcode,
    {{ clean_compact_date('open_date') }} as opened_on,
    {{ clean_compact_date('close_date') }} as closed_on
{{ from_new_deliveries('ods', 'organisations') }}
