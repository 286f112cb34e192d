-- One row for each scheme that is meant to save money, in each account.
select
    {{ delivery_columns() }},
    {{ clean_text('scheme_reference') }} as scheme_id,
    {{ clean_text('title') }} as title,
    {{ clean_code('lead_partner') }} as lead_partner_code,
    {{ clean_date('start_date') }} as started_on,
    {{ clean_date('end_date') }} as ended_on
{{ from_new_deliveries('partnership_money', 'schemes') }}
