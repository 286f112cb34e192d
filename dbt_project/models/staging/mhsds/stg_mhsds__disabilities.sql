-- One row for each disability of one patient, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('localpatientid') }} as local_person_id,
    {{ clean_code('disabcode') }} as disability_code
{{ from_new_deliveries('mhsds', 'disabilities') }}
