-- Question 10: What do people cost whom three or more organisations help, and does their care overlap?
-- Reader: the People's Board
-- Caveats:
-- - Cost is activity times a unit cost from a named source, at the latest prices. It is no invoice, and care without a price
--   is left out; unpriced_percent says how much that is.
-- - People are counted whom the index could link. Who is known to few organisations may only be linked too seldom.
-- - Overlap means referrals open at two providers on one day. Some of it is good care, agreed between the two.
-- - Counts of 1 to 7 are hidden, others are to the nearest 5.
-- Coverage: sthk/admitted_patient_care, sthk/emergency_care, sthk/outpatients, council/adult_social_care,
--   bridgewater/community_services, north_west_boroughs/mental_health_services, gp_practices/summary,
--   halton_st_helens_vca/referrals, council/unit_costs
with needed (feed) as (
    values
        ('sthk/admitted_patient_care'),
        ('sthk/emergency_care'),
        ('sthk/outpatients'),
        ('council/adult_social_care'),
        ('bridgewater/community_services'),
        ('north_west_boroughs/mental_health_services'),
        ('gp_practices/summary'),
        ('halton_st_helens_vca/referrals'),
        ('council/unit_costs')
),

not_told as (
    select coverage.month, coverage.feed
    from needed
    inner join insight.coverage as coverage on coverage.feed = needed.feed
    where coverage.is_promised and coverage.status <> 'complete'
),

gaps as (
    select years.last_month, string_agg(distinct not_told.feed, ', ' order by not_told.feed) as not_told_by
    from (select distinct first_month, last_month from board.cost_and_overlap) as years
    inner join not_told on not_told.month between years.first_month and years.last_month
    group by years.last_month
),

answers as (
    select
        overlap.organisations as organisations_that_helped,
        overlap.first_month,
        overlap.last_month,
        overlap.partnership as of_the_partnership,
        overlap.people_as_shown as people,
        round(overlap.mean_cost_gbp) as mean_cost_gbp,
        round(overlap.with_overlap_percent, 1) as with_overlap_percent,
        round(overlap.with_duplicate_percent, 1) as with_duplicate_percent,
        round(overlap.assessed_again_percent, 1) as assessed_again_percent,
        round(overlap.mean_hand_over_days, 1) as mean_hand_over_days,
        round(overlap.unpriced_percent, 1) as unpriced_percent,
        case
            when overlap.months_told < 12 then concat_ws(
                '; ',
                overlap.months_told || ' of 12 months are told: compare with no other year',
                'not complete: ' || gaps.not_told_by
            )
            else coalesce('not complete: ' || gaps.not_told_by, 'complete')
        end as coverage
    from board.cost_and_overlap as overlap
    left join gaps on gaps.last_month = overlap.last_month
    where overlap.people_as_shown is not null and overlap.people_as_shown <> '0'
)

select *, cast(null as text) as cannot_be_answered_because
from answers
union all
select
    null, null, null, null, null, null, null, null, null, null, null, null,
    'no month is told by hospitals and social care together, or no unit costs came: a cost without its feeds would be too low'
where not exists (select from answers)
order by last_month, organisations_that_helped
