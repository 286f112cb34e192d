-- One row for each team that a referral went to, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('servicerequestid') }} as referral_id,
    {{ clean_text('teamid_local') }} as team_id,
    {{ service_of_local_team('teamid_local') }} as local_service,
    {{ clean_code('teamtype') }} as team_type_code,
    {{ clean_date('referral_closuredate') }} as closed_on,
    {{ clean_date('referral_rejectiondate') }} as rejected_on,
    {{ clean_code('referral_closurereason') }} as closure_reason_code,
    {{ clean_code('referral_rejectionreason') }} as rejection_reason_code
{{ from_new_deliveries('csds', 'service_types') }}
