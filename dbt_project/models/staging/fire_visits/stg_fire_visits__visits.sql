-- One row for each visit, in each delivery that reported it.
select
    {{ delivery_columns() }},
    {{ clean_text('visit_reference') }} as visit_reference,
    {{ clean_date('visit_date') }} as visited_on,
    {{ clean_uprn('uprn') }} as uprn,
    {{ clean_text('address') }} as address,
    {{ clean_postcode('postcode') }} as postcode,
    {{ clean_text('local_person_id') }} as local_person_id,
    {{ clean_text('forename') }} as forename,
    {{ clean_text('surname') }} as surname,
    {{ clean_date('date_of_birth') }} as born_on,
    {{ clean_sex('sex') }} as sex_code,
    {{ clean_text('referred_by') }} as referred_by,
    {{ clean_text('risk_level') }} as risk_level,
    {{ clean_text('outcome') }} as outcome,
    {{ clean_text('onward_referral_organisation') }} as onward_referral_organisation,
    {{ clean_date('onward_referral_date') }} as onward_referral_on
{{ from_new_deliveries('fire_visits', 'visits') }}
