-- One row for each attendance in force, as it was told last: at an emergency department or Urgent Treatment Centre, or at an
-- outpatient clinic; attended or not.
{{ config(materialized='table', pre_hook=[]) }}

with told as (
    select
        'ecds' as source,
        feed || '/' || local_person_id as person_record_id,
        organisation, feed, delivery_id, period_end, line_number,
        attendance_id as own_id,
        -- NHS Data Dictionary, emergency care department type: 03 Urgent Treatment Centre, 04 walk-in centre, 05 same day.
        case department_type_code
            when '03' then 'urgent treatment centre'
            when '04' then 'urgent treatment centre'
            when '05' then 'same day emergency care'
            else 'emergency department'
        end as service,
        provider_code,
        site_code,
        commissioner_code,
        arrived_on as attended_on,
        arrived_at,
        departed_at,
        {{ minutes_between('arrived_at', 'departed_at') }} as minutes_in_department,
        'attended' as attendance,
        cast(null as boolean) as is_first,
        cast(null as date) as referred_on,
        attendance_source_code as referral_source_code,
        admitting_treatment_function_code as treatment_function_code,
        chief_complaint_code,
        discharge_destination_code,
        hrg_code
    from {{ ref('stg_ecds__attendances') }}
    where superseded_at is null and {{ left_out_of_attendances('arrived_on') }} is null

    union all

    select
        'outpatients' as source,
        {{ person_record_id('organisation', 'apc', 'local_person_id') }} as person_record_id,
        organisation, feed, delivery_id, period_end, line_number,
        attendance_id as own_id,
        'outpatients' as service,
        provider_code,
        site_code,
        commissioner_code,
        appointment_on as attended_on,
        appointment_at as arrived_at,
        cast(null as timestamptz) as departed_at,
        cast(null as integer) as minutes_in_department,
        {{ attendance_in_words('attendance_code') }} as attendance,
        first_attendance_code in ('1', '3') as is_first,
        referred_on,
        referral_source_code,
        treatment_function_code,
        cast(null as text) as chief_complaint_code,
        cast(null as text) as discharge_destination_code,
        hrg_code
    from {{ ref('stg_outpatients__attendances') }}
    where superseded_at is null and {{ left_out_of_attendances('appointment_on') }} is null
),

in_order as (
    select
        *,
        row_number() over (
            partition by feed, own_id order by period_end desc, delivery_id desc, line_number desc
        ) as telling,
        count(*) over (partition by feed, own_id) as source_rows
    from told
)

select
    feed || '/' || own_id as attendance_id,
    person_record_id,
    organisation,
    feed,
    source,
    service,
    provider_code,
    site_code,
    commissioner_code,
    attended_on,
    arrived_at,
    departed_at,
    minutes_in_department,
    attendance,
    is_first,
    referred_on,
    referral_source_code,
    treatment_function_code,
    chief_complaint_code,
    discharge_destination_code,
    hrg_code,
    source_rows
from in_order
where telling = 1
