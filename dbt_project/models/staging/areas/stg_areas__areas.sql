-- One row for each area in each edition of the index of deprivation, in each delivery.
select
    {{ delivery_columns() }},
    {{ clean_code('area_code') }} as area_code,
    {{ clean_text('area_name') }} as name,
    {{ clean_text('kind') }} as kind_code,
    {{ clean_code('council_code') }} as council_code,
    {{ clean_text('edition') }} as edition,
    {{ clean_integer('deprivation_decile') }} as deprivation_decile,
    {{ clean_integer('deprivation_rank') }} as deprivation_rank
{{ from_new_deliveries('areas', 'areas') }}
