-- One row for each month, cohort, dimension and value of it: how many people were in the cohort, and what care they had.
-- People are those who were in the cohort on any day of the month. Months that the hospital's feed did not tell have no rates.
with cohort_members as (
    select cohort, person_id, entered_on, left_on from {{ ref('cohorts') }}
    union all
    select 'all' as cohort, person_id, coalesce(born_on, '-infinity') as entered_on, died_on as left_on from {{ ref('persons') }}
),

told as (
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

lived as (
    select distinct told.month, told.has_hospital, members.cohort, members.person_id
    from told
    inner join cohort_members as members
        on members.entered_on < told.month + interval '1 month'
        and (members.left_on is null or members.left_on >= told.month)
),

counted as (
    select
        lived.month,
        lived.cohort,
        case
            when grouping(groups.ward) = 0 then 'ward'
            when grouping(groups.deprivation_decile) = 0 then 'deprivation'
            when grouping(groups.ethnic_group) = 0 then 'ethnic group'
            else 'all'
        end as dimension,
        coalesce(groups.ward, groups.deprivation_decile, groups.ethnic_group, 'all') as value,
        bool_or(lived.has_hospital) as has_hospital,
        count(*) as guard_people,
        cast(coalesce(sum(lawful.emergency_stays), 0) as bigint) as guard_emergency_stays,
        cast(coalesce(sum(lawful.emergency_attendances), 0) as bigint) as guard_attendances,
        cast(coalesce(sum(lawful.contacts), 0) as bigint) as guard_contacts
    from lived
    left join {{ ref('person_groups') }} as groups on groups.person_id = lived.person_id
    left join lawful on lawful.person_id = lived.person_id and lawful.month = lived.month
    group by grouping sets (
        (lived.month, lived.cohort),
        (lived.month, lived.cohort, groups.ward),
        (lived.month, lived.cohort, groups.deprivation_decile),
        (lived.month, lived.cohort, groups.ethnic_group)
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
