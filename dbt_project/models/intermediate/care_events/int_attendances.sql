-- One row for each attendance in force, as it was told last: at an emergency department or Urgent Treatment Centre, or at an
-- outpatient clinic; attended or not.
{{ config(materialized='table', pre_hook=join_whole_tables()) }}

-- The main diagnosis is the one that the department marks as such, or else the first.
with main_diagnoses as (
    {%- for source in ('ecds', 'outpatients') %}
    select * from (
        select distinct on (delivery_id, record_id) '{{ source }}' as source, delivery_id, record_id, diagnosis_code
        from {{ ref('stg_' ~ source ~ '__diagnoses') }}
        where diagnosis_code is not null and superseded_at is null
        order by delivery_id, record_id, {{ 'is_primary desc nulls last, ' if source == 'ecds' }}position nulls last, line_number
    ) as {{ source }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

told as (
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
        cast(null as text) as own_diagnosis_code,
        record_id,
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
        diagnosis_codes[1] as own_diagnosis_code,
        record_id,
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
    in_order.feed || '/' || in_order.own_id as attendance_id,
    in_order.person_record_id,
    in_order.organisation,
    in_order.feed,
    in_order.source,
    in_order.service,
    in_order.provider_code,
    in_order.site_code,
    in_order.commissioner_code,
    in_order.attended_on,
    in_order.arrived_at,
    in_order.departed_at,
    in_order.minutes_in_department,
    in_order.attendance,
    in_order.is_first,
    in_order.referred_on,
    in_order.referral_source_code,
    in_order.treatment_function_code,
    in_order.chief_complaint_code,
    coalesce(in_order.own_diagnosis_code, main_diagnoses.diagnosis_code) as primary_diagnosis_code,
    in_order.discharge_destination_code,
    in_order.hrg_code,
    in_order.source_rows
from in_order
left join main_diagnoses
    on main_diagnoses.source = in_order.source
    and main_diagnoses.delivery_id = in_order.delivery_id
    and main_diagnoses.record_id = in_order.record_id
where in_order.telling = 1
