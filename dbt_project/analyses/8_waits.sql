-- Question 8: How long do adults and children wait for mental health care?
-- Reader: the People's Board
-- Caveats:
-- - A wait runs from referral to the first attended contact. Who still waits has no such contact, and is told apart: means of
--   those seen alone would be too short.
-- - Rejected and withdrawn referrals are no waits. A contact that carries no referral cannot end one.
-- - The months at the end of the series have short waits only, because long ones are not over.
-- - Counts of 1 to 7 are hidden, others are to the nearest 5; a middle value needs eight.
-- Coverage: north_west_boroughs/mental_health_services
with needed (feed) as (
    values
        ('north_west_boroughs/mental_health_services')
)

select
    needed.feed,
    count(coverage.month) filter (where coverage.status = 'complete') as months_told,
    'no table of waits is published' as cannot_be_answered_because
from needed
left join insight.coverage as coverage on coverage.feed = needed.feed
group by needed.feed
order by needed.feed
