-- One row for each care event of each person, as a professional reads it in the Shared Care Record.
-- Homes are no care: a tenancy is told by nobody here.
with told as (
    select
        feed,
        max(period_end) as told_until
    from {{ source('ledger', 'table_in_build') }}
    group by feed
)

select
    timeline.person_id,
    timeline.care_event_id as guard_care_event_id,
    timeline.feed as guard_feed,
    timeline.organisation,
    timeline.kind,
    timeline.detail,
    timeline.started_on,
    timeline.started_at,
    timeline.ended_on,
    timeline.ended_at,
    timeline.feed,
    told.told_until
from {{ ref('care_timeline') }} as timeline
inner join {{ ref('persons') }} as persons on persons.person_id = timeline.person_id
left join told on told.feed = timeline.feed
where timeline.kind <> 'tenancy'
