-- One row for each accommodation of a patient, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('localpatientid') }} as local_person_id,
    {{ clean_code('accommstatus') }} as accommodation_status_code,
    {{ clean_date('accommstatus_date') }} as recorded_on
{{ from_new_deliveries('csds', 'accommodation') }}
