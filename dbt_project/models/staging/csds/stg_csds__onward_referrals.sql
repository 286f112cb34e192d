-- One row for each onward referral, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('servicerequestid') }} as referral_id,
    {{ clean_date('onward_referraldate') }} as referred_on,
    {{ clean_code('onward_referralreason') }} as referral_reason_code,
    {{ clean_code('orgid_receiving') }} as receiving_organisation_code
{{ from_new_deliveries('csds', 'onward_referrals') }}
