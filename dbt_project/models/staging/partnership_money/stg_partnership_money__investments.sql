-- One row for each amount that a partner put in, in each account.
select
    {{ delivery_columns() }},
    {{ clean_text('investment_reference') }} as investment_id,
    {{ clean_text('scheme_reference') }} as scheme_id,
    {{ clean_code('partner') }} as partner_code,
    {{ clean_date('invested_date') }} as invested_on,
    {{ clean_numeric('amount') }} as amount_gbp
{{ from_new_deliveries('partnership_money', 'investments') }}
