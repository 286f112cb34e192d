-- One row for each person, month, activity, unit, feed and source of the price.
-- Rules:
-- - A price of the list is in force from its first day, or the first of its price year, until its last or a later one. A
--   month has the price that is in force on its first day; a stay has the price of the month of admission.
-- - The cost of a stay is spread over its months by its nights; one without a night costs in the month of admission. What is
--   rounded in one month is made good in the next, so that the months sum to the price of the stay to the penny.
-- - Services and placements count by calendar day: units a week times days in the month over 7. The price that the council
--   tells for a service goes before that of the list. One-off services are one item in the month in which they began.
-- - Care that goes on is counted as far as its feed tells, and no further than the as-at day.
-- - Maternity and birth spells and transfers have the price of a non-elective spell, as in the National Cost Collection.
with told as (
    select feed, least(max(period_end), (select {{ as_at_day() }})) as told_until
    from {{ source('ledger', 'table_in_build') }}
    group by feed
),

restricted as (
    select distinct care_event_id from {{ source('governance', 'restricted_event') }}
),

-- Care that is over on the day on which it is given; each is one unit.
single as (
    select
        contacts.person_id,
        contacts.organisation,
        contacts.feed,
        case
            when contacts.source = 'mhsds' then 'mental health contact'
            when contacts.service = 'IV therapy' then 'iv therapy contact'
            when contacts.service = 'urgent treatment centre' then 'urgent treatment centre attendance'
            else 'community contact'
        end as activity,
        case
            when contacts.source = 'mhsds' then 'mental health'
            when contacts.service = 'urgent treatment centre' then 'emergency'
            else 'community'
        end as setting,
        case
            when contacts.source = 'csds' and contacts.service = 'urgent treatment centre' then 'attendance' else 'contact'
        end as unit,
        contacts.contact_on as given_on
    from {{ ref('contacts') }} as contacts
    left join restricted on restricted.care_event_id = 'contact/' || contacts.contact_id
    where contacts.attendance = 'attended' and restricted.care_event_id is null

    union all

    select
        attendances.person_id,
        attendances.organisation,
        attendances.feed,
        case attendances.kind
            when 'emergency department' then 'emergency attendance'
            when 'urgent treatment centre' then 'urgent treatment centre attendance'
            when 'outpatient appointment' then 'outpatient appointment'
            else 'other attendance'
        end as activity,
        case when attendances.source = 'outpatients' then 'hospital' else 'emergency' end as setting,
        case when attendances.source = 'outpatients' then 'appointment' else 'attendance' end as unit,
        attendances.attended_on as given_on
    from {{ ref('attendances') }} as attendances
    left join restricted on restricted.care_event_id = 'attendance/' || attendances.attendance_id
    where attendances.attendance = 'attended' and restricted.care_event_id is null

    union all

    select
        timeline.person_id,
        timeline.organisation,
        timeline.feed,
        case timeline.kind
            when 'GP appointment' then 'gp appointment'
            when 'front door contact' then 'contact cares contact'
            when 'children''s social care contact' then 'children''s contact'
            when 'fire visit' then 'home safety visit'
            else timeline.kind
        end as activity,
        case
            when timeline.kind = 'GP appointment' then 'general practice'
            when timeline.kind = 'front door contact' then 'front door'
            when timeline.kind like '%social care%' then 'social care'
            else 'community safety'
        end as setting,
        case
            when timeline.kind = 'GP appointment' then 'appointment'
            when timeline.kind = 'fire visit' then 'visit'
            when timeline.kind in ('front door contact', 'children''s social care contact') then 'contact'
            else 'case'
        end as unit,
        timeline.started_on as given_on
    from {{ ref('care_timeline') }} as timeline
    left join restricted on restricted.care_event_id = timeline.care_event_id
    where
        timeline.kind in (
            'GP appointment', 'front door contact', 'children''s social care contact', 'fire visit', 'police incident',
            'social care assessment', 'social care review'
        )
        and restricted.care_event_id is null

    union all

    -- Of voluntary services no contact is told but the first.
    select
        referrals.person_id,
        referrals.organisation,
        referrals.feed,
        case when prescribed.referral_id is null then 'voluntary service contact' else 'social prescribing' end as activity,
        'voluntary' as setting,
        'contact' as unit,
        referrals.first_contact_on as given_on
    from {{ ref('referrals') }} as referrals
    left join restricted on restricted.care_event_id = 'referral/' || referrals.referral_id
    left join (
        select distinct feed || '/' || referral_id as referral_id
        from {{ ref('stg_vcse_referrals__referrals') }}
        where superseded_at is null and is_social_prescribing
    ) as prescribed on prescribed.referral_id = referrals.referral_id
    where referrals.source like 'vcse%' and referrals.first_contact_on is not null and restricted.care_event_id is null
),

-- Care that lasts: its first and last counted day, and either its whole units, to be spread over them, or its units a day.
lasting as (
    select
        stays.person_id,
        stays.organisation,
        stays.feed,
        case
            when stays.patient_classification_code in ('3', '4') then 'regular attender'
            when stays.admission_kind = 'elective' and stays.patient_classification_code = '2' then 'day case'
            when stays.admission_kind = 'elective' then 'elective spell'
            when stays.admission_kind = 'emergency' then 'non-elective spell'
            when stays.admission_kind is not null then 'other non-elective spell'
            else 'spell of unknown kind'
        end as activity,
        'hospital' as setting,
        'spell' as unit,
        stays.admitted_on as first_on,
        greatest(stays.admitted_on, least(coalesce(stays.discharged_on - 1, told.told_until), told.told_until)) as last_on,
        coalesce(stays.discharged_on > stays.admitted_on, true) as has_days,
        cast(1 as numeric) as whole_units,
        cast(null as numeric) as units_a_day,
        cast(null as numeric) as own_unit_cost_gbp
    from {{ ref('hospital_stays') }} as stays
    left join told on told.feed = stays.feed
    left join restricted on restricted.care_event_id = 'stay/' || stays.hospital_stay_id
    where restricted.care_event_id is null and coalesce(stays.admitted_on <= told.told_until, true)

    union all

    select
        timeline.person_id,
        timeline.organisation,
        timeline.feed,
        'mental health bed day' as activity,
        'mental health' as setting,
        'bed day' as unit,
        timeline.started_on as first_on,
        greatest(timeline.started_on, least(coalesce(timeline.ended_on - 1, told.told_until), told.told_until)) as last_on,
        coalesce(timeline.ended_on > timeline.started_on, true) as has_days,
        cast(null as numeric) as whole_units,
        case when timeline.ended_on = timeline.started_on then 0.0 else 1.0 end as units_a_day,
        cast(null as numeric) as own_unit_cost_gbp
    from {{ ref('care_timeline') }} as timeline
    left join told on told.feed = timeline.feed
    left join restricted on restricted.care_event_id = timeline.care_event_id
    where
        timeline.kind = 'mental health stay'
        and restricted.care_event_id is null
        and coalesce(timeline.started_on <= told.told_until, false)

    union all

    -- The last day of a placement is the first of the next.
    select
        episodes.person_id,
        episodes.organisation,
        episodes.feed,
        'child looked after' as activity,
        'social care' as setting,
        'week' as unit,
        episodes.started_on as first_on,
        greatest(episodes.started_on, least(coalesce(episodes.ended_on - 1, told.told_until), told.told_until)) as last_on,
        coalesce(episodes.ended_on > episodes.started_on, true) as has_days,
        cast(null as numeric) as whole_units,
        case when episodes.ended_on = episodes.started_on then 0.0 else 1.0 / 7 end as units_a_day,
        cast(null as numeric) as own_unit_cost_gbp
    from {{ ref('looked_after_episodes') }} as episodes
    left join told on told.feed = episodes.feed
    left join restricted on restricted.care_event_id = 'looked after/' || episodes.looked_after_episode_id
    where restricted.care_event_id is null and coalesce(episodes.started_on <= told.told_until, true)

    union all

    select
        services.person_id,
        services.organisation,
        services.feed,
        services.activity,
        'social care' as setting,
        services.unit,
        services.started_on as first_on,
        case
            when services.unit = 'item' then services.started_on
            else greatest(services.started_on, least(coalesce(services.ended_on, told.told_until), told.told_until))
        end as last_on,
        services.unit <> 'item' as has_days,
        case when services.unit = 'item' then cast(1 as numeric) end as whole_units,
        case
            when services.unit = 'week' then coalesce(services.planned_units_per_week, 1) / 7
            when services.unit <> 'item' then services.planned_units_per_week / 7
        end as units_a_day,
        services.unit_cost_gbp as own_unit_cost_gbp
    from (
        select
            events.*,
            case
                when events.client_type ilike '%carer%' or events.service_type ilike '%carer%' then 'carer support'
                when events.service_component ilike '%reablement%' then 'reablement'
                when events.service_component ilike '%equipment%' then 'equipment'
                when events.service_component ilike 'home support%' then 'home care'
                when concat(events.service_component, events.service_type) ilike '%nursing care%' then 'nursing care'
                when concat(events.service_component, events.service_type) ilike '%residential care%' then 'residential care'
                else lower(coalesce(
                    {{ known_code('events.service_component', 'cld', 'service_component') }}, 'service of unknown kind'
                ))
            end as activity,
            case
                when events.cost_frequency ilike '%hour%' then 'hour'
                when events.cost_frequency ilike '%week%' then 'week'
                when events.cost_frequency ilike '%one%off%' or events.service_component ilike '%equipment%' then 'item'
                when events.cost_frequency ilike '%day%' or events.cost_frequency ilike 'daily' then 'day'
                when events.cost_frequency ilike '%visit%' or events.cost_frequency ilike '%session%' then 'visit'
                when events.service_component ilike 'home support%' then 'hour'
                else 'week'
            end as unit
        from {{ ref('social_care_events') }} as events
        left join restricted on restricted.care_event_id = 'social care/' || events.social_care_event_id
        where events.kind = 'service' and restricted.care_event_id is null
    ) as services
    left join told on told.feed = services.feed
    where coalesce(services.started_on <= told.told_until, true)
),

-- Only what spans months is taken apart.
months as (
    select
        lasting.*,
        {{ month_of('lasting.first_on') }} as month,
        {{ month_of('lasting.first_on') }} as price_month,
        true as begins,
        lasting.last_on - lasting.first_on + 1 as days_until_now,
        lasting.last_on - lasting.first_on + 1 as days_in_month
    from lasting
    where date_trunc('month', lasting.first_on) = date_trunc('month', lasting.last_on)

    union all

    select
        lasting.*,
        cast(spans.month as date) as month,
        -- A stay has one price; services have that of each month.
        case
            when lasting.whole_units is null then cast(spans.month as date) else {{ month_of('lasting.first_on') }}
        end as price_month,
        lasting.first_on >= cast(spans.month as date) as begins,
        least(lasting.last_on, cast(spans.month + interval '1 month' as date) - 1) - lasting.first_on + 1 as days_until_now,
        least(lasting.last_on, cast(spans.month + interval '1 month' as date) - 1)
        - greatest(lasting.first_on, cast(spans.month as date)) + 1 as days_in_month
    from lasting
    cross join lateral generate_series(
        date_trunc('month', cast(lasting.first_on as timestamp)), cast(lasting.last_on as timestamp), interval '1 month'
    ) as spans (month)
    where date_trunc('month', lasting.first_on) <> date_trunc('month', lasting.last_on)
),

-- What is over on its day has no part in another month, and is counted once for all.
given as (
    select
        single.person_id,
        {{ month_of('single.given_on') }} as month,
        single.activity,
        single.unit,
        single.feed,
        min(single.setting) as setting,
        min(single.organisation) as organisation,
        count(*) as care_events
    from single
    left join told on told.feed = single.feed
    where single.person_id is not null and coalesce(single.given_on <= told.told_until, single.given_on is not null)
    group by single.person_id, {{ month_of('single.given_on') }}, single.activity, single.unit, single.feed
),

-- The units of a month are those until its end less those before it.
parts as (
    select
        *,
        case
            when whole_units is not null then round(whole_units * days_until_now / (last_on - first_on + 1), 4)
            else round(units_a_day * days_in_month, 4)
        end as units_until_now,
        case
            when whole_units is not null then round(whole_units * (days_until_now - days_in_month) / (last_on - first_on + 1), 4)
            else 0
        end as units_before
    from months
    where person_id is not null
),

listed as (
    select
        lower(trim(activity)) as activity,
        lower(replace(unit, ' ', '')) as unit,
        unit_cost_gbp,
        borne_by,
        published_in,
        price_year,
        coalesce(valid_from_on, make_date(cast(left(price_year, 4) as integer), 4, 1)) as valid_from_on,
        coalesce(valid_until_on, 'infinity') as valid_until_on
    from {{ ref('stg_unit_costs__unit_costs') }}
    where superseded_at is null and unit_cost_gbp is not null
),

named as (
    select activity as activity_given, listed.* from listed
    union all
    select 'other non-elective spell' as activity_given, listed.* from listed where activity = 'non-elective spell'
),

-- Found by one key: by three columns of which two are in order already, every month would be read for each row.
prices as (
    select distinct on (named.activity_given, named.unit, months.month)
        named.*,
        concat_ws('/', named.activity_given, named.unit, cast(months.month as date)) as price_key
    from generate_series(
        (select date_trunc('month', cast(min(valid_from_on) as timestamp)) from listed),
        (select cast({{ as_at_day() }} as timestamp)),
        interval '1 month'
    ) as months (month)
    inner join named on months.month between named.valid_from_on and named.valid_until_on
    order by named.activity_given, named.unit, months.month, named.valid_from_on desc, named.price_year desc, named.published_in
),

latest_prices as (
    select distinct on (activity_given, unit) unit_cost_gbp, concat_ws('/', activity_given, unit) as price_key
    from named
    where valid_from_on <= (select {{ as_at_day() }})
    order by activity_given, unit, valid_from_on desc, price_year desc, published_in
),

priced_parts as (
    select
        parts.*,
        coalesce(parts.own_unit_cost_gbp, prices.unit_cost_gbp) as unit_cost_gbp,
        -- What the list does not price has only the price that was told.
        coalesce(latest_prices.unit_cost_gbp, parts.own_unit_cost_gbp) as latest_unit_cost_gbp,
        case when parts.own_unit_cost_gbp is null then prices.price_year end as price_year,
        case when parts.own_unit_cost_gbp is null then prices.borne_by else parts.organisation end as borne_by,
        case
            when parts.units_until_now is null then 'no units told'
            when parts.own_unit_cost_gbp is not null then 'told with the service'
            else coalesce(prices.published_in, 'no price')
        end as source
    from parts
    left join prices on prices.price_key = concat_ws('/', parts.activity, replace(parts.unit, ' ', ''), parts.price_month)
    left join latest_prices on latest_prices.price_key = concat_ws('/', parts.activity, replace(parts.unit, ' ', ''))
)

select
    given.person_id,
    given.month,
    given.activity,
    given.unit,
    given.feed,
    coalesce(prices.published_in, 'no price') as source,
    given.setting,
    given.organisation,
    given.care_events,
    cast(null as bigint) as days,
    cast(given.care_events as numeric(14, 4)) as units,
    cast(prices.unit_cost_gbp as numeric(12, 2)) as unit_cost_gbp,
    prices.price_year,
    prices.borne_by,
    cast(given.care_events * prices.unit_cost_gbp as numeric(12, 2)) as cost_gbp,
    cast(given.care_events * latest_prices.unit_cost_gbp as numeric(12, 2)) as cost_at_latest_prices_gbp
from given
left join prices on prices.price_key = concat_ws('/', given.activity, replace(given.unit, ' ', ''), given.month)
left join latest_prices on latest_prices.price_key = concat_ws('/', given.activity, replace(given.unit, ' ', ''))

union all

select
    person_id,
    month,
    activity,
    unit,
    feed,
    source,
    setting,
    organisation,
    count(*) filter (where begins) as care_events,
    cast(sum(case when has_days then days_in_month when unit <> 'item' then 0 end) as bigint) as days,
    cast(sum(units_until_now - units_before) as numeric(14, 4)) as units,
    cast(case when min(unit_cost_gbp) = max(unit_cost_gbp) then min(unit_cost_gbp) end as numeric(12, 2)) as unit_cost_gbp,
    max(price_year) as price_year,
    max(borne_by) as borne_by,
    cast(
        sum(round(units_until_now * unit_cost_gbp, 2) - round(units_before * unit_cost_gbp, 2)) as numeric(12, 2)
    ) as cost_gbp,
    cast(
        sum(round(units_until_now * latest_unit_cost_gbp, 2) - round(units_before * latest_unit_cost_gbp, 2)) as numeric(12, 2)
    ) as cost_at_latest_prices_gbp
from priced_parts
group by person_id, month, activity, unit, feed, source, setting, organisation
