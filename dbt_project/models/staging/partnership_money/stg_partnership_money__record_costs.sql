-- One row for each bill for the shared care record, in each account.
select
    {{ delivery_columns() }},
    {{ clean_text('cost_reference') }} as cost_id,
    {{ clean_code('kind') }} as cost_kind_code,
    {{ clean_date('bill_date') }} as billed_on,
    {{ clean_code('paid_by') }} as paid_by_code,
    {{ clean_numeric('amount') }} as amount_gbp
{{ from_new_deliveries('partnership_money', 'record_costs') }}
