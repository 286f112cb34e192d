-- One row for each service and month in which people were referred to it: how long they waited for the first contact that they attended.
-- A referral that was turned away waits for nothing. Who still waits has no wait yet, and is counted apart.
with lawful as (
    select *
    from {{ ref('referrals') }}
    where feed in ({{ feeds_of_the_board() }})
        and 'referral/' || referral_id not in (select care_event_id from {{ source('governance', 'restricted_event') }})
),

counted as (
    select
        service,
        {{ month_of('referred_on') }} as month,
        count(*) as guard_referrals,
        count(*) filter (where rejected_on is not null) as guard_turned_away,
        count(*) filter (where first_contact_on >= referred_on) as guard_seen,
        count(*) filter (where first_contact_on >= referred_on and first_contact_on - referred_on <= 28) as guard_seen_in_4_weeks,
        count(*) filter (where first_contact_on >= referred_on and first_contact_on - referred_on <= 126) as guard_seen_in_18_weeks,
        count(*) filter (where first_contact_on is null and is_open) as guard_still_waiting,
        percentile_cont(0.5) within group (order by first_contact_on - referred_on)
            filter (where first_contact_on >= referred_on) as median_days
    from lawful
    group by 1, 2
),

feeds as (
    select distinct service, feed from lawful
),

calendar as (
    select feeds.service, coverage.month, bool_or(coverage.status <> 'no data') as has_data
    from feeds
    inner join {{ ref('insight_coverage') }} as coverage on coverage.feed = feeds.feed
    group by 1, 2
),

shown as (
    select
        coalesce(counted.service, calendar.service) as service,
        coalesce(counted.month, calendar.month) as month,
        coalesce(calendar.has_data, false) as has_data,
        {%- for count in ['referrals', 'turned_away', 'seen', 'seen_in_4_weeks', 'seen_in_18_weeks', 'still_waiting'] %}
        case when calendar.has_data then coalesce(counted.guard_{{ count }}, 0) end as guard_{{ count }},
        {%- endfor %}
        counted.median_days
    from calendar
    full join counted on counted.service = calendar.service and counted.month = calendar.month
)

select
    guard_referrals,
    guard_turned_away,
    guard_seen,
    guard_seen_in_4_weeks,
    guard_seen_in_18_weeks,
    guard_still_waiting,
    service,
    month,
    has_data,
    {{ shown_count('guard_referrals') }} as referrals,
    case when has_data then {{ shown_text('guard_referrals') }} else 'no data' end as referrals_as_shown,
    cast({{ shown_percent('guard_turned_away', 'guard_referrals') }} as numeric) as turned_away_percent,
    {{ shown_count('guard_seen') }} as seen,
    cast(case when guard_seen >= 8 then median_days end as numeric) as median_days_to_first_contact,
    cast({{ shown_percent('guard_seen_in_4_weeks', 'guard_seen') }} as numeric) as seen_within_4_weeks_percent,
    cast({{ shown_percent('guard_seen_in_18_weeks', 'guard_seen') }} as numeric) as seen_within_18_weeks_percent,
    {{ shown_count('guard_still_waiting') }} as still_waiting
from shown
