-- One row for each hospital stay, under its person's pseudonym.
select
    stays.person_id as guard_person_id,
    'stay/' || stays.hospital_stay_id as guard_care_event_id,
    stays.feed as guard_feed,
    jsonb_strip_nulls(jsonb_build_object('age_band', shown.guard_told_by -> 'age_band')) as guard_told_by,
    stays.organisation,
    {{ month_of('stays.admitted_on') }} as admitted_month,
    {{ month_of('stays.discharged_on') }} as discharged_month,
    stays.length_of_stay_days,
    stays.admission_kind,
    {{ known_code('stays.discharge_method_code', 'apc', 'discharge_method') }} as discharge_method_code,
    {{ known_code('stays.patient_classification_code', 'apc', 'patient_classification') }} as patient_classification_code,
    {{ known_code('stays.treatment_function_code', 'apc', 'treatment_function') }} as treatment_function_code,
    {{ icd10_chapter('stays.primary_diagnosis_code') }} as primary_diagnosis_chapter,
    {{ age_band_as_widened('shown', age_band('shown.guard_born_on', 'stays.admitted_on')) }} as age_band
from {{ ref('hospital_stays') }} as stays
inner join {{ ref('insight_persons') }} as shown on shown.guard_person_id = stays.person_id
