-- One row for each month, front door, dimension and value of it; a month of which the front door told nothing has one, with
-- no figures.
{%- set told = ref('stg_contact_cares__contacts') %}
{%- set lawful = "feed in (" ~ feeds_of_the_board() ~ ")" %}
with {{ told_runs({
    'ISAH': "(select feed from " ~ told ~ " where feed = 'council/isah' and " ~ lawful ~ ") as told",
    'Contact Cares': "(select feed from " ~ told ~ " where feed <> 'council/isah' and " ~ lawful ~ ") as told",
}) }},

contacts as (
    select *
    from {{ ref('front_door_contacts') }}
    where received_on is not null
        and feed in ({{ feeds_of_the_board() }})
),

counted as (
    select
        {{ month_of('contacts.received_on') }} as month,
        contacts.front_door,
        cut.dimension,
        coalesce(cut.value, 'not known') as value,
        count(*) as guard_contacts,
        count(distinct contacts.person_id) as guard_people,
        count(contacts.is_resolved_at_first_contact) as guard_closed,
        count(*) filter (where contacts.is_resolved_at_first_contact) as guard_resolved,
        count(contacts.is_crisis_answered_in_time) as guard_crises,
        count(*) filter (where contacts.is_crisis_answered_in_time) as guard_crises_in_time,
        count(contacts.has_repeat_within_30_days) as guard_followed,
        count(*) filter (where contacts.has_repeat_within_30_days) as guard_repeated,
        cast(sum(contacts.onward_referrals) as bigint) as guard_onward_referrals,
        cast(sum(contacts.onward_referrals_judged) as bigint) as guard_onward_judged,
        cast(sum(contacts.onward_referrals_arrived) as bigint) as guard_onward_arrived
    from contacts
    cross join lateral (
        values
            ('all', 'all'),
            ('channel', {{ known_code('contacts.channel', 'contact_cares', 'channel') }}),
            ('hour', to_char(contacts.received_hour, 'FM00')),
            ('tier', {{ known_code('contacts.tier_code', 'contact_cares', 'tier') }}),
            ('staff organisation', {{ known_code('contacts.staff_organisation', 'contact_cares', 'staff_organisation') }}),
            ('adult or child', {{ known_code('contacts.adult_or_child', 'contact_cares', 'adult_or_child') }}),
            ('eligibility', {{ known_code('contacts.eligible_because', 'contact_cares', 'eligibility') }})
    ) as cut (dimension, value)
    group by {{ month_of('contacts.received_on') }}, contacts.front_door, cut.dimension, coalesce(cut.value, 'not known')
),

-- Every month from the first told to the last: also those that did not come between them.
calendar as (
    select span.what as front_door, cast(months.month as date) as month
    from (select what, min(month) as first_month, max(month) as last_month from told_months group by what) as span
    cross join lateral generate_series(
        cast(span.first_month as timestamp), cast(span.last_month as timestamp), interval '1 month'
    ) as months (month)
),

-- A month that the feed did not bring may still hold a few contacts that a later file told again: they are no count of it.
shown as (
    select
        coalesce(counted.month, calendar.month) as month,
        coalesce(counted.front_door, calendar.front_door) as front_door,
        coalesce(counted.dimension, 'all') as dimension,
        coalesce(counted.value, 'all') as value,
        told_months.month is not null as has_data
        {%- for count in ['contacts', 'people', 'closed', 'resolved', 'crises', 'crises_in_time', 'followed', 'repeated',
            'onward_referrals', 'onward_judged', 'onward_arrived'] %},
        case when told_months.month is not null then coalesce(counted.guard_{{ count }}, 0) end as guard_{{ count }}
        {%- endfor %}
    from counted
    full join calendar on calendar.month = counted.month and calendar.front_door = counted.front_door
    left join told_months
        on told_months.what = coalesce(counted.front_door, calendar.front_door)
        and told_months.month = coalesce(counted.month, calendar.month)
)

select
    guard_contacts,
    guard_people,
    guard_closed,
    guard_resolved,
    guard_crises,
    guard_crises_in_time,
    guard_followed,
    guard_repeated,
    guard_onward_referrals,
    guard_onward_judged,
    guard_onward_arrived,
    month,
    front_door,
    dimension,
    value,
    has_data,
    {{ shown_count('guard_contacts') }} as contacts,
    case when has_data then {{ shown_text('guard_contacts') }} else 'no data' end as contacts_as_shown,
    {{ shown_count('guard_people') }} as people,
    cast({{ shown_percent('guard_resolved', 'guard_closed') }} as numeric) as resolved_percent,
    {{ shown_count('guard_crises') }} as crises,
    cast({{ shown_percent('guard_crises_in_time', 'guard_crises') }} as numeric) as crises_in_time_percent,
    cast({{ shown_percent('guard_repeated', 'guard_followed') }} as numeric) as repeat_percent,
    {{ shown_count('guard_onward_referrals') }} as onward_referrals,
    cast({{ shown_percent('guard_onward_arrived', 'guard_onward_judged') }} as numeric) as arrived_percent
from shown
