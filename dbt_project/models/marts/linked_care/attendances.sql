-- One row for each attendance in force: at an emergency department, an Urgent Treatment Centre or an outpatient clinic.
select
    attendances.attendance_id,
    membership.person_id,
    attendances.organisation,
    attendances.feed,
    attendances.source,
    case attendances.source when 'outpatients' then 'outpatient appointment' else attendances.service end as kind,
    attendances.service,
    attendances.provider_code,
    attendances.site_code,
    attendances.commissioner_code,
    attendances.attended_on,
    attendances.arrived_at,
    attendances.departed_at,
    attendances.minutes_in_department,
    attendances.attendance,
    attendances.is_first,
    attendances.referred_on,
    attendances.referral_source_code,
    attendances.treatment_function_code,
    attendances.chief_complaint_code,
    attendances.primary_diagnosis_code,
    attendances.discharge_destination_code,
    attendances.hrg_code,
    attendances.source_rows
from {{ ref('int_attendances') }} as attendances
left join {{ source('person_index', 'membership_in_build') }} as membership
    on membership.person_record_id = attendances.person_record_id
