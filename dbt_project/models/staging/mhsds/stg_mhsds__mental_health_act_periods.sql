-- One row for each stretch of time under one legal status, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('mhactlegalstatusclassperiodid') }} as mental_health_act_period_id,
    {{ clean_text('localpatientid') }} as local_person_id,
    {{ clean_date('startdatemhactlegalstatusclass') }} as started_on,
    {{ clean_moment('startdatemhactlegalstatusclass', 'starttimemhactlegalstatusclass') }} as started_at,
    {{ clean_code('legalstatusclassperiodstartreason') }} as start_reason_code,
    {{ clean_date('expirydatemhactlegalstatusclass') }} as expires_on,
    {{ clean_date('enddatemhactlegalstatusclass') }} as ended_on,
    {{ clean_moment('enddatemhactlegalstatusclass', 'endtimemhactlegalstatusclass') }} as ended_at,
    {{ clean_code('legalstatusclassperiodendreason') }} as end_reason_code,
    {{ clean_code('legalstatuscode') }} as legal_status_code
{{ from_new_deliveries('mhsds', 'mental_health_act_periods') }}
