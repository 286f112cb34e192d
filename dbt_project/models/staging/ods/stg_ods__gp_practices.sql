-- One row for each general practice or other prescriber of the national register, in each delivery.
select
    {{ delivery_columns() }},
    {{ clean_code('organisation_code') }} as organisation_code,
    {{ clean_text('name') }} as name,
    {{ clean_code('high_level_health_geography') }} as care_board_code,
    {{ clean_postcode('postcode') }} as postcode,
    {{ clean_compact_date('open_date') }} as opened_on,
    {{ clean_compact_date('close_date') }} as closed_on,
    {{ clean_code('status_code') }} as status_code,
    {{ clean_code('commissioner_code') }} as commissioner_code,
    {{ clean_code('prescribing_setting') }} as prescribing_setting_code
{{ from_new_deliveries('ods', 'gp_practices') }}
