-- Question 4: Did moved services get better, worse or neither, by site?
-- Reader: the People's Board
-- Caveats:
-- - A service keeps its name whoever provides it: changing the provider alone moves no figure.
-- - Better or worse: the mean of the months after lies outside the limits of those before, the mean plus or minus 2.66 times
--   the mean moving range (XmR). Neither: it lies within. With fewer than twelve months before there are no limits and no
--   verdict.
-- - Where a month is hidden there is no mean: the others would be chosen by their smallness.
-- - By site where the feeds tell it, else for all sites together; waits from referrals, people carried over and open referrals are
--   told for all sites only.
-- - What one provider did not code cannot be compared. From March 2020 on, the epidemic moves every figure.
-- - Counts of 1 to 7 are hidden, others are to the nearest 5.
-- Coverage: bridgewater/urgent_treatment_centre, sthk/urgent_treatment_centre, bridgewater/iv_therapy, sthk/iv_therapy,
--   bridgewater/looked_after_children_health, north_west_boroughs/looked_after_children_health
with needed (service, feed) as (
    values
        ('urgent treatment centre', 'bridgewater/urgent_treatment_centre'),
        ('urgent treatment centre', 'sthk/urgent_treatment_centre'),
        ('IV therapy', 'bridgewater/iv_therapy'),
        ('IV therapy', 'sthk/iv_therapy'),
        ('looked after children''s health', 'bridgewater/looked_after_children_health'),
        ('looked after children''s health', 'north_west_boroughs/looked_after_children_health')
),

-- A month is told where each feed that should have told of it did; feeds that have handed over should not.
told as (
    select needed.service, coverage.month, bool_and(coverage.status = 'complete') as is_told
    from needed
    inner join insight.coverage as coverage on coverage.feed = needed.feed
    where coverage.is_promised
    group by needed.service, coverage.month
),

figures as (
    select services.service, services.site_code, services.moved_on, services.month, services.is_after, figure.place, figure.measure, figure.value,
        figure.more_is
    from board.moved_services as services
    inner join told on told.service = services.service and told.month = services.month
    cross join lateral (
        values
            (1, 'contacts a month', cast(services.attended as numeric), 'neither'),
            (2, 'missed, per cent', services.missed_percent, 'worse'),
            (3, 'median days to first contact', services.median_days_to_first_contact, 'worse'),
            (4, 'mean minutes in department', services.mean_minutes_in_department, 'worse')
    ) as figure (place, measure, value, more_is)
    where told.is_told and services.has_data
),

moving as (
    select
        *,
        abs(value - lag(value) over (partition by service, site_code, measure, is_after order by month)) as range
    from figures
),

compared as (
    select
        service,
        site_code,
        moved_on,
        place,
        measure,
        more_is,
        count(*) filter (where not is_after) as months_before,
        avg(value) filter (where not is_after) as before,
        count(*) filter (where is_after) as months_after,
        avg(value) filter (where is_after) as after,
        count(*) - count(value) as hidden_months,
        2.66 * avg(range) filter (where not is_after) as limit_distance
    from moving
    group by service, site_code, moved_on, place, measure, more_is
    having count(value) > 0
),

once as (
    select distinct on (service) service, carried_over_percent, open_referrals_arrived_percent
    from board.moved_services
    where site_code = 'all'
    order by service, month desc
),

answers as (
    select
        compared.service,
        compared.site_code as site,
        compared.moved_on,
        compared.measure,
        nullif(compared.months_before, 0) as months_before,
        case when compared.hidden_months = 0 then round(compared.before, 1) end as before,
        nullif(compared.months_after, 0) as months_after,
        case when compared.hidden_months = 0 then round(compared.after, 1) end as after,
        case
            when compared.hidden_months > 0 then 'not judged: too few or hidden in ' || compared.hidden_months || ' months'
            when compared.months_before < 12 then 'not judged: fewer than 12 months before are told'
            when compared.months_after = 0 then 'not judged: no month after is told'
            when abs(compared.after - compared.before) <= compared.limit_distance then 'neither'
            when compared.more_is = 'neither' then case when compared.after > compared.before then 'more' else 'fewer' end
            when compared.after > compared.before then 'worse'
            else 'better'
        end as verdict,
        round(once.carried_over_percent, 1) as people_carried_over_percent,
        round(once.open_referrals_arrived_percent, 1) as open_referrals_arrived_percent,
        case
            when compared.months_before = 0 then 'no data before'
            when compared.months_after = 0 then 'no data after'
            when compared.months_before < 12 or compared.months_after < 12 then 'part of a year'
            else 'a year or more on both sides'
        end as coverage,
        compared.place
    from compared
    left join once on once.service = compared.service and compared.site_code = 'all'
)

select
    service, site, moved_on, measure, months_before, before, months_after, after, verdict, people_carried_over_percent,
    open_referrals_arrived_percent, coverage, cast(null as text) as cannot_be_answered_because
from (select * from answers order by service, site <> 'all', site, place) as in_order
union all
select
    null, null, null, null, null, null, null, null, null, null, null, null,
    moves.service || ': no month with data before or after it moved on ' || to_char(moves.moved_on, 'FMDD FMMonth YYYY')
from (select distinct service, moved_on from board.moved_services) as moves
where not exists (select from answers where answers.service = moves.service)
union all
select
    null, null, null, null, null, null, null, null, null, null, null, null,
    services.service || ': no site is told, so that its figures are of the whole service'
from (select distinct service from answers) as services
where not exists (
    select from answers where answers.service = services.service and answers.site not in ('all', 'not told')
)
