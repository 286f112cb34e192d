-- One row for each service that moved, its site or all of them, and month from twelve before the move to twelve after it.
-- The service is known by its own word, whoever provides it, so that to change the provider moves no figure by itself.
{%- set carried_days = 90 %}
{%- set months_each_side = var('months_each_side_of_a_move', 12) %}
with moves as (
    select service, from_organisation_code, to_organisation_code, moved_on
    from {{ ref('default_service_moves') }}
),

lawful as (
    {{ feeds_of_the_board() }}
),

activity as (
    select service, site_code, provider_code, person_id, contact_on as on_day, attendance, cast(null as integer) as minutes, feed
    from {{ ref('contacts') }}
    where service in (select service from moves) and feed in (select feed from lawful)
    union all
    select service, site_code, provider_code, person_id, attended_on, attendance, minutes_in_department, feed
    from {{ ref('attendances') }}
    where source = 'ecds' and service in (select service from moves) and feed in (select feed from lawful)
),

referred as (
    select service, provider_code, person_id, referral_id, referred_on, first_contact_on, closed_on, rejected_on, feed
    from {{ ref('referrals') }}
    where service in (select service from moves) and feed in (select feed from lawful)
),

by_month as (
    select
        service,
        case when grouping(coalesce(site_code, 'not told')) = 1 then 'all' else coalesce(site_code, 'not told') end as site_code,
        {{ month_of('on_day') }} as month,
        count(*) filter (where attendance = 'attended') as guard_attended,
        count(*) filter (where attendance in ('attended', 'did not attend')) as guard_booked,
        count(*) filter (where attendance = 'did not attend') as guard_missed,
        count(distinct person_id) filter (where attendance = 'attended') as guard_people,
        count(minutes) as guard_timed,
        sum(minutes) as minutes
    from activity
    group by grouping sets ((1, 3), (1, coalesce(site_code, 'not told'), 3))
),

-- The waits of those who were seen: a referral of the last months may still be waiting.
referred_by_month as (
    select
        service,
        {{ month_of('referred_on') }} as month,
        count(*) as guard_referrals,
        count(*) filter (where first_contact_on >= referred_on) as guard_seen,
        percentile_cont(0.5) within group (order by first_contact_on - referred_on)
            filter (where first_contact_on >= referred_on) as median_days
    from referred
    group by 1, 2
),

-- Who was cared for in the days before the move, and of them in as many days after it.
carried_over as (
    select service, count(*) as guard_before, count(*) filter (where was_seen_after) as guard_carried_over
    from (
        select
            activity.service,
            activity.person_id,
            bool_or(activity.on_day < moves.moved_on) as was_seen_before,
            bool_or(activity.on_day >= moves.moved_on) as was_seen_after
        from activity
        inner join moves
            on moves.service = activity.service
            and activity.on_day >= moves.moved_on - {{ carried_days }}
            and activity.on_day < moves.moved_on + {{ carried_days }}
        where activity.attendance = 'attended' and activity.person_id is not null
        group by 1, 2
    ) as people
    where was_seen_before
    group by service
),

-- A referral that was open on the day before the move arrived if, within ninety days, the new provider has a referral of the same
-- person to the service, which may bear the old day, or saw them.
arrivals as (
    select referred.service, referred.person_id
    from referred
    inner join moves
        on moves.service = referred.service
        and moves.to_organisation_code = referred.provider_code
        and referred.referred_on < moves.moved_on + {{ carried_days }}
    union
    select activity.service, activity.person_id
    from activity
    inner join moves
        on moves.service = activity.service
        and moves.to_organisation_code = activity.provider_code
        and activity.on_day >= moves.moved_on
        and activity.on_day < moves.moved_on + {{ carried_days }}
    where activity.attendance = 'attended'
),

open_at_move as (
    select
        referred.service,
        count(*) as guard_open,
        count(arrivals.person_id) as guard_arrived
    from referred
    inner join moves
        on moves.service = referred.service
        and moves.from_organisation_code = referred.provider_code
        and referred.referred_on < moves.moved_on
        and coalesce(least(referred.rejected_on, referred.closed_on), 'infinity') >= moves.moved_on - 1
    left join arrivals on arrivals.service = referred.service and arrivals.person_id = referred.person_id
    group by referred.service
),

-- Who tells of a service in a month: the feeds of its provider of that month, and any other from its first to its last row of it.
-- A feed of the old provider that goes on with other services does not turn the new one's silence into a zero.
feeds as (
    select service, feed, provider_code, min(on_day) as first_day, max(on_day) as last_day
    from (
        select service, feed, provider_code, on_day from activity
        union all
        select service, feed, provider_code, referred_on from referred
    ) as rows_of_service
    group by 1, 2, 3
),

told_months as (
    select
        feeds.service,
        coverage.month,
        bool_and(coverage.status = 'complete') as is_complete
    from feeds
    inner join moves on moves.service = feeds.service
    inner join {{ ref('insight_coverage') }} as coverage
        on coverage.feed = feeds.feed
        and (
            feeds.provider_code
            = case when coverage.month >= moves.moved_on then moves.to_organisation_code else moves.from_organisation_code end
            or (coverage.status <> 'no data' and coverage.month between {{ month_of('feeds.first_day') }} and feeds.last_day)
        )
    group by 1, 2
    having bool_or(coverage.status <> 'no data')
),

-- A service of which no site was ever told has the row of all sites only.
sites as (
    select service, 'all' as site_code from moves
    union all
    select service, site_code
    from (
        select
            service,
            site_code,
            max(site_code) filter (where site_code not in ('all', 'not told')) over (partition by service) as told_site
        from (select distinct service, site_code from by_month) as seen
    ) as with_told_sites
    where site_code <> 'all' and told_site is not null
),

calendar as (
    select moves.*, sites.site_code, cast(months.month as date) as month
    from moves
    inner join sites on sites.service = moves.service
    cross join lateral generate_series(
        date_trunc('month', cast(moves.moved_on as timestamp)) - interval '{{ months_each_side }} months',
        date_trunc('month', cast(moves.moved_on as timestamp)) + interval '{{ months_each_side - 1 }} months',
        interval '1 month'
    ) as months (month)
),

shown as (
    select
        calendar.service,
        calendar.site_code,
        calendar.month,
        calendar.moved_on,
        calendar.from_organisation_code,
        calendar.to_organisation_code,
        calendar.month >= calendar.moved_on as is_after,
        cast(
            12 * (extract(year from calendar.month) - extract(year from calendar.moved_on))
            + extract(month from calendar.month) - extract(month from calendar.moved_on) as integer
        ) as months_since_move,
        told_months.month is not null as has_data,
        coalesce(told_months.is_complete, false) as is_complete,
        -- What did not arrive is only known once all of the days after the move were told.
        bool_and(told_months.month is not null) filter (
            where calendar.month between {{ month_of('calendar.moved_on') }} and calendar.moved_on + {{ carried_days - 1 }}
        ) over (partition by calendar.service) as is_told_after,
        {%- for count in ['attended', 'booked', 'missed', 'people', 'timed'] %}
        case when told_months.month is not null then coalesce(by_month.guard_{{ count }}, 0) end as guard_{{ count }},
        {%- endfor %}
        {%- for count in ['referrals', 'seen'] %}
        case
            when told_months.month is not null and calendar.site_code = 'all'
                then coalesce(referred_by_month.guard_{{ count }}, 0)
        end as guard_{{ count }},
        {%- endfor %}
        referred_by_month.median_days,
        by_month.minutes,
        {%- for count in ['before', 'carried_over'] %}
        case when calendar.site_code = 'all' then carried_over.guard_{{ count }} end as guard_{{ count }},
        {%- endfor %}
        case when calendar.site_code = 'all' then open_at_move.guard_open end as guard_open,
        case when calendar.site_code = 'all' then open_at_move.guard_arrived end as guard_arrived
    from calendar
    left join told_months on told_months.service = calendar.service and told_months.month = calendar.month
    left join by_month
        on by_month.service = calendar.service
        and by_month.site_code = calendar.site_code
        and by_month.month = calendar.month
    left join referred_by_month on referred_by_month.service = calendar.service and referred_by_month.month = calendar.month
    left join carried_over on carried_over.service = calendar.service
    left join open_at_move on open_at_move.service = calendar.service
)

select
    guard_attended,
    guard_booked,
    guard_missed,
    guard_people,
    guard_timed,
    guard_referrals,
    guard_seen,
    guard_before,
    guard_carried_over,
    guard_open,
    guard_arrived,
    service,
    site_code,
    month,
    months_since_move,
    moved_on,
    from_organisation_code,
    to_organisation_code,
    is_after,
    has_data,
    is_complete,
    {{ shown_count('guard_attended') }} as attended,
    case when has_data then {{ shown_text('guard_attended') }} else 'no data' end as attended_as_shown,
    {{ shown_count('guard_people') }} as people,
    cast(round({{ shown_percent('guard_missed', 'guard_booked') }}, 1) as numeric) as missed_percent,
    {{ shown_count('guard_referrals') }} as referrals,
    cast(case when guard_seen >= 8 then median_days end as numeric) as median_days_to_first_contact,
    cast(
        case when guard_timed >= 8 then round(cast(minutes as numeric) / guard_timed, 0) end as numeric
    ) as mean_minutes_in_department,
    {%- for part, whole in [('carried_over', 'before'), ('arrived', 'open')] %}
    cast(
        case when is_told_after then round({{ shown_percent('guard_' ~ part, 'guard_' ~ whole) }}, 1) end as numeric
    ) as {{ 'carried_over_percent' if part == 'carried_over' else 'open_referrals_arrived_percent' }}{{ ',' if not loop.last }}
    {%- endfor %}
from shown
