-- One row for each referral to a community service, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('servicerequestid') }} as referral_id,
    {{ clean_text('localpatientid') }} as local_person_id,
    {{ clean_code('orgid_commissioner') }} as commissioner_code,
    {{ clean_date('referralrequest_receiveddate') }} as received_on,
    {{ clean_moment('referralrequest_receiveddate', 'referralrequest_receivedtime') }} as received_at,
    {{ clean_code('sourceofreferral') }} as referral_source_code,
    {{ clean_code('orgid_referring') }} as referring_organisation_code,
    {{ clean_code('referring_staffgroup') }} as referring_staff_group_code,
    {{ clean_code('priority_type') }} as priority_code,
    {{ clean_code('primaryreferralreason') }} as referral_reason_code,
    {{ clean_date('discharge_date') }} as discharged_on
{{ from_new_deliveries('csds', 'referrals') }}
