-- One row for each referral to a mental health service, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('servicerequestid') }} as referral_id,
    {{ clean_text('localpatientid') }} as local_person_id,
    {{ clean_code('orgidcomm') }} as commissioner_code,
    {{ clean_text('careprofteamlocalid') }} as team_id,
    {{ clean_date('referralrequestreceiveddate') }} as received_on,
    {{ clean_moment('referralrequestreceiveddate', 'referralrequestreceivedtime') }} as received_at,
    {{ clean_code('sourceofreferralmh') }} as referral_source_code,
    coalesce({{ clean_code('orgidreferringorg') }}, {{ clean_code('orgidreferring') }}) as referring_organisation_code,
    {{ clean_code('clinrespprioritytype') }} as priority_code,
    {{ clean_code('primreasonreferralmh') }} as referral_reason_code,
    {{ clean_code('reasonoat') }} as out_of_area_reason_code,
    {{ clean_date('dischplancreationdate') }} as discharge_planned_on,
    {{ clean_date('servdischdate') }} as discharged_on,
    {{ clean_moment('servdischdate', 'servdischtime') }} as discharged_at,
    {{ clean_date('referrejectiondate') }} as rejected_on,
    {{ clean_code('referrejectreason') }} as rejection_reason_code,
    {{ clean_code('referclosreason') }} as closure_reason_code
{{ from_new_deliveries('mhsds', 'referrals') }}
