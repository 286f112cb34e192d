-- One row for each month and cohort: days in hospital against days of care at home.
-- Rules, ours: a day in hospital is a night of a hospital stay. A day of care at home is a day of social care service that is
-- no care home, at most the days of the month for each person, or an attended contact of a community service. People are
-- those of the cohort who lived in the month. The baseline is the mean rate of the first 12 months that are told.
with told as (
    {{ months_told(
        "(select feed, setting from " ~ ref('person_costs') ~ " where setting in ('hospital', 'community', 'social care')"
        ~ " and activity not in ('outpatient appointment', 'child looked after', 'children''s contact'))"
    ) }}
),

told_months as (
    select
        month,
        bool_or(setting = 'hospital') as has_hospital,
        -- Care at home is told where both of its parts are.
        bool_or(setting = 'community') and bool_or(setting = 'social care') as has_home
    from told
    group by month
),

members as (
    select person_id, cohort, entered_on, left_on from {{ ref('cohorts') }}

    union all

    select person_id, 'all' as cohort, coalesce(born_on, '-infinity') as entered_on, died_on as left_on
    from {{ ref('persons') }}
),

people as (
    select outcomes.month, outcomes.cohort, outcomes.guard_people as people
    from {{ ref('board_cohort_outcomes') }} as outcomes
    inner join told_months on told_months.month = outcomes.month
    where outcomes.dimension = 'all'
),

lived as (
    select
        person_id,
        month,
        sum(hospital_nights) as hospital_days,
        least(sum(home_care_days), cast(month + interval '1 month' as date) - month) + sum(community_contacts) as home_days
    from {{ ref('person_months') }}
    where feed in ({{ feeds_of_the_board() }})
    group by person_id, month
    having sum(hospital_nights) + sum(home_care_days) + sum(community_contacts) > 0
),

days as (
    select
        month,
        cohort,
        count(*) filter (where hospital_days > 0) as people_in_hospital,
        count(*) filter (where home_days > 0) as people_at_home,
        sum(hospital_days) as hospital_days,
        sum(home_days) as home_days
    from (
        select distinct lived.*, members.cohort
        from lived
        inner join members
            on members.person_id = lived.person_id
            and members.entered_on < lived.month + interval '1 month'
            and (members.left_on is null or members.left_on >= lived.month)
    ) as of_members
    group by month, cohort
),

counted as (
    select
        people.month,
        people.cohort,
        people.people as guard_people,
        case when told_months.has_hospital then coalesce(days.people_in_hospital, 0) end as guard_people_in_hospital,
        case when told_months.has_home then coalesce(days.people_at_home, 0) end as guard_people_at_home,
        case when told_months.has_hospital then coalesce(days.hospital_days, 0) end as guard_hospital_days,
        case when told_months.has_home then coalesce(days.home_days, 0) end as guard_home_days
    from people
    inner join told_months on told_months.month = people.month
    left join days on days.month = people.month and days.cohort = people.cohort
),

-- Days of fewer than 8 people are not shown, nor are rates of so small a cohort.
rates as (
    select
        *,
        case when guard_people > 7 and guard_people_in_hospital not between 1 and 7
            then 1000.0 * {{ shown_count('guard_hospital_days') }} / {{ shown_count('guard_people') }}
        end as hospital_rate,
        case when guard_people > 7 and guard_people_at_home not between 1 and 7
            then 1000.0 * {{ shown_count('guard_home_days') }} / {{ shown_count('guard_people') }}
        end as home_rate
    from counted
),

numbered as (
    select
        *,
        count(hospital_rate) over turns as hospital_month,
        count(home_rate) over turns as home_month
    from rates
    window turns as (partition by cohort order by month)
),

against as (
    select
        *,
        case when count(hospital_rate) over (partition by cohort) >= 12
            then avg(hospital_rate) filter (where hospital_month <= 12) over (partition by cohort)
        end as hospital_baseline,
        case when count(home_rate) over (partition by cohort) >= 12
            then avg(home_rate) filter (where home_month <= 12) over (partition by cohort)
        end as home_baseline
    from numbered
)

select
    guard_people,
    guard_people_in_hospital,
    guard_people_at_home,
    month,
    cohort,
    case
        when guard_hospital_days is null and guard_home_days is null then 'no data'
        when guard_hospital_days is null then 'no data of hospitals'
        when guard_home_days is null then 'no data of care at home'
        else 'told'
    end as coverage,
    {{ shown_count('guard_people') }} as people,
    {{ shown_text('guard_people') }} as people_as_shown,
    case when hospital_rate is not null then {{ shown_count('guard_hospital_days') }} end as hospital_days,
    case when home_rate is not null then {{ shown_count('guard_home_days') }} end as home_days,
    cast(round(hospital_rate, 1) as numeric(12, 1)) as hospital_days_per_1000_people,
    cast(round(home_rate, 1) as numeric(12, 1)) as home_days_per_1000_people,
    cast(round(home_rate / nullif(hospital_rate, 0), 2) as numeric(12, 2)) as home_days_per_hospital_day,
    cast(round(hospital_baseline, 1) as numeric(12, 1)) as hospital_baseline,
    cast(round(home_baseline, 1) as numeric(12, 1)) as home_baseline,
    cast(round(hospital_rate / nullif(hospital_baseline, 0), 2) as numeric(12, 2)) as hospital_against_baseline,
    cast(round(home_rate / nullif(home_baseline, 0), 2) as numeric(12, 2)) as home_against_baseline
from against
