-- One row for each sharing agreement of a practice, in each delivery that tells of it.
select
    {{ delivery_columns() }},
    {{ clean_code('practice_code') }} as gp_practice_code,
    {{ clean_date('signed_date') }} as signed_on,
    {{ clean_date('ended_date') }} as ended_on
{{ from_new_deliveries('gp_summary', 'sharing_agreements') }}
