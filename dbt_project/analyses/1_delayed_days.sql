-- Question 1: Where do we stand on delayed days?
-- Reader: the People's Board
-- Caveats:
-- - The series ends in February 2020 and is never continued by days since discharge was possible, which is another measure.
-- - Rank is among councils with data in that month, ties sharing a rank; where few have data it says little. In a demo the other
--   councils are made up.
-- - A day is counted for St Helens by where the patient lives, in whatever trust's bed. A trust that told nothing is missing
--   from the total, which is then too low and not shown as complete.
-- - The rate is people delayed on an average day for each 100,000 adults of the council. rank 1 is the lowest rate.
-- - Attribution to the NHS, social care or both is the trusts' word.
-- Coverage: sthk/delayed_transfers, north_west_boroughs/delayed_transfers
with needed (feed) as (
    values ('sthk/delayed_transfers'), ('north_west_boroughs/delayed_transfers')
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

-- The reason with the most delayed days, as far as they may be shown.
reasons as (
    select distinct on (month, responsible) month, responsible, reason
    from board.delayed_days
    where council_code = 'E08000013' and reason <> 'all' and delayed_days > 0
    order by month, responsible, delayed_days desc, reason
),

answers as (
    select
        days.month,
        days.responsible,
        days.delayed_days_as_shown as delayed_days,
        round(days.delayed_per_day_per_100000, 1) as delayed_per_day_per_100000,
        ranks.rank,
        ranks.ranked_councils,
        ranks.councils_without_data,
        reasons.reason as most_days_for_reason,
        case
            when told.month is null then 'no data'
            when told.not_told_by is not null then 'not complete: ' || told.not_told_by
            when not days.is_complete then 'not complete'
            else 'complete'
        end as coverage
    from board.delayed_days as days
    left join board.delayed_days_rank as ranks
        on ranks.month = days.month and ranks.responsible = days.responsible and ranks.council = days.council_code
    left join reasons on reasons.month = days.month and reasons.responsible = days.responsible
    left join told on told.month = days.month
    where days.council_code = 'E08000013' and days.reason = 'all' and days.delayed_days_as_shown <> 'no data'
)

select *, cast(null as text) as cannot_be_answered_because
from answers
union all
select
    null, null, null, null, null, null, null, null, null,
    'no return of delayed transfers has come: how many days were lost to delay is not known'
where not exists (select from answers)
union all
select
    null, null, null, null, null, null, null, null, null,
    'rank: no month has a rate of St Helens and of another council, which needs the number of adults and other councils'' figures'
where exists (select from answers) and not exists (select from answers where ranked_councils > 1 and rank is not null)
order by month, responsible
