-- One row for each stretch of time in which a patient could have left hospital and had not, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('hospprovspellid') }} as spell_id,
    case when format_version = '5' then 'delayed discharge' else 'clinically ready for discharge' end as measure,
    {{ clean_date('startdateclinreadyfordisch') }} as started_on,
    {{ clean_date('enddateclinreadyfordisch') }} as ended_on,
    {{ clean_code('clinreadyfordischdelayreason') }} as delay_reason_code,
    {{ clean_code('attribtoindic') }} as delay_attribution_code,
    {{ clean_code('orgidresplaclinreadyfordisch') }} as responsible_council_code
{{ from_new_deliveries('mhsds', 'discharge_delays') }}
