-- One row for each feed, table and outcome: in which mart the accepted rows in force stand one by one, what they describe, or
-- why they stand in none.
{%- set in_a_mart = {
    'stg_apc__episodes': ('hospital_stays', left_out_of_hospital_stays()),
    'stg_cld__events': ('social_care_events', left_out_of_social_care_events()),
    'stg_ssda903__episodes': ('looked_after_episodes', left_out_of_looked_after_episodes()),
    'stg_housing__household_members': ('tenancies', left_out_of_tenancies()),
    'stg_person_file__people': ('persons', left_out_of_persons()),
    'stg_ssda903__header': ('persons', left_out_of_persons()),
    'stg_vcse_referrals__referrals': ('referrals', left_out_of_referrals('referred_on')),
    'stg_ecds__attendances': ('attendances', left_out_of_attendances('arrived_on')),
    'stg_outpatients__attendances': ('attendances', left_out_of_attendances('appointment_on')),
    'stg_contact_cares__contacts': ('care_timeline', left_out_of_front_door_contacts()),
    'stg_annex_a__contacts': ('care_timeline', left_out_of_childrens_contacts()),
    'stg_fire_visits__visits': ('care_timeline', left_out_of_fire_visits()),
} %}
{#- Rows that come into a mart only with another row: table -> mart, reason, the other table, its key here, its key there. -#}
{%- set with_another = {
    'stg_housing__tenancies': (
        'tenancies', left_out_of_homes(), 'nobody in the household', ref('int_tenancies'),
        "organisation || '/' || tenancy_reference", "organisation || '/' || tenancy_reference"),
    'stg_gp_summary__appointments': (
        'care_timeline', left_out_of_gp_appointments(), 'its patient was never told',
        ref('care_timeline') ~ " where kind = 'GP appointment'",
        "'gp/' || concat_ws('/', organisation, 'appointment', gp_practice_code, appointment_id)", 'care_event_id'),
    'stg_gp_summary__problems': (
        'care_timeline', left_out_of_gp_problems(), 'its patient was never told',
        ref('care_timeline') ~ " where kind = 'GP problem'",
        "'gp/' || concat_ws('/', organisation, 'problem', gp_practice_code, problem_id)", 'care_event_id'),
    'stg_gp_summary__medication': (
        'care_timeline', left_out_of_gp_medication(), 'its patient was never told',
        ref('care_timeline') ~ " where kind = 'GP medication'",
        "'gp/' || concat_ws('/', organisation, 'medication', gp_practice_code, medication_id)", 'care_event_id'),
    'stg_gp_summary__results': (
        'care_timeline', left_out_of_gp_results(), 'its patient was never told',
        ref('care_timeline') ~ " where kind = 'GP result'",
        "'gp/' || concat_ws('/', organisation, 'result', gp_practice_code, result_id)", 'care_event_id'),
    'stg_csds__referrals': (
        'referrals', left_out_of_referrals(), 'its patient was never told', ref('int_referrals'),
        "feed || '/' || referral_id", 'referral_id'),
    'stg_mhsds__referrals': (
        'referrals', left_out_of_referrals(), 'its patient was never told', ref('int_referrals'),
        "feed || '/' || referral_id", 'referral_id'),
    'stg_csds__care_contacts': (
        'contacts', left_out_of_contacts(), 'its referral or patient was never told', ref('int_referrals'),
        "feed || '/' || referral_id", 'referral_id'),
    'stg_mhsds__care_contacts': (
        'contacts', left_out_of_contacts(), 'its referral or patient was never told', ref('int_referrals'),
        "feed || '/' || referral_id", 'referral_id'),
    'stg_mhsds__hospital_spells': (
        'care_timeline', left_out_of_mental_health_stays(), 'its referral or patient was never told', ref('int_referrals'),
        "feed || '/' || referral_id", 'referral_id'),
    'stg_police_incidents__people': (
        'care_timeline', left_out_of_police_incidents(), 'nobody else knows the person, or the incident was never told',
        ref('care_timeline') ~ " where kind = 'police incident'",
        "'police incident/' || concat_ws('/', feed, incident_reference, local_person_id)", 'care_event_id'),
} %}
with rows_in_force as (
    {%- for table, (mart, left_out) in in_a_mart.items() %}
    select feed, '{{ table }}' as staging_table, coalesce({{ left_out }}, 'in {{ mart }}') as outcome
    from {{ ref(table) }}
    where superseded_at is null

    union all
    {% endfor -%}
    {%- for table, (mart, left_out, alone, other, key, other_key) in with_another.items() %}
    select
        own.feed,
        '{{ table }}' as staging_table,
        coalesce(own.left_out, case when others.key is null then '{{ alone }}' end, 'in {{ mart }}') as outcome
    from (
        select feed, {{ key }} as key, {{ left_out }} as left_out from {{ ref(table) }} where superseded_at is null
    ) as own
    left join (select distinct {{ other_key }} as key from {{ other }}) as others on others.key = own.key

    union all
    {% endfor -%}
    {%- for model in staging_models() if model.name not in in_a_mart and model.name not in with_another %}
    select feed, '{{ model.name }}' as staging_table, '{{ told_of_table(model) | replace("'", "''") }}' as outcome
    from {{ staging_table(model) }}
    where superseded_at is null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    feed,
    staging_table,
    outcome,
    outcome like 'in %' as is_in_a_mart,
    count(*) as rows
from rows_in_force
group by feed, staging_table, outcome
