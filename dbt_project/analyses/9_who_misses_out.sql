-- Question 9: Who misses out, by ward, deprivation and ethnicity?
-- Reader: the People's Board
-- Caveats:
-- - Told is who receives care, not who needs it: a low rate is a question, no finding.
-- - People whose ward, deprivation or ethnicity is not known stand as not known; where they are many, the others mislead.
-- - Deprivation is that of the neighbourhood, not of the person. Rates are not standardised by age unless the column says so.
-- - Counts of 1 to 7 are hidden, others are to the nearest 5; small wards may show nothing.
-- Coverage: gp_practices/summary, sthk/admitted_patient_care, council/adult_social_care,
--   north_west_boroughs/mental_health_services, ons/postcodes, ons/areas
with needed (feed) as (
    values
        ('gp_practices/summary'),
        ('sthk/admitted_patient_care'),
        ('council/adult_social_care'),
        ('north_west_boroughs/mental_health_services'),
        ('ons/postcodes'),
        ('ons/areas')
)

select
    needed.feed,
    count(coverage.month) filter (where coverage.status = 'complete') as months_told,
    'no table of who misses out is published' as cannot_be_answered_because
from needed
left join insight.coverage as coverage on coverage.feed = needed.feed
group by needed.feed
order by needed.feed
