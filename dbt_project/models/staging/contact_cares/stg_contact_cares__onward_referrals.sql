-- One row for each onward referral, in each delivery that tells of it.
select
    {{ delivery_columns() }},
    {{ clean_text('onward_referral_id') }} as onward_referral_id,
    {{ clean_text('contact_id') }} as contact_id,
    {{ clean_date('referred_date') }} as referred_on,
    {{ clean_text('referred_to_organisation') }} as referred_to_organisation,
    {{ clean_text('referred_to_service') }} as referred_to_service,
    {{ clean_text('service_id') }} as service_id,
    {{ clean_date('accepted_date') }} as accepted_on
{{ from_new_deliveries('contact_cares', 'onward_referrals') }}
