-- One row for each month, organisation and door: how often the Shared Care Record was opened. `all` is every organisation.
-- The record's own door is delivered by who runs it (ccg/record_accesses); ours is that of this warehouse. Never add them up.
with opened as (
    select
        'the record''s own' as door,
        {{ month_of('opened_on') }} as month,
        coalesce(staff_organisation_code, 'not known') as organisation,
        outcome_code as outcome,
        coalesce(purpose_code = 'emergency' or emergency_reason_code is not null, false) as is_emergency
    from (
        select distinct on (feed, access_id) *
        from {{ ref('stg_record_accesses__accesses') }}
        where superseded_at is null and opened_on is not null
            and feed in ({{ feeds_of_the_board() }})
        order by feed, access_id, period_end desc, delivery_id desc, line_number desc
    ) as accesses
    where purpose_code is distinct from 'test'

    union all

    select
        'ours' as door,
        {{ month_of("at at time zone 'Europe/London'") }} as month,
        coalesce(organisation, 'not known') as organisation,
        outcome,
        is_emergency
    from {{ source('audit', 'opening') }}
),

counted as (
    select
        door,
        month,
        case when grouping(organisation) = 1 then 'all' else organisation end as organisation,
        count(*) as guard_openings,
        count(*) filter (where outcome = 'shown') as guard_shown,
        count(*) filter (where outcome = 'refused') as guard_refused,
        count(*) filter (where is_emergency) as guard_emergencies
    from opened
    group by grouping sets ((door, month, organisation), (door, month))
),

-- A month of which the delivered door told nothing that may be used has a row that says so.
calendar as (
    select
        'the record''s own' as door,
        month,
        bool_or(
            status <> 'no data'
            and feed in ({{ feeds_of_the_board() }})
        ) as has_data
    from {{ ref('insight_coverage') }}
    where feed like '%/record\_accesses'
    group by month
),

shown as (
    select
        coalesce(counted.door, calendar.door) as door,
        coalesce(counted.month, calendar.month) as month,
        coalesce(counted.organisation, 'all') as organisation,
        coalesce(calendar.has_data, true) as has_data
        {%- for count in ['openings', 'shown', 'refused', 'emergencies'] %},
        case when coalesce(calendar.has_data, true) then coalesce(counted.guard_{{ count }}, 0) end as guard_{{ count }}
        {%- endfor %}
    from counted
    full join calendar on calendar.door = counted.door and calendar.month = counted.month
)

select
    guard_openings,
    guard_shown,
    guard_refused,
    guard_emergencies,
    door,
    month,
    organisation,
    has_data,
    {{ shown_count('guard_openings') }} as openings,
    case when has_data then {{ shown_text('guard_openings') }} else 'no data' end as openings_as_shown,
    {{ shown_count('guard_shown') }} as shown,
    {{ shown_count('guard_refused') }} as refused,
    {{ shown_count('guard_emergencies') }} as emergencies
from shown
