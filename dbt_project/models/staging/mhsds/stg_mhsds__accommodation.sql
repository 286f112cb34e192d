-- One row for each kind of accommodation of a patient, as recorded on one day, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('localpatientid') }} as local_person_id,
    {{ clean_code('accommodationtype') }} as accommodation_type_code,
    {{ clean_boolean('settledaccommodationind') }} as is_settled,
    {{ clean_date('accommodationtypedate') }} as recorded_on,
    {{ clean_date('accommodationtypestartdate') }} as started_on,
    {{ clean_date('accommodationtypeenddate') }} as ended_on
{{ from_new_deliveries('mhsds', 'accommodation') }}
