-- One row for each hospital stay in force.
select
    stays.hospital_stay_id,
    membership.person_id,
    stays.organisation,
    stays.feed,
    stays.spell_number,
    stays.admitted_on,
    stays.admitted_at,
    stays.discharge_ready_on,
    stays.discharged_on,
    stays.discharged_at,
    {{ nights_between('stays.admitted_on', 'stays.discharged_on') }} as length_of_stay_days,
    {{ admission_kind('stays.admission_method_code') }} as admission_kind,
    stays.admission_method_code,
    stays.admission_source_code,
    stays.discharge_method_code,
    stays.discharge_destination_code,
    stays.patient_classification_code,
    stays.specialty_code,
    stays.treatment_function_code,
    stays.site_code,
    stays.provider_code,
    stays.commissioner_code,
    stays.spell_hrg_code,
    stays.primary_diagnosis_code,
    stays.primary_procedure_code,
    stays.episodes,
    stays.source_rows
from {{ ref('int_hospital_stays') }} as stays
left join {{ source('person_index', 'membership_in_build') }} as membership
    on membership.person_record_id = stays.person_record_id
