-- One row for each hospital stay (spell) of which at least one episode is in force.
with episodes as (
    select
        organisation,
        feed,
        delivery_id,
        line_number,
        local_person_id,
        spell_number,
        episode_number,
        admitted_on,
        admitted_at,
        discharge_ready_on,
        discharged_on,
        discharged_at,
        admission_method_code,
        admission_source_code,
        discharge_method_code,
        discharge_destination_code,
        patient_classification_code,
        specialty_code,
        treatment_function_code,
        site_code,
        provider_code,
        commissioner_code,
        spell_hrg_code,
        diagnosis_codes[1] as primary_diagnosis_code,
        procedure_codes[1] as primary_procedure_code,
        {{ telling_of_an_episode() }} as telling
    from {{ ref('int_hospital_episodes') }}
    where superseded_at is null and {{ left_out_of_hospital_stays() }} is null
        and {{ is_of_a_touched_event() }}
),

ordered as (
    select
        *,
        row_number() over (partition by organisation, spell_number order by telling, episode_number, line_number) = 1
            as is_first,
        row_number() over (
            partition by organisation, spell_number order by telling, episode_number desc nulls last, line_number desc
        ) = 1 as is_last
    from episodes
),

stays as (
    select
        organisation,
        spell_number,
        max(local_person_id) filter (where is_last) as local_person_id,
        min(feed) as feed,
        min(admitted_on) filter (where telling = 1) as admitted_on,
        min(admitted_at) filter (where telling = 1) as admitted_at,
        max(discharge_ready_on) filter (where telling = 1) as discharge_ready_on,
        max(discharged_on) filter (where telling = 1) as discharged_on,
        max(discharged_at) filter (where telling = 1) as discharged_at,
        min(admission_method_code) filter (where is_first) as admission_method_code,
        min(admission_source_code) filter (where is_first) as admission_source_code,
        max(discharge_method_code) filter (where is_last) as discharge_method_code,
        max(discharge_destination_code) filter (where is_last) as discharge_destination_code,
        min(patient_classification_code) filter (where is_first) as patient_classification_code,
        min(specialty_code) filter (where is_first) as specialty_code,
        min(treatment_function_code) filter (where is_first) as treatment_function_code,
        min(site_code) filter (where is_first) as site_code,
        max(provider_code) filter (where is_last) as provider_code,
        max(commissioner_code) filter (where is_last) as commissioner_code,
        max(spell_hrg_code) filter (where is_last) as spell_hrg_code,
        min(primary_diagnosis_code) filter (where is_first) as primary_diagnosis_code,
        min(primary_procedure_code) filter (where is_first) as primary_procedure_code,
        count(*) filter (where telling = 1) as episodes,
        count(*) as source_rows,
        array_agg(distinct delivery_id) as delivery_ids
    from ordered
    group by organisation, spell_number
)

select
    organisation || '/' || spell_number as hospital_stay_id,
    {{ person_record_id('organisation', 'apc', 'local_person_id') }} as person_record_id,
    organisation,
    feed,
    spell_number,
    admitted_on,
    admitted_at,
    discharge_ready_on,
    discharged_on,
    discharged_at,
    admission_method_code,
    admission_source_code,
    discharge_method_code,
    discharge_destination_code,
    patient_classification_code,
    specialty_code,
    treatment_function_code,
    site_code,
    provider_code,
    commissioner_code,
    spell_hrg_code,
    primary_diagnosis_code,
    primary_procedure_code,
    episodes,
    source_rows,
    delivery_ids
from stays
