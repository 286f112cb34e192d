-- One row for each referral onward to another service, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('servicerequestid') }} as referral_id,
    {{ clean_date('decisiontoreferdate') }} as decided_on,
    {{ clean_date('onwardreferdate') }} as referred_on,
    {{ clean_code('onwardreferreason') }} as referral_reason_code,
    {{ clean_code('oatreason') }} as out_of_area_reason_code,
    {{ clean_code('orgidreceiving') }} as receiving_organisation_code
{{ from_new_deliveries('mhsds', 'onward_referrals') }}
