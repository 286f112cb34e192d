-- One row for each person, cohort and month of entry, under a pseudonym.
select
    cohorts.person_id as guard_person_id,
    cohorts.cohort,
    {{ month_of('cohorts.entered_on') }} as entered_month,
    case when bool_and(cohorts.left_on is not null) then {{ month_of('max(cohorts.left_on)') }} end as left_month
from {{ ref('cohorts') }} as cohorts
inner join {{ ref('persons') }} as persons on persons.person_id = cohorts.person_id
group by cohorts.person_id, cohorts.cohort, {{ month_of('cohorts.entered_on') }}
