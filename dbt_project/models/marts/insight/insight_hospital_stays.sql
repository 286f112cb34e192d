-- One row for each hospital stay, under its person's pseudonym.
select
    pseudonyms.pseudonym,
    stays.organisation,
    {{ month_of('stays.admitted_on') }} as admitted_month,
    {{ month_of('stays.discharged_on') }} as discharged_month,
    stays.length_of_stay_days,
    stays.admission_kind,
    {{ known_code('stays.discharge_method_code', 'apc', 'discharge_method') }} as discharge_method_code,
    {{ known_code('stays.patient_classification_code', 'apc', 'patient_classification') }} as patient_classification_code,
    {{ known_code('stays.treatment_function_code', 'apc', 'treatment_function') }} as treatment_function_code,
    {{ icd10_chapter('stays.primary_diagnosis_code') }} as primary_diagnosis_chapter,
    {{ age_band('persons.born_on', 'stays.admitted_on') }} as age_band
from {{ ref('hospital_stays') }} as stays
inner join {{ ref('persons') }} as persons on persons.person_id = stays.person_id
inner join {{ pseudonyms('planning') }} as pseudonyms on pseudonyms.person_id = stays.person_id
