-- One row for each area, year, sex and age band, in each delivery.
select
    {{ delivery_columns() }},
    {{ clean_code('area_code') }} as area_code,
    {{ clean_code('council_code') }} as council_code,
    {{ clean_integer('year') }} as year,
    {{ clean_code('sex') }} as sex_code,
    {{ clean_integer('age_from') }} as age_from_years,
    {{ clean_integer('age_to') }} as age_to_years,
    {{ clean_integer('persons') }} as persons,
    {{ clean_text('source') }} as published_in
{{ from_new_deliveries('areas', 'populations') }}
