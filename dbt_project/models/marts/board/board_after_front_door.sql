-- One row for each month of contact, front door, kind of event and number of days after the contact.
with counted as (
    select
        {{ month_of('contacts.received_on') }} as month,
        contacts.front_door,
        after.event,
        after.days,
        count(*) as guard_contacts,
        count(after.has_happened) as guard_followed,
        count(*) filter (where after.has_happened) as guard_happened
    from {{ ref('front_door_contacts') }} as contacts
    cross join lateral (
        values
        {%- for event, column, told_by in [
            ('unplanned hospital stay', 'unplanned_stay', ref('hospital_stays')),
            ('emergency attendance', 'emergency_attendance', ref('attendances')),
            ('social care service', 'social_care_service', ref('social_care_events')),
        ] %}
        {%- for days in [30, 90] %}
            ('{{ event }}', {{ days }}, case
                when {{ may_the_board_count(told_by) }} then contacts.has_{{ column }}_within_{{ days }}_days
            end){{ ',' if not loop.last }}
        {%- endfor %}{{ ',' if not loop.last }}
        {%- endfor %}
    ) as after (event, days, has_happened)
    where contacts.received_on is not null
        and contacts.feed in ({{ feeds_of_the_board() }})
    group by {{ month_of('contacts.received_on') }}, contacts.front_door, after.event, after.days
)

select
    guard_contacts,
    guard_followed,
    guard_happened,
    month,
    front_door,
    event,
    days,
    guard_followed > 0 as has_data,
    {{ shown_count('guard_contacts') }} as contacts,
    case when guard_followed > 0 then {{ shown_count('guard_followed') }} end as followed,
    case when guard_followed > 0 then {{ shown_count('guard_happened') }} end as happened,
    case when guard_followed > 0 then {{ shown_text('guard_happened') }} else 'no data' end as happened_as_shown,
    cast({{ shown_percent('guard_happened', 'guard_followed') }} as numeric) as happened_percent
from counted
