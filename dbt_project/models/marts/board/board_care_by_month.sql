-- One row for each month, contributing organisation and kind of care that began in it, and one for each of their totals, where
-- the organisation, the kind or both read: all.
with counted as (
    select
        {{ month_of('started_on') }} as started_month,
        case when grouping(organisation) = 1 then 'all' else organisation end as organisation,
        case when grouping(kind) = 1 then 'all' else kind end as kind,
        count(distinct person_id) as guard_people,
        count(*) as guard_care_events
    from {{ ref('care_timeline') }}
    where
        started_on is not null
        and feed in ({{ feeds_of_the_board() }})
    group by {{ month_of('started_on') }}, cube (organisation, kind)
)

select
    guard_people,
    guard_care_events,
    started_month,
    organisation,
    kind,
    {{ shown_count('guard_people') }} as people,
    {{ shown_count('guard_care_events') }} as care_events,
    {{ shown_text('guard_people') }} as people_as_shown,
    {{ shown_text('guard_care_events') }} as care_events_as_shown
from counted
