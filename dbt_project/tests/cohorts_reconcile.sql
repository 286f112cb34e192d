-- Nobody is lost or made up between the marts of priority areas and what they are made from.
select 'person_groups holds everybody' as what
where (select count(*) from {{ ref('person_groups') }}) <> (select count(*) from {{ ref('persons') }})

union all

select 'insight_cohorts holds everybody of each cohort' as what
where (select count(*) from (select distinct guard_person_id, cohort from {{ ref('insight_cohorts') }}) as held)
    <> (select count(*) from (select distinct person_id, cohort from {{ ref('cohorts') }}) as told)

union all

select 'spans of one cohort do not overlap' as what
from (
    select entered_on, lag(coalesce(left_on, 'infinity')) over (partition by person_id, cohort order by entered_on) as left_before
    from {{ ref('cohorts') }}
) as spans
where entered_on <= left_before

union all

select 'whoever is frail was in hospital at 75 or older' as what
from {{ ref('cohorts') }} as cohorts
left join {{ ref('frailty') }} as scored on scored.person_id = cohorts.person_id and scored.admitted_on = cohorts.entered_on
where cohorts.cohort = 'frailty' and scored.score is null

union all

select 'waits count every lawful referral' as what
where (select coalesce(sum(guard_referrals), 0) from {{ ref('board_waits') }} where has_data) > (select count(*) from {{ ref('referrals') }})

union all

select 'parts of a month and cohort add up to its people' as what
from {{ ref('board_cohort_outcomes') }}
group by month, cohort
having
    sum(guard_people) filter (where dimension = 'ward') <> sum(guard_people) filter (where dimension = 'all')
    or sum(guard_people) filter (where dimension = 'deprivation') <> sum(guard_people) filter (where dimension = 'all')
    or sum(guard_people) filter (where dimension = 'ethnic group') <> sum(guard_people) filter (where dimension = 'all')

union all

select 'parts of a measure add up to the borough' as what
from {{ ref('board_who_misses_out') }}
group by year_from, measure
having sum(guard_denominator) filter (where dimension = 'ward') <> sum(guard_denominator) filter (where dimension = 'all')

union all

select 'conflicts are of people who are known' as what
from {{ ref('person_conflicts') }}
where person_id not in (select person_id from {{ ref('persons') }})
