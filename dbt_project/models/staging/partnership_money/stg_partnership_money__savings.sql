-- One row for each scheme, month and partner that saves or pays, as planned or as it came about, in each account.
select
    {{ delivery_columns() }},
    {{ clean_text('scheme_reference') }} as scheme_id,
    {{ clean_date('month_ending') }} as month_ended_on,
    {{ clean_code('partner') }} as partner_code,
    {{ clean_code('effect') }} as effect_code,
    {{ clean_code('basis') }} as basis_code,
    {{ clean_numeric('amount') }} as amount_gbp,
    {{ clean_code('evidence') }} as evidence_code
{{ from_new_deliveries('partnership_money', 'savings') }}
