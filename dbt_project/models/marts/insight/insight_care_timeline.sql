-- One row for each care event, under its person's pseudonym: what kind of care, by whom, from which month to which.
-- Which GP practice it was is not shown: a practice tells where its patients live.
with known_organisations as (
    select organisation_code from {{ ref('int_organisations') }}
    union
    select delivered_by_code from {{ ref('default_services') }} where delivered_by_code is not null
)

select
    timeline.person_id as guard_person_id,
    timeline.care_event_id as guard_care_event_id,
    timeline.feed as guard_feed,
    timeline.organisation,
    timeline.kind,
    timeline.service,
    {%- for code in ('provider_code', 'accountable_code') %}
    case
        when timeline.{{ code }} is null or timeline.service = 'general practice' then null
        when timeline.{{ code }} in (select organisation_code from known_organisations) then timeline.{{ code }}
        else 'not a known code'
    end as {{ code }},
    {%- endfor %}
    {{ month_of('timeline.started_on') }} as started_month,
    {{ month_of('timeline.ended_on') }} as ended_month,
    timeline.ended_on is null as is_open
from {{ ref('care_timeline') }} as timeline
inner join {{ ref('persons') }} as persons on persons.person_id = timeline.person_id
