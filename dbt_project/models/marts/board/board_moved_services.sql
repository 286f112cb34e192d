-- One row for each service that moved between providers, and month from twelve before the move to twelve after it.
-- The service is known by its own word, whoever provides it, so that to change the provider moves no figure by itself.
with moves as (
    select service, from_organisation_code, to_organisation_code, moved_on
    from {{ ref('default_service_moves') }}
),

lawful as (
    select feed from {{ source('governance', 'feed_in_use') }} where purpose = 'board reporting'
),

activity as (
    select service, person_id, contact_on as on_day, attendance, cast(null as integer) as minutes_waited, feed, contact_id as activity_id
    from {{ ref('contacts') }}
    union all
    select service, person_id, attended_on as on_day, attendance, minutes_in_department as minutes_waited, feed, attendance_id
    from {{ ref('attendances') }}
    where source = 'ecds'
),

by_month as (
    select
        activity.service,
        {{ month_of('activity.on_day') }} as month,
        count(*) filter (where activity.attendance = 'attended') as guard_attended,
        count(*) filter (where activity.attendance in ('attended', 'did not attend')) as guard_booked,
        count(*) filter (where activity.attendance = 'did not attend') as guard_missed,
        count(distinct activity.person_id) filter (where activity.attendance = 'attended') as guard_people,
        count(activity.minutes_waited) as guard_timed,
        sum(activity.minutes_waited) as minutes
    from activity
    inner join moves on moves.service = activity.service
    where activity.feed in (select feed from lawful)
    group by 1, 2
),

referred as (
    select
        referrals.service,
        {{ month_of('referrals.referred_on') }} as month,
        count(*) as guard_referrals,
        count(referrals.first_contact_on) as guard_seen,
        percentile_cont(0.5) within group (order by referrals.first_contact_on - referrals.referred_on)
            filter (where referrals.first_contact_on >= referrals.referred_on) as median_days
    from {{ ref('referrals') }} as referrals
    inner join moves on moves.service = referrals.service
    where referrals.feed in (select feed from lawful)
    group by 1, 2
),

-- Who was cared for in the ninety days before the move, and in the ninety after it.
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
            and activity.on_day >= moves.moved_on - 90
            and activity.on_day < moves.moved_on + 90
        where activity.attendance = 'attended'
            and activity.person_id is not null
            and activity.feed in (select feed from lawful)
        group by 1, 2
    ) as people
    where was_seen_before
    group by service
),

-- A referral that was open on the day before the move arrived if the service, under its new provider, has a referral of the same
-- person, or saw them, within ninety days.
open_at_move as (
    select
        old.service,
        count(distinct old.referral_id) as guard_open,
        count(distinct old.referral_id) filter (where new.person_id is not null) as guard_arrived
    from {{ ref('referrals') }} as old
    inner join moves
        on moves.service = old.service
        and old.referred_on < moves.moved_on
        and coalesce(old.rejected_on, old.closed_on, 'infinity') >= moves.moved_on - 1
        and old.provider_code is not distinct from moves.from_organisation_code
    left join (
        select service, person_id, provider_code, referred_on as on_day from {{ ref('referrals') }}
        union
        select service, person_id, provider_code, contact_on as on_day from {{ ref('contacts') }} where attendance = 'attended'
    ) as new
        on new.service = old.service
        and new.person_id = old.person_id
        and new.provider_code = moves.to_organisation_code
        and new.on_day < moves.moved_on + 90
    where old.feed in (select feed from lawful)
    group by old.service
),

-- The months in which any feed of the service told something, to know a month without figures from one that was quiet.
feeds as (
    select distinct activity.service, activity.feed
    from activity
    inner join moves on moves.service = activity.service
),

told_months as (
    select feeds.service, coverage.month
    from {{ ref('insight_coverage') }} as coverage
    inner join feeds on feeds.feed = coverage.feed
    where coverage.status <> 'no data'
    group by 1, 2
),

calendar as (
    select moves.*, cast(months.month as date) as month
    from moves
    cross join lateral generate_series(
        date_trunc('month', cast(moves.moved_on as timestamp)) - interval '12 months',
        date_trunc('month', cast(moves.moved_on as timestamp)) + interval '11 months',
        interval '1 month'
    ) as months (month)
),

shown as (
    select
        calendar.service,
        calendar.month,
        calendar.moved_on,
        calendar.from_organisation_code,
        calendar.to_organisation_code,
        calendar.month >= calendar.moved_on as is_after,
        told_months.month is not null as has_data,
        {%- for count in ['attended', 'booked', 'missed', 'people', 'timed'] %}
        case when told_months.month is not null then coalesce(by_month.guard_{{ count }}, 0) end as guard_{{ count }},
        {%- endfor %}
        {%- for count in ['referrals', 'seen'] %}
        case when told_months.month is not null then coalesce(referred.guard_{{ count }}, 0) end as guard_{{ count }},
        {%- endfor %}
        referred.median_days,
        by_month.minutes,
        carried_over.guard_before,
        carried_over.guard_carried_over,
        open_at_move.guard_open,
        open_at_move.guard_arrived
    from calendar
    left join told_months on told_months.service = calendar.service and told_months.month = calendar.month
    left join by_month on by_month.service = calendar.service and by_month.month = calendar.month
    left join referred on referred.service = calendar.service and referred.month = calendar.month
    left join carried_over on carried_over.service = calendar.service
    left join open_at_move on open_at_move.service = calendar.service
)

select
    {%- for count in ['attended', 'booked', 'missed', 'people', 'timed', 'referrals', 'seen', 'before', 'carried_over', 'open', 'arrived'] %}
    guard_{{ count }},
    {%- endfor %}
    service,
    month,
    moved_on,
    from_organisation_code,
    to_organisation_code,
    is_after,
    has_data,
    {{ shown_count('guard_attended') }} as attended,
    case when has_data then {{ shown_text('guard_attended') }} else 'no data' end as attended_as_shown,
    {{ shown_count('guard_people') }} as people,
    cast({{ shown_percent('guard_missed', 'guard_booked') }} as numeric) as missed_percent,
    {{ shown_count('guard_referrals') }} as referrals,
    cast(case when guard_seen >= 8 then median_days end as numeric) as median_days_to_first_contact,
    cast(case when guard_timed >= 8 then round(cast(minutes as numeric) / guard_timed, 0) end as numeric) as mean_minutes_in_department,
    cast({{ shown_percent('guard_carried_over', 'guard_before') }} as numeric) as carried_over_percent,
    cast({{ shown_percent('guard_arrived', 'guard_open') }} as numeric) as open_referrals_arrived_percent
from shown
