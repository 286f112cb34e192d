-- One row for each postcode of the directory that was delivered last. There is no default: a postcode that is not here has no
-- council, because its district does not tell it (L35, WA8 and WN5 lie in several).
select distinct on (postcode)
    postcode,
    council_code,
    ward_code,
    lsoa11_code,
    lsoa21_code,
    easting_metres,
    northing_metres,
    withdrawn_in_month is null as is_in_use,
    'delivery' as comes_from
from {{ ref('stg_onspd__postcodes') }}
where superseded_at is null and postcode is not null
order by postcode, period_end desc, delivery_id desc, line_number desc
