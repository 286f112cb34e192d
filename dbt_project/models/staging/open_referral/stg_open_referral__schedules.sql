-- One row for each rule for when a service is open, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('id') }} as schedule_id,
    {{ clean_text('service_id') }} as service_id,
    {{ clean_text('service_at_location_id') }} as service_at_location_id,
    {{ clean_date('valid_from') }} as valid_from_on,
    {{ clean_date('valid_to') }} as valid_until_on,
    {{ clean_date('dtstart') }} as first_open_on,
    {{ clean_code('freq') }} as frequency,
    {{ clean_integer('interval') }} as repeats_after,
    {{ clean_code('byday') }} as days_of_week,
    {{ clean_text('bymonthday') }} as days_of_month,
    {{ clean_time('opens_at') }} as opens_at_time,
    {{ clean_time('closes_at') }} as closes_at_time,
    {{ clean_text('attending_type') }} as attending_type
{{ from_new_deliveries('open_referral', 'schedules') }}
