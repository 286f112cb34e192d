-- One row for each care event, under its person's pseudonym: what kind of care, by whom, from which month to which.
select
    timeline.person_id as guard_person_id,
    timeline.care_event_id as guard_care_event_id,
    timeline.feed as guard_feed,
    timeline.organisation,
    timeline.kind,
    {{ month_of('timeline.started_on') }} as started_month,
    {{ month_of('timeline.ended_on') }} as ended_month,
    timeline.ended_on is null as is_open
from {{ ref('care_timeline') }} as timeline
inner join {{ ref('persons') }} as persons on persons.person_id = timeline.person_id
