-- One row for each person, month and feed that told of care in it.
-- The feeds stay apart, so that the end of an agreement or an opt-out takes away its part and no more; the sum of a person's
-- rows of one month is that person's month. `person_costs` has what was spread over months, and each event only once.
with costed as (
    select
        person_id,
        month,
        organisation,
        feed,
        {%- for column, activities in [
            ('hospital_nights', ['non-elective spell', 'other non-elective spell', 'elective spell', 'spell of unknown kind']),
            ('mental_health_nights', ['mental health bed day']),
            ('home_care_days', ['home care', 'reablement', 'direct payment', 'day support', 'meals', 'shared lives',
                'community supported living', 'extra care housing', 'end of life care', 'emergency support']),
            ('reablement_days', ['reablement']),
            ('care_home_days', ['residential care', 'nursing care']),
            ('looked_after_days', ['child looked after']),
        ] %}
        coalesce(sum(days) filter (where activity in ('{{ activities | join("', '") }}')), 0) as {{ column }},
        {%- endfor %}
        coalesce(sum(days) filter (where setting = 'social care' and activity <> 'child looked after'), 0)
            as social_care_service_days,
        {%- for column, activities in [
            ('emergency_stays', ['non-elective spell']),
            ('planned_stays', ['elective spell', 'day case', 'regular attender']),
            ('emergency_attendances', ['emergency attendance', 'urgent treatment centre attendance']),
            ('outpatient_appointments', ['outpatient appointment']),
            ('community_contacts', ['community contact', 'iv therapy contact']),
            ('mental_health_contacts', ['mental health contact']),
            ('gp_appointments', ['gp appointment']),
            ('front_door_contacts', ['contact cares contact']),
        ] %}
        coalesce(sum(care_events) filter (where activity in ('{{ activities | join("', '") }}')), 0) as {{ column }},
        {%- endfor %}
        sum(care_events) as care_events,
        count(distinct activity) as activities,
        sum(cost_gbp) as cost_gbp,
        sum(cost_at_latest_prices_gbp) as cost_at_latest_prices_gbp,
        coalesce(sum(care_events) filter (where cost_gbp is null), 0) as unpriced_care_events
    from {{ ref('person_costs') }}
    group by person_id, month, organisation, feed
),

referred as (
    select
        referrals.person_id,
        {{ month_of('referrals.referred_on') }} as month,
        referrals.organisation,
        referrals.feed,
        count(*) as referrals
    from {{ ref('referrals') }} as referrals
    left join {{ source('governance', 'restricted_event') }} as restricted
        on restricted.care_event_id = 'referral/' || referrals.referral_id
    where
        referrals.person_id is not null
        and referrals.referred_on <= (select {{ as_at_day() }})
        and restricted.care_event_id is null
    group by referrals.person_id, {{ month_of('referrals.referred_on') }}, referrals.organisation, referrals.feed
)

select
    person_id,
    month,
    feed,
    organisation,
    {%- for column in [
        'hospital_nights', 'mental_health_nights', 'home_care_days', 'reablement_days', 'care_home_days', 'looked_after_days',
        'social_care_service_days', 'emergency_stays', 'planned_stays', 'emergency_attendances', 'outpatient_appointments',
        'community_contacts', 'mental_health_contacts', 'gp_appointments', 'front_door_contacts',
    ] %}
    cast(coalesce(costed.{{ column }}, 0) as bigint) as {{ column }},
    {%- endfor %}
    coalesce(referred.referrals, 0) as referrals,
    cast(coalesce(costed.care_events, 0) as bigint) as care_events,
    coalesce(costed.activities, 0) as activities,
    cast(costed.cost_gbp as numeric(12, 2)) as cost_gbp,
    cast(costed.cost_at_latest_prices_gbp as numeric(12, 2)) as cost_at_latest_prices_gbp,
    cast(coalesce(costed.unpriced_care_events, 0) as bigint) as unpriced_care_events
from costed
full join referred using (person_id, month, feed, organisation)
