-- One row for each postcode of the national directory, in each edition.
select
    {{ delivery_columns() }},
    {{ clean_postcode('pcds') }} as postcode,
    {{ clean_text('dointr') }} as in_use_from_month,
    {{ clean_text('doterm') }} as withdrawn_in_month,
    {{ clean_code('oslaua') }} as council_code,
    {{ clean_code('osward') }} as ward_code,
    {{ clean_code('lsoa11') }} as lsoa11_code,
    {{ clean_code('lsoa21') }} as lsoa21_code,
    {{ clean_integer('oseast1m') }} as easting_metres,
    {{ clean_integer('osnrth1m') }} as northing_metres
{{ from_new_deliveries('onspd', 'postcodes') }}
