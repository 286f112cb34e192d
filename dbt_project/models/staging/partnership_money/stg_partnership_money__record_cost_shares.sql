-- One row for each partner's share in a bill, in each account.
select
    {{ delivery_columns() }},
    {{ clean_text('cost_reference') }} as cost_id,
    {{ clean_code('partner') }} as partner_code,
    {{ clean_numeric('share') }} as share_gbp
{{ from_new_deliveries('partnership_money', 'record_cost_shares') }}
