-- Question 8: How long do adults and children wait for mental health care?
-- Reader: the People's Board
-- Caveats:
-- - A wait runs from referral to the first attended contact. Who still waits has no such contact, and is told apart: means of
--   those seen alone would be too short.
-- - Referrals that were turned away wait for nothing, and have a share of their own. A contact that carries no referral ends none.
-- - The months at the end of the series have short waits only, because long ones are not over.
-- - Counts of 1 to 7 are hidden, others are to the nearest 5; a middle value needs eight.
-- Coverage: north_west_boroughs/mental_health_services
with needed (feed) as (
    values ('north_west_boroughs/mental_health_services')
),

told as (
    select
        coverage.month,
        string_agg(coverage.feed || ' (' || coverage.status || ')', ', ' order by coverage.feed) filter (
            where coverage.status <> 'complete'
        ) as not_told_by
    from needed
    inner join insight.coverage as coverage on coverage.feed = needed.feed
    where coverage.is_promised
    group by coverage.month
),

wanted (service, whose) as (
    values ('mental health', 'adults'), ('children''s mental health', 'children')
),

answers as (
    select
        wanted.whose,
        waits.month as referred_in,
        waits.referrals_as_shown as referrals,
        round(waits.turned_away_percent, 1) as turned_away_percent,
        waits.seen,
        round(waits.median_days_to_first_contact, 1) as median_days_to_first_contact,
        round(waits.seen_within_4_weeks_percent, 1) as seen_within_4_weeks_percent,
        round(waits.seen_within_18_weeks_percent, 1) as seen_within_18_weeks_percent,
        waits.still_waiting,
        case
            when told.month is null then 'no data'
            else coalesce('not complete: ' || told.not_told_by, 'complete')
        end as coverage
    from board.waits as waits
    inner join wanted on wanted.service = waits.service
    left join told on told.month = waits.month
    where waits.has_data
)

select *, cast(null as text) as cannot_be_answered_because
from answers
union all
select
    null, null, null, null, null, null, null, null, null, null,
    wanted.whose || ': no referral to mental health care has come: how long anybody waited is not known'
from wanted
where not exists (select from answers where answers.whose = wanted.whose)
order by whose, referred_in
