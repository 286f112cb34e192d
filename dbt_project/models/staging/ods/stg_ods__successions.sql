-- One row for each organisation and one that took over from it, in each delivery.
select
    {{ delivery_columns() }},
    {{ clean_code('organisation_code') }} as organisation_code,
    {{ clean_code('successor_organisation_code') }} as successor_code,
    {{ clean_compact_date('succession_effective_date') }} as succeeded_on
{{ from_new_deliveries('ods', 'successions') }}
