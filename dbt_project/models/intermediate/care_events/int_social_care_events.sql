-- One row for each event of adult social care.
-- Submissions overlap and tell most events again. They are joined by the rules that the Department of Health and Social Care
-- publishes (ASC-CLD-LA-Dashboard at 9bee728, methodology of the main tables), with two differences:
-- - the council's own id tells people apart, where the department takes the NHS number first: a mistyped NHS number, which
--   would make two events of one, does not, and the person index joins people. A row without the council's id is left out;
-- - the latest submission's packages of one service stay apart, with their costs, as the department keeps them for a single
--   submission.
{%- set what_tells_events_apart = [
    'organisation', 'local_person_id', 'kind', 'started_on', 'end_that_tells_apart', 'client_type',
    'route_that_tells_apart', 'assessment_that_tells_apart', 'service_that_tells_apart', 'component_that_tells_apart',
] %}
with submissions as (
    select
        delivery_id,
        window_start,
        row_number() over (
            partition by feed, window_start order by period_end desc, received_at desc, delivery_id desc
        ) > 1 as was_sent_again
    from {{ source('ledger', 'table_in_build') }}
    where table_name = 'events' and replaces = 'window'
),

-- A row that the submission of later months replaced speaks no more of those, but still of the time before: a service that
-- the later submission no longer tells ended before its first day.
tellings as (
    select
        events.*,
        {{ social_care_event_kind('events.event_type') }} as kind,
        least(events.ended_on, events.died_on, replacing.window_start - 1) as end_told
    from {{ ref('stg_cld__events') }} as events
    left join submissions as own on own.delivery_id = events.delivery_id
    left join submissions as replacing on replacing.delivery_id = events.superseded_by_delivery_id
    where {{ left_out_of_social_care_events() }} is null and {{ is_of_a_touched_event() }}
        and (
            events.superseded_at is null
            or {{ social_care_event_kind('events.event_type') }} = 'service'
            and not own.was_sent_again
            and events.started_on < replacing.window_start
        )
),

events as (
    select
        organisation,
        feed,
        local_person_id,
        kind,
        started_on,
        case when end_told is not null then greatest(end_told, started_on) end as ended_on,
        superseded_at is null as is_in_force,
        period_end,
        delivery_id,
        line_number,
        delivery_mechanism,
        review_reason,
        provider_cqc_location_id,
        unit_cost_gbp,
        cost_frequency,
        planned_units_per_week,
        {{ code_of_today('client_type', 'cld', 'client_type') }} as client_type,
        {{ code_of_today('primary_support_reason', 'cld', 'primary_support_reason') }} as primary_support_reason,
        {{ code_of_today('route_of_access', 'cld', 'route_of_access') }} as route_of_access,
        {{ code_of_today('assessment_type', 'cld', 'assessment_type') }} as assessment_type,
        {{ code_of_today('service_type', 'cld', 'service_type') }} as service_type,
        {{ code_of_today('service_component', 'cld', 'service_component') }} as service_component,
        {{ code_of_today('outcome', 'cld', 'event_outcome') }} as outcome
    from tellings
),

told_apart as (
    select
        *,
        case when kind <> 'service' then ended_on end as end_that_tells_apart,
        case when kind = 'request' then route_of_access end as route_that_tells_apart,
        case when kind = 'assessment' then assessment_type end as assessment_that_tells_apart,
        case when kind = 'service' then service_type end as service_that_tells_apart,
        case when kind = 'service' then service_component end as component_that_tells_apart
    from events
),

in_order_of_submission as (
    select
        *,
        dense_rank() over (
            partition by {{ what_tells_events_apart | join(', ') }}
            order by period_end desc, delivery_id desc
        ) as submission
    from told_apart
),

-- What earlier submissions say of a service counts towards the first of the latest one's packages.
in_packages as (
    select
        *,
        case when kind = 'service' and submission = 1 then dense_rank() over (
            partition by {{ what_tells_events_apart | join(', ') }}, submission
            order by delivery_mechanism, unit_cost_gbp, cost_frequency, planned_units_per_week
        ) else 1 end as package
    from in_order_of_submission
),

told as (
    select
        *,
        row_number() over (
            same_event order by
                submission, ended_on desc nulls first, {{ social_care_outcome_rank('outcome') }}, line_number desc
        ) as telling,
        count(*) filter (where is_in_force) over same_event as source_rows,
        array_agg(delivery_id) over same_event as delivery_ids
    from in_packages
    window same_event as (partition by {{ what_tells_events_apart | join(', ') }}, package)
)

select
    md5(concat_ws(
        '|', package{% for column in what_tells_events_apart %}, coalesce(cast({{ column }} as text), ''){% endfor %}
    )) as social_care_event_id,
    {{ person_record_id('organisation', 'cld', 'local_person_id') }} as person_record_id,
    local_person_id,
    organisation,
    feed,
    kind,
    started_on,
    ended_on,
    client_type,
    primary_support_reason,
    route_of_access,
    assessment_type,
    service_type,
    service_component,
    delivery_mechanism,
    review_reason,
    outcome,
    provider_cqc_location_id,
    unit_cost_gbp,
    cost_frequency,
    planned_units_per_week,
    source_rows,
    delivery_ids
from told
where telling = 1
