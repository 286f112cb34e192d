-- One row for each person: where they live, how deprived it is there, and their ethnic group, for figures about groups.
-- Ethnic group: the one told last; of two told last, the one that more sources tell. What nobody tells is not known.
{%- set told_in = [
    ('stg_apc__episodes', person_record_id('organisation', 'apc', 'local_person_id'), ethnic_group_of_code('ethnicity_code')),
    ('stg_outpatients__attendances', person_record_id('organisation', 'apc', 'local_person_id'), ethnic_group_of_code('ethnicity_code')),
    ('stg_ecds__attendances', "feed || '/' || local_person_id", ethnic_group_of_code('ethnicity_code')),
    ('stg_csds__mpi', "feed || '/' || local_person_id", ethnic_group_of_code('ethnicity_code')),
    ('stg_mhsds__mpi', person_record_id('organisation', 'mhsds', 'local_person_id'), ethnic_group_of_code('ethnicity_code')),
    ('stg_contact_cares__contacts', person_record_id('organisation', 'contact_cares', 'local_person_id'), ethnic_group_of_code('ethnicity_code')),
    ('stg_cld__events', person_record_id('organisation', 'cld', 'local_person_id'), ethnic_group_in_words('ethnicity')),
] %}
with told as (
    {%- for model, person_record, ethnic_group in told_in %}
    {{ 'union all' if not loop.first }}
    select {{ person_record }} as person_record_id, {{ ethnic_group }} as ethnic_group, max(period_end) as told_on
    from {{ ref(model) }}
    where superseded_at is null and local_person_id is not null
    group by 1, 2
    {%- endfor %}
),

ethnic as (
    select distinct on (person_id) person_id, ethnic_group
    from (
        select membership.person_id, told.ethnic_group, max(told.told_on) as told_on, count(*) as sources
        from told
        inner join {{ source('person_index', 'membership_in_build') }} as membership
            on membership.person_record_id = told.person_record_id
        where told.ethnic_group is not null
        group by membership.person_id, told.ethnic_group
    ) as groups
    order by person_id, told_on desc, sources desc, ethnic_group
),

deprivation as (
    select distinct on (area_code) area_code, deprivation_decile
    from {{ ref('stg_areas__areas') }}
    where superseded_at is null and deprivation_decile is not null
    order by area_code, edition desc
),

wards as (
    select distinct on (area_code) area_code, name
    from {{ ref('stg_areas__areas') }}
    where superseded_at is null and kind_code = 'ward'
    order by area_code, edition desc
)

select
    persons.person_id,
    postcodes.ward_code,
    coalesce(wards.name, postcodes.ward_code, 'not known') as ward,
    coalesce(cast(deprivation.deprivation_decile as text), 'not known') as deprivation_decile,
    coalesce(ethnic.ethnic_group, 'not known') as ethnic_group
from {{ ref('persons') }} as persons
left join {{ ref('int_postcodes') }} as postcodes on postcodes.postcode = persons.postcode
left join wards on wards.area_code = postcodes.ward_code
left join deprivation on deprivation.area_code = postcodes.lsoa11_code
left join ethnic on ethnic.person_id = persons.person_id
