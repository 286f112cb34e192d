-- One row for each month, cohort, dimension and value of it: how many people were in the cohort, and what care they had.
-- People are those who were in the cohort on any day of the month. What not every feed of a kind of care told has no figures.
{%- set kinds = {
    'emergency_stays': 'emergency_stays + planned_stays',
    'attendances': 'emergency_attendances',
    'contacts': 'community_contacts + mental_health_contacts',
} %}
{%- set tell %}
(
    {%- for kind, counts in kinds.items() %}
    {{ 'union all' if not loop.first }}
    select feed, '{{ kind }}' as setting from {{ ref('person_months') }} where {{ counts }} > 0
    {%- endfor %}
)
{%- endset %}
with kinds_told as (
    {{ months_told(tell) }}
),

months as (
    select
        coverage.month
        {%- for kind in kinds %},
        coverage.month in (select kinds_told.month from kinds_told where kinds_told.setting = '{{ kind }}') as has_{{ kind }}
        {%- endfor %}
    from {{ ref('insight_coverage') }} as coverage
    where coverage.status <> 'no data' and coverage.feed in ({{ feeds_of_the_board() }})
    group by coverage.month
),

had as (
    select
        person_id,
        month,
        sum(emergency_stays) as emergency_stays,
        sum(emergency_attendances) as attendances,
        sum(community_contacts + mental_health_contacts) as contacts
    from {{ ref('person_months') }}
    where feed in ({{ feeds_of_the_board() }})
    group by person_id, month
),

-- Somebody may enter a cohort twice in a month, but is one of all people once.
lived as (
    select distinct months.month, cohorts.cohort, cohorts.person_id
    from months
    inner join {{ ref('cohorts') }} as cohorts
        on cohorts.entered_on < months.month + interval '1 month'
        and (cohorts.left_on is null or cohorts.left_on >= months.month)

    union all

    select months.month, 'all' as cohort, persons.person_id
    from months
    inner join {{ ref('persons') }} as persons
        on (persons.born_on is null or persons.born_on < months.month + interval '1 month')
        and (persons.died_on is null or persons.died_on >= months.month)
),

-- The people are gone through once; the four dimensions are then made from a few thousand rows.
in_groups as (
    select
        lived.month,
        lived.cohort,
        groups.ward,
        groups.deprivation_decile,
        groups.ethnic_group,
        count(*) as people
        {%- for kind in kinds %},
        sum(had.{{ kind }}) as {{ kind }}
        {%- endfor %}
    from lived
    left join {{ ref('person_groups') }} as groups on groups.person_id = lived.person_id
    left join had on had.person_id = lived.person_id and had.month = lived.month
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
        cast(sum(people) as bigint) as people
        {%- for kind in kinds %},
        cast(coalesce(sum({{ kind }}), 0) as bigint) as {{ kind }}
        {%- endfor %}
    from in_groups
    group by grouping sets (
        (month, cohort), (month, cohort, ward), (month, cohort, deprivation_decile), (month, cohort, ethnic_group)
    )
),

known as (
    select
        counted.month,
        counted.cohort,
        counted.dimension,
        counted.value,
        counted.people as guard_people
        {%- for kind in kinds %},
        case when months.has_{{ kind }} then counted.{{ kind }} end as guard_{{ kind }}
        {%- endfor %}
    from counted
    inner join months on months.month = counted.month
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
    guard_emergency_stays is not null as has_hospital_data,
    {{ shown_count('guard_people') }} as people,
    {{ shown_text('guard_people') }} as people_as_shown,
    {{ shown_count('guard_emergency_stays') }} as emergency_stays,
    {{ shown_count('guard_attendances') }} as attendances,
    {{ shown_count('guard_contacts') }} as contacts,
    cast(round(
        1000.0 * ({{ shown_count('guard_emergency_stays') }}) / nullif({{ shown_count('guard_people') }}, 0), 1
    ) as numeric) as emergency_stays_per_1000
from known
