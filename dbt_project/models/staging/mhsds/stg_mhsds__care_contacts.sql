-- One row for each contact with a patient, or with somebody on the patient's behalf, in each month that reports it.
select
    {{ delivery_columns() }},
    {{ clean_text('carecontactid') }} as contact_id,
    {{ clean_text('servicerequestid') }} as referral_id,
    {{ clean_date('carecontdate') }} as contact_on,
    {{ clean_moment('carecontdate', 'careconttime') }} as contact_at,
    coalesce({{ clean_text('othercareprofteamlocalid') }}, {{ clean_text('careprofteamlocalid') }}) as team_id,
    {{ clean_code('orgidcomm') }} as commissioner_code,
    {{ clean_integer('clincontdurofcarecont') }} as duration_minutes,
    {{ clean_code('constype') }} as consultation_type_code,
    {{ clean_code('carecontsubj') }} as contact_subject_code,
    {{ clean_code('consmechanismmh') }} as consultation_mechanism_code,
    {{ clean_code('actloctypecode') }} as location_type_code,
    {{ clean_boolean('placeofsafetyind') }} as is_place_of_safety,
    {{ clean_code('siteidoftreat') }} as site_code,
    {{ clean_boolean('plannedcarecontindicator') }} as is_planned,
    {{ clean_code('carecontpatientthermode') }} as therapy_mode_code,
    coalesce({{ clean_code('attendstatus') }}, {{ clean_code('attendordnacode') }}) as attendance_code,
    {{ clean_date('carecontcanceldate') }} as cancelled_on,
    {{ clean_code('carecontcancelreas') }} as cancellation_reason_code
{{ from_new_deliveries('mhsds', 'care_contacts') }}
