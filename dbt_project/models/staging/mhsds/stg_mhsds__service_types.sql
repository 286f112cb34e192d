-- One row for each team that a referral names, from version 6 on beside its own, in each month that reports it.
select
    {{ delivery_columns() }},
    coalesce({{ clean_text('othercareprofteamlocalid') }}, {{ clean_text('careprofteamlocalid') }}) as team_id,
    {{ clean_text('servicerequestid') }} as referral_id,
    {{ clean_code('servteamtypereftomh') }} as team_type_code,
    {{ clean_date('referclosuredate') }} as closed_on,
    {{ clean_date('referrejectiondate') }} as rejected_on,
    {{ clean_code('referclosreason') }} as closure_reason_code,
    {{ clean_code('referrejectreason') }} as rejection_reason_code
{{ from_new_deliveries('mhsds', 'service_types') }}
