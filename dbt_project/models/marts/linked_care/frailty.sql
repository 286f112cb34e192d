-- One row for each hospital stay of somebody of 75 or older, with the Hospital Frailty Risk Score as it stood on its first day.
-- As published (Gilbert and others, The Lancet 2018): the diagnoses of the stay and of those that began in the two years before it,
-- each three-character code once; below 5 low, to 15 intermediate, above it high. Emergency stays are the published use.
with stays as (
    select
        stays.hospital_stay_id,
        stays.person_id,
        stays.feed,
        stays.admitted_on,
        stays.admission_kind,
        cast(extract(year from age(stays.admitted_on, persons.born_on)) as integer) as age_years
    from {{ ref('hospital_stays') }} as stays
    inner join {{ ref('persons') }} as persons on persons.person_id = stays.person_id
    where stays.admitted_on >= persons.born_on + interval '75 years'
),

coded as (
    select distinct
        all_stays.person_id,
        all_stays.admitted_on,
        codes.icd10_code,
        codes.points
    from {{ ref('int_hospital_diagnoses') }} as diagnoses
    inner join {{ ref('default_frailty_codes') }} as codes on codes.icd10_code = left(diagnoses.diagnosis_code, 3)
    inner join {{ ref('hospital_stays') }} as all_stays
        on all_stays.hospital_stay_id = diagnoses.organisation || '/' || diagnoses.spell_number
    where all_stays.person_id in (select person_id from stays)
),

counted as (
    select hospital_stay_id, count(*) as codes, sum(points) as score
    from (
        select distinct stays.hospital_stay_id, coded.icd10_code, coded.points
        from stays
        inner join coded
            on coded.person_id = stays.person_id
            and coded.admitted_on <= stays.admitted_on
            and coded.admitted_on > stays.admitted_on - interval '2 years'
    ) as once
    group by hospital_stay_id
),

-- What social care knows of somebody on the first day of the stay.
supported as (
    select
        stays.hospital_stay_id,
        bool_or(services.service_type like 'Long Term Support%') as has_long_term_support,
        bool_or(services.service_type like 'Long Term Support: Nursing%' or services.service_type like 'Long Term Support: Residential%')
            as lives_in_care_home
    from stays
    inner join {{ ref('social_care_events') }} as services
        on services.person_id = stays.person_id
        and services.kind = 'service'
        and services.started_on <= stays.admitted_on
        and coalesce(services.ended_on, 'infinity') >= stays.admitted_on
    group by stays.hospital_stay_id
)

select
    stays.hospital_stay_id,
    stays.person_id,
    stays.feed,
    stays.admitted_on,
    stays.admission_kind,
    stays.age_years,
    coalesce(counted.codes, 0) as codes,
    cast(coalesce(counted.score, 0) as numeric) as score,
    case
        when coalesce(counted.score, 0) < 5 then 'low'
        when counted.score <= 15 then 'intermediate'
        else 'high'
    end as risk,
    row_number() over (
        partition by stays.person_id order by stays.admitted_on desc, stays.hospital_stay_id desc
    ) = 1 as is_latest,
    coalesce(supported.has_long_term_support, false) as has_long_term_support,
    coalesce(supported.lives_in_care_home, false) as lives_in_care_home
from stays
left join counted on counted.hospital_stay_id = stays.hospital_stay_id
left join supported on supported.hospital_stay_id = stays.hospital_stay_id
