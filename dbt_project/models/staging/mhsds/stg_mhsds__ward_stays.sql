-- One row for each stay on one ward during a hospital stay, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('wardstayid') }} as ward_stay_id,
    {{ clean_text('wardcode') }} as ward_id,
    {{ clean_text('hospprovspellid') }} as spell_id,
    {{ clean_date('startdatewardstay') }} as started_on,
    {{ clean_moment('startdatewardstay', 'starttimewardstay') }} as started_at,
    {{ clean_date('enddatewardstay') }} as ended_on,
    {{ clean_moment('enddatewardstay', 'endtimewardstay') }} as ended_at,
    {{ clean_code('siteidoftreat') }} as site_code,
    coalesce({{ clean_code('mhadmittedpatientclass') }}, {{ clean_code('hospitalbedtypemh') }}) as bed_type_code
{{ from_new_deliveries('mhsds', 'ward_stays') }}
