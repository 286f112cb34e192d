-- One row for each code of a clinical list, in each delivery that reported it.
select
    {{ delivery_columns() }},
    {{ clean_text('list') }} as list,
    {{ clean_code('code') }} as code,
    {{ clean_text('term') }} as term,
    {{ clean_date('valid_from') }} as valid_from_on,
    {{ clean_date('valid_to') }} as valid_until_on
{{ from_new_deliveries('clinical_lists', 'members') }}
