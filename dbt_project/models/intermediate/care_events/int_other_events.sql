-- One row for each event that has no model of its own: contacts of a front door, stays in a mental health hospital, contacts of
-- children's social care, visits of the fire service, and people's parts in incidents that the police know of.
{{ config(materialized='table', pre_hook=join_whole_tables()) }}

with told as (
    select
        'front door/' || feed || '/' || contact_id as event_id,
        {{ person_record_id('organisation', 'contact_cares', 'local_person_id') }} as person_record_id,
        organisation, feed, delivery_id, period_end, line_number,
        'front door contact' as kind,
        concat_ws(', ', channel, urgency, outcome) as detail,
        received_on as started_on,
        received_at as started_at,
        coalesce(closed_on, received_on) as ended_on,
        closed_at as ended_at,
        case when feed like '%/isah' then 'ISAH' else 'Contact Cares' end as service,
        cast(null as text) as provider_code,
        cast(null as text) as referral_id
    from {{ ref('stg_contact_cares__contacts') }}
    where superseded_at is null and {{ left_out_of_front_door_contacts() }} is null

    union all

    select
        'mental health stay/' || spells.feed || '/' || spells.spell_id as event_id,
        referrals.person_record_id,
        spells.organisation, spells.feed, spells.delivery_id, spells.period_end, spells.line_number,
        'mental health stay' as kind,
        cast(null as text) as detail,
        spells.admitted_on as started_on,
        spells.admitted_at as started_at,
        spells.discharged_on as ended_on,
        spells.discharged_at as ended_at,
        referrals.service,
        referrals.provider_code,
        referrals.referral_id
    from {{ ref('stg_mhsds__hospital_spells') }} as spells
    inner join {{ ref('int_referrals') }} as referrals on referrals.referral_id = spells.feed || '/' || spells.referral_id
    where spells.superseded_at is null and {{ left_out_of_mental_health_stays('spells.') }} is null

    union all

    select
        'children''s contact/' || concat_ws('/', organisation, local_person_id, contacted_on, contact_source) as event_id,
        {{ person_record_id('organisation', 'person_file', 'local_person_id') }} as person_record_id,
        organisation, feed, delivery_id, period_end, line_number,
        'children''s social care contact' as kind,
        contact_source as detail,
        contacted_on as started_on,
        cast(null as timestamptz) as started_at,
        contacted_on as ended_on,
        cast(null as timestamptz) as ended_at,
        'children''s social care' as service,
        cast(null as text) as provider_code,
        cast(null as text) as referral_id
    from {{ ref('stg_annex_a__contacts') }}
    where superseded_at is null and {{ left_out_of_childrens_contacts() }} is null

    union all

    select
        'fire visit/' || feed || '/' || visit_reference as event_id,
        {{ person_record_id('organisation', 'fire_visits', 'local_person_id') }} as person_record_id,
        organisation, feed, delivery_id, period_end, line_number,
        'fire visit' as kind,
        concat_ws(', ', risk_level, outcome) as detail,
        visited_on as started_on,
        cast(null as timestamptz) as started_at,
        visited_on as ended_on,
        cast(null as timestamptz) as ended_at,
        'fire safety' as service,
        cast(null as text) as provider_code,
        cast(null as text) as referral_id
    from {{ ref('stg_fire_visits__visits') }}
    where superseded_at is null and {{ left_out_of_fire_visits() }} is null

    union all

    select
        'police incident/' || concat_ws('/', people.feed, people.incident_reference, people.local_person_id) as event_id,
        {{ person_record_id('people.organisation', 'police_incidents', 'people.local_person_id') }} as person_record_id,
        people.organisation, people.feed, people.delivery_id, people.period_end, people.line_number,
        'police incident' as kind,
        concat_ws(', ', incidents.category, people.role) as detail,
        incidents.occurred_on as started_on,
        incidents.occurred_at as started_at,
        incidents.occurred_on as ended_on,
        cast(null as timestamptz) as ended_at,
        'police' as service,
        cast(null as text) as provider_code,
        cast(null as text) as referral_id
    from {{ ref('stg_police_incidents__people') }} as people
    inner join (
        select distinct on (feed, incident_reference) feed, incident_reference, category, occurred_on, occurred_at
        from {{ ref('stg_police_incidents__incidents') }}
        where superseded_at is null
        order by feed, incident_reference, period_end desc, delivery_id desc, line_number desc
    ) as incidents on incidents.feed = people.feed and incidents.incident_reference = people.incident_reference
    where people.superseded_at is null and {{ left_out_of_police_incidents('people.') }} is null
),

in_order as (
    select
        *,
        row_number() over (partition by event_id order by period_end desc, delivery_id desc, line_number desc) as telling,
        count(*) over (partition by event_id) as source_rows
    from told
)

select
    event_id as care_event_id,
    person_record_id,
    organisation,
    feed,
    kind,
    nullif(detail, '') as detail,
    started_on,
    started_at,
    ended_on,
    ended_at,
    service,
    provider_code,
    referral_id,
    source_rows
from in_order
where telling = 1
