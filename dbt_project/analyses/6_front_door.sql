-- Question 6: Is Contact Cares better than ISAH was?
-- Reader: the People's Board
-- Caveats:
-- - Each figure is the mean of the months that are told whole, each month counting alike; two months are no trend. Where one
--   of them is hidden there is none: the others would be chosen by their smallness.
-- - Contact Cares takes children's first contacts and Halton's staff, which ISAH did not: a difference may be one of who calls.
-- - What followed within 30 or 90 days is known only where hospitals and social care told of those days; a difference after
--   the change is no proof that the change made it.
-- - An onward referral counts as arrived where the other organisation's own data show it.
-- - Counts of 1 to 7 are hidden, others are to the nearest 5.
-- Coverage: council/isah, council/contact_cares
with needed (front_door, feed) as (
    values ('ISAH', 'council/isah'), ('Contact Cares', 'council/contact_cares')
),

told as (
    select needed.front_door, coverage.month
    from needed
    inner join insight.coverage as coverage on coverage.feed = needed.feed
    where coverage.status = 'complete'
),

figures as (
    select doors.front_door, doors.month, figure.place, figure.measure, figure.value
    from board.front_door as doors
    cross join lateral (
        values
            (1, 'contacts a month', cast(doors.contacts as numeric)),
            (2, 'resolved at first contact, per cent', doors.resolved_percent),
            (3, 'crises answered within 120 minutes, per cent', doors.crises_in_time_percent),
            (4, 'contacted again within 30 days, per cent', doors.repeat_percent),
            (5, 'onward referrals that arrived, per cent', doors.arrived_percent)
    ) as figure (place, measure, value)
    where doors.dimension = 'all' and doors.has_data
    union all
    select
        front_door,
        month,
        6 as place,
        event || ' within ' || days || ' days, per cent' as measure,
        happened_percent as value
    from board.after_front_door
    where has_data
),

-- Of each front door, the mean where every told month may be shown.
means as (
    select
        figures.place,
        figures.measure,
        figures.front_door,
        count(*) as months,
        count(*) - count(figures.value) as hidden_months,
        case when count(*) = count(figures.value) then round(avg(figures.value), 1) end as mean
    from figures
    inner join told on told.front_door = figures.front_door and told.month = figures.month
    group by figures.place, figures.measure, figures.front_door
),

answers as (
    select
        coalesce(isah.measure, cares.measure) as measure,
        isah.months as isah_months,
        isah.mean as isah,
        cares.months as contact_cares_months,
        cares.mean as contact_cares,
        cares.mean - isah.mean as difference,
        concat_ws(
            '; ',
            case when isah.measure is null then 'no data of ISAH' end,
            case when cares.measure is null then 'no data of Contact Cares' end,
            'ISAH: too few or hidden in ' || nullif(isah.hidden_months, 0) || ' months',
            'Contact Cares: too few or hidden in ' || nullif(cares.hidden_months, 0) || ' months',
            case when isah.hidden_months = 0 and cares.hidden_months = 0 then 'complete' end
        ) as coverage,
        coalesce(isah.place, cares.place) as place
    from (select * from means where front_door = 'ISAH') as isah
    full join (select * from means where front_door = 'Contact Cares') as cares on cares.measure = isah.measure
),

not_told as (
    select needed.front_door
    from needed
    where not exists (select from told where told.front_door = needed.front_door)
)

select
    measure, isah_months, isah, contact_cares_months, contact_cares, difference, coverage,
    cast(null as text) as cannot_be_answered_because
from (select * from answers order by place, measure) as in_order
union all
select
    null, null, null, null, null, null, null,
    'no month of ' || string_agg(front_door, ' and none of ' order by front_door desc)
        || ' has come whole: the two cannot be compared'
from not_told
having count(*) > 0
union all
select null, null, null, null, null, null, null, 'the feeds came, but no figure of either front door may be shown'
where not exists (select from answers) and not exists (select from not_told)
