-- One row for each provider, council of residence, reason, answerable body and setting, in each month's return.
select
    {{ delivery_columns() }},
    {{ clean_code('provider_code') }} as provider_code,
    {{ clean_code('council_code') }} as council_code,
    {{ clean_code('reason') }} as delay_reason_code,
    {{ clean_code('responsible_organisation') }} as responsible_code,
    {{ clean_code('setting') }} as setting_code,
    {{ clean_integer('delayed_days') }} as delayed_days
{{ from_new_deliveries('delayed_transfers', 'delayed_days') }}
