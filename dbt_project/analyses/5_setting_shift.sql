-- Question 5: Are people spending fewer days in hospital, has care moved out of it?
-- Reader: the People's Board
-- Caveats:
-- - Days are nights in hospital; care at home is social care outside care homes and attended community contacts. Care in care
--   homes and mental health hospitals is in neither.
-- - The baseline is the mean of the first 12 months told; with fewer there is none, and no change can be named.
-- - A change in days is no proof that care moved: read both rates of one cohort together.
-- - Counts of 1 to 7 are hidden, others are to the nearest 5.
-- Coverage: sthk/admitted_patient_care, council/adult_social_care, bridgewater/community_services
with needed (feed) as (
    values ('sthk/admitted_patient_care'), ('council/adult_social_care'), ('bridgewater/community_services')
),

told as (
    select
        coverage.month,
        string_agg(coverage.feed, ', ' order by coverage.feed) filter (where coverage.status <> 'complete') as not_told_by
    from needed
    inner join insight.coverage as coverage on coverage.feed = needed.feed
    where coverage.is_promised
    group by coverage.month
),

answers as (
    select
        shift.cohort,
        shift.month,
        shift.people_as_shown as people,
        shift.hospital_days,
        shift.home_days,
        round(shift.hospital_days_per_1000_people, 1) as hospital_days_per_1000_people,
        round(shift.home_days_per_1000_people, 1) as home_days_per_1000_people,
        round(shift.hospital_against_baseline, 1) as hospital_against_baseline,
        round(shift.home_against_baseline, 1) as home_against_baseline,
        case
            when told.month is null or told.not_told_by is not null or shift.coverage <> 'told'
                then concat_ws('; ', nullif(shift.coverage, 'told'), 'not complete: ' || told.not_told_by)
            else 'complete'
        end as coverage
    from board.setting_shift as shift
    left join told on told.month = shift.month
    where shift.hospital_days is not null or shift.home_days is not null
)

select *, cast(null as text) as cannot_be_answered_because
from answers
union all
select
    null, null, null, null, null, null, null, null, null, null,
    'no month is told by the feeds of hospitals and of care at home'
where not exists (select from answers)
order by cohort, month
