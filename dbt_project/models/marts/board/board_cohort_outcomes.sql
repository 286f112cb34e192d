-- One row for each month, cohort, dimension and value of it: how many people were in the cohort, and what care they had.
-- People are those who were in the cohort on any day of the month. Months that the hospital's feed did not tell have no rates.
with told as (
    select month, bool_or(status = 'complete') filter (where feed like '%/admitted\_patient\_care') as has_hospital
    from {{ ref('insight_coverage') }}
    where status <> 'no data'
    group by month
),

lawful as (
    select
        person_id,
        month,
        sum(emergency_stays) as emergency_stays,
        sum(emergency_attendances) as emergency_attendances,
        sum(community_contacts + mental_health_contacts) as contacts
    from {{ ref('person_months') }}
    where feed in (select feed from {{ source('governance', 'feed_in_use') }} where purpose = 'board reporting')
    group by person_id, month
),

-- Somebody may enter a cohort twice in a month, but is one of all people once.
lived as (
    select distinct told.month, told.has_hospital, cohorts.cohort, cohorts.person_id
    from told
    inner join {{ ref('cohorts') }} as cohorts
        on cohorts.entered_on < told.month + interval '1 month'
        and (cohorts.left_on is null or cohorts.left_on >= told.month)

    union all

    select told.month, told.has_hospital, 'all' as cohort, persons.person_id
    from told
    inner join {{ ref('persons') }} as persons
        on (persons.born_on is null or persons.born_on < told.month + interval '1 month')
        and (persons.died_on is null or persons.died_on >= told.month)
),

-- The people are gone through once; the four dimensions are then made from a few thousand rows.
in_groups as (
    select
        lived.month,
        lived.cohort,
        groups.ward,
        groups.deprivation_decile,
        groups.ethnic_group,
        bool_or(lived.has_hospital) as has_hospital,
        count(*) as people,
        sum(lawful.emergency_stays) as emergency_stays,
        sum(lawful.emergency_attendances) as emergency_attendances,
        sum(lawful.contacts) as contacts
    from lived
    left join {{ ref('person_groups') }} as groups on groups.person_id = lived.person_id
    left join lawful on lawful.person_id = lived.person_id and lawful.month = lived.month
    group by lived.month, lived.cohort, groups.ward, groups.deprivation_decile, groups.ethnic_group
),

counted as (
    select
        month,
        cohort,
        case
            when grouping(ward) = 0 then 'ward'
            when grouping(deprivation_decile) = 0 then 'deprivation'
            when grouping(ethnic_group) = 0 then 'ethnic group'
            else 'all'
        end as dimension,
        coalesce(ward, deprivation_decile, ethnic_group, 'all') as value,
        bool_or(has_hospital) as has_hospital,
        cast(sum(people) as bigint) as guard_people,
        cast(coalesce(sum(emergency_stays), 0) as bigint) as guard_emergency_stays,
        cast(coalesce(sum(emergency_attendances), 0) as bigint) as guard_attendances,
        cast(coalesce(sum(contacts), 0) as bigint) as guard_contacts
    from in_groups
    group by grouping sets (
        (month, cohort), (month, cohort, ward), (month, cohort, deprivation_decile), (month, cohort, ethnic_group)
    )
)

select
    guard_people,
    guard_emergency_stays,
    guard_attendances,
    guard_contacts,
    month,
    cohort,
    dimension,
    value,
    coalesce(has_hospital, false) as has_hospital_data,
    {{ shown_count('guard_people') }} as people,
    {{ shown_text('guard_people') }} as people_as_shown,
    case when has_hospital then {{ shown_count('guard_emergency_stays') }} end as emergency_stays,
    {{ shown_count('guard_attendances') }} as attendances,
    {{ shown_count('guard_contacts') }} as contacts,
    cast(case
        when has_hospital then round(1000.0 * ({{ shown_count('guard_emergency_stays') }}) / nullif({{ shown_count('guard_people') }}, 0), 1)
    end as numeric) as emergency_stays_per_1000
from counted
