-- One row for each care event of each person, and each child protection plan, as the Shared Care Record shows them.
-- Homes, the police and the fire service are no part of the record: only the kinds that have a section are shown.
with told as (
    select
        feed,
        max(period_end) as told_until
    from {{ source('ledger', 'table_in_build') }}
    group by feed
),

items as (
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
        {{ record_section('timeline.kind', 'timeline.started_on') }} as section,
        timeline.service,
        timeline.provider_code,
        stays.primary_diagnosis_code as diagnosis_code
    from {{ ref('care_timeline') }} as timeline
    left join {{ ref('hospital_stays') }} as stays on 'stay/' || stays.hospital_stay_id = timeline.care_event_id

    union all

    (select distinct on (plans.feed, plans.local_person_id, plans.started_on)
        membership.person_id,
        concat_ws('/', 'child protection plan', plans.feed, plans.local_person_id, plans.started_on) as guard_care_event_id,
        plans.feed as guard_feed,
        plans.organisation,
        'child protection plan' as kind,
        {{ known_code('plans.reason_code', 'csds', 'child_protection_reason') }} as detail,
        plans.started_on,
        cast(null as timestamptz) as started_at,
        plans.ended_on,
        cast(null as timestamptz) as ended_at,
        plans.feed,
        'alerts' as section,
        'children''s social care' as service,
        cast(null as text) as provider_code,
        cast(null as text) as diagnosis_code
    from {{ ref('stg_csds__child_protection_plans') }} as plans
    inner join {{ source('person_index', 'membership_in_build') }} as membership
        on membership.person_record_id = plans.feed || '/' || plans.local_person_id
    where plans.superseded_at is null and plans.started_on is not null
    order by
        plans.feed, plans.local_person_id, plans.started_on,
        plans.period_end desc, plans.delivery_id desc, plans.line_number desc)
)

select
    items.person_id,
    items.guard_care_event_id,
    items.guard_feed,
    items.organisation,
    items.kind,
    items.detail,
    items.started_on,
    items.started_at,
    items.ended_on,
    items.ended_at,
    items.feed,
    told.told_until,
    items.section,
    items.service,
    items.provider_code,
    items.diagnosis_code
from items
inner join {{ ref('persons') }} as persons on persons.person_id = items.person_id
left join told on told.feed = items.feed
where items.section is not null
