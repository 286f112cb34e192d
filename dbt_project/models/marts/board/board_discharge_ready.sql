-- One row for each month in which stays ended: for how many of them the day is told on which the patient was ready to leave, and
-- how long they waited then. Completeness comes first: below 80 per cent, no wait is shown.
-- This is no continuation of delayed transfers of care, which counted days by council and reason until February 2020.
with ended as (
    select
        {{ month_of('discharged_on') }} as month,
        count(*) as guard_stays,
        count(*) filter (where discharge_ready_on <= discharged_on) as guard_with_ready_day,
        count(*) filter (where discharge_ready_on < discharged_on) as guard_delayed,
        sum({{ nights_between('discharge_ready_on', 'discharged_on') }}) filter (
            where discharge_ready_on <= discharged_on
        ) as ready_days
    from {{ ref('hospital_stays') }}
    where discharged_on is not null
        and feed in ({{ feeds_of_the_board() }})
    group by 1
)

select
    guard_stays,
    guard_with_ready_day,
    guard_delayed,
    month,
    {{ shown_count('guard_stays') }} as stays,
    cast({{ shown_percent('guard_with_ready_day', 'guard_stays') }} as numeric) as with_ready_day_percent,
    cast(case
        when guard_with_ready_day >= 8 and guard_with_ready_day >= 0.8 * guard_stays
            then round(cast(ready_days as numeric) / guard_with_ready_day, 1)
    end as numeric) as mean_days_from_ready_to_discharge
from ended
