-- One row for each person, month and organisation with a feed that told of care in it, under the person's pseudonym.
-- What every published table asks of a feed and an organisation is asked of each part of a month; of the restricted codes,
-- which the sums hold nothing of, those that were known when they were made.
select
    months.person_id as guard_person_id,
    months.feed as guard_feed,
    months.organisation,
    months.month,
    {%- for column in [
        'hospital_nights', 'mental_health_nights', 'home_care_days', 'reablement_days', 'care_home_days', 'looked_after_days',
        'social_care_service_days', 'emergency_stays', 'planned_stays', 'emergency_attendances', 'outpatient_appointments',
        'community_contacts', 'mental_health_contacts', 'gp_appointments', 'front_door_contacts', 'referrals', 'care_events',
        'activities', 'cost_gbp', 'cost_at_latest_prices_gbp', 'unpriced_care_events',
    ] %}
    months.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ ref('person_months') }} as months
inner join {{ ref('persons') }} as persons on persons.person_id = months.person_id
