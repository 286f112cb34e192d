-- One row for each person, cohort and span in it, under a pseudonym, in months.
select
    cohorts.person_id as guard_person_id,
    cohorts.cohort,
    {{ month_of('cohorts.entered_on') }} as entered_month,
    {{ month_of('cohorts.left_on') }} as left_month
from {{ ref('cohorts') }} as cohorts
inner join {{ ref('persons') }} as persons on persons.person_id = cohorts.person_id
