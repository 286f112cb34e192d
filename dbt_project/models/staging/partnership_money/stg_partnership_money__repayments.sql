-- One row for each payment due from one partner to another, in each account.
select
    {{ delivery_columns() }},
    {{ clean_text('repayment_reference') }} as repayment_id,
    {{ clean_code('paid_by') }} as paid_by_code,
    {{ clean_code('paid_to') }} as paid_to_code,
    {{ clean_date('due_date') }} as due_on,
    {{ clean_numeric('amount_due') }} as due_gbp,
    {{ clean_date('paid_date') }} as paid_on,
    {{ clean_numeric('amount_paid') }} as paid_gbp
{{ from_new_deliveries('partnership_money', 'repayments') }}
