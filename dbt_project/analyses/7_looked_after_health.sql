-- Question 7: Do looked-after children get their health checks on time?
-- Reader: the People's Board and the corporate parenting board
-- Caveats:
-- - Counted are children looked after for at least twelve months on 31 March, as the council's return counts them.
-- - Due are a health check every twelve months, and every six for children under five.
-- - The return says that a check was done; the health service's contacts say when. Where the two do not agree, neither is
--   proved wrong: a contact may carry no NHS number.
-- - The health service moved from Bridgewater to North West Boroughs on 1 December 2019; a year needs both.
-- - Counts of 1 to 7 are hidden, others are to the nearest 5, and the borough has few children of some ages.
-- Coverage: council/looked_after_children, bridgewater/looked_after_children_health,
--   north_west_boroughs/looked_after_children_health, north_west_boroughs/mental_health_services
with needed (feed) as (
    values
        ('council/looked_after_children'),
        ('bridgewater/looked_after_children_health'),
        ('north_west_boroughs/looked_after_children_health'),
        ('north_west_boroughs/mental_health_services')
),

years as (
    select distinct year_ended_on from board.looked_after_health
),

told as (
    select
        years.year_ended_on,
        needed.feed,
        count(coverage.month) filter (where coverage.status = 'complete') as months_told,
        count(coverage.month) filter (where coverage.is_promised) as months_promised
    from years
    cross join needed
    left join insight.coverage as coverage
        on coverage.feed = needed.feed
        and coverage.month <= years.year_ended_on
        and coverage.month > years.year_ended_on - interval '1 year'
    group by years.year_ended_on, needed.feed
),

gaps as (
    select
        year_ended_on,
        string_agg(feed || ' (' || months_told || ' of ' || months_promised || ' months)', ', ' order by feed) as not_told_by
    from told
    where months_told < months_promised or months_promised = 0
    group by year_ended_on
),

answers as (
    select
        health.year_ended_on,
        health.measure,
        health.told_by,
        health.denominator as children,
        health.numerator_as_shown as of_whom,
        round(health.percent, 1) as percent,
        coalesce('not complete: ' || gaps.not_told_by, 'complete') as coverage
    from board.looked_after_health as health
    left join gaps on gaps.year_ended_on = health.year_ended_on
    where health.has_data
),

not_answered as (
    select measure || ' (' || told_by || '): no child of whom it is told' as reason
    from board.looked_after_health
    group by measure, told_by
    having not bool_or(has_data)
)

select *, cast(null as text) as cannot_be_answered_because
from answers
union all
select null, null, null, null, null, null, null, reason
from not_answered
union all
select
    null, null, null, null, null, null, null,
    'the council''s return on children looked after has not come: nobody knows here who should have been checked'
where not exists (select from board.looked_after_health)
order by year_ended_on, told_by, measure
