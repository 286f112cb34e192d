-- One row for each person, under a pseudonym.
-- Whoever shares what tells people apart (meta: quasi_identifiers) with fewer others than the purpose allows is widened: first
-- the age band, then all of it. Counted are those whom analysts would see now.
with described as (
    select
        persons.*,
        {{ age_band('persons.born_on', 'coalesce(persons.died_on, builds.as_at_day)') }} as own_age_band,
        coalesce(persons.sex_code, 'U') as own_sex_code,
        persons.died_on is not null as is_dead,
        cast((
            persons.person_id in (
                select person_id from {{ source('governance', 'secondary_use_person') }} where purpose = 'planning'
            )
            and persons.person_id in (
                select person_id from {{ source('governance', 'person_in_use') }} where purpose = 'planning'
            )
            and persons.person_id not in (
                select person_id from {{ source('person_index', 'withheld_person') }} where build_id = {{ this_build() }}
            )
        ) as integer) as counts
    from {{ ref('persons') }} as persons
    cross join (select {{ as_at_day() }} as as_at_day) as builds
),

alike as (
    select
        *,
        sum(counts) over (partition by own_age_band, own_sex_code, is_dead) < {{ smallest_group() }} as hides_age
    from described
),

without_age as (
    select
        *,
        hides_age and sum(counts) over (partition by hides_age, own_sex_code, is_dead) < {{ smallest_group() }} as hides_all
    from alike
)

select
    person_id as guard_person_id,
    born_on as guard_born_on,
    jsonb_strip_nulls(jsonb_build_object(
        'age_band', case when not hides_age then told_by -> 'born_on' end,
        'sex_code', case when not hides_all then told_by -> 'sex_code' end,
        'has_died', case when not hides_all then told_by -> 'died_on' end
    )) as guard_told_by,
    case when hides_age then 'not shown' else own_age_band end as age_band,
    case when hides_all then 'not shown' else own_sex_code end as sex_code,
    case when not hides_all then is_dead end as has_died,
    sources,
    has_childrens_social_care,
    has_adult_social_care,
    has_hospital_care,
    has_social_housing
from without_age
