-- One row for each person in each tenancy in force: what the landlord tells of the home, and what hospital, front door, fire
-- service and police tell of the person while living there.
-- A home and a person come together through the tenancy's household and the person index, never through an address.
{%- set around = {
    'damp': ('respiratory_admissions', 'damp_first_reported_on'),
    'adaptation': ('falls', 'first_adapted_on'),
} %}
with {{ told_runs({
    'hospital stay': ref('hospital_stays'),
    'front door': ref('stg_contact_cares__contacts'),
    'fire visit': ref('stg_fire_visits__visits'),
    'police incident': ref('stg_police_incidents__incidents'),
    'repair': ref('stg_housing_support__repairs'),
    'arrears': ref('stg_housing_support__arrears'),
    'anti-social behaviour': ref('stg_housing_support__anti_social_behaviour'),
    'adaptation': ref('stg_housing_support__adaptations'),
}) }},

repairs as (
    select
        organisation,
        tenancy_reference,
        count(*) as damp_repairs,
        min(reported_on) as damp_first_reported_on,
        case when count(*) = count(completed_on) then max(completed_on) end as damp_completed_on
    from {{ ref('stg_housing_support__repairs') }}
    where superseded_at is null and has_damp_or_mould and tenancy_reference is not null
    group by organisation, tenancy_reference
),

adaptations as (
    select
        organisation,
        tenancy_reference,
        count(distinct adaptation_reference) as adaptations,
        min(completed_on) as first_adapted_on
    from {{ ref('stg_housing_support__adaptations') }}
    where superseded_at is null and tenancy_reference is not null
    group by organisation, tenancy_reference
),

arrears as (
    select distinct on (organisation, tenancy_reference) organisation, tenancy_reference, arrears_band, as_at_on
    from {{ ref('stg_housing_support__arrears') }}
    where superseded_at is null and tenancy_reference is not null
    order by organisation, tenancy_reference, as_at_on desc nulls last, delivery_id desc, line_number desc
),

behaviour as (
    select
        organisation,
        tenancy_reference,
        count(distinct case_reference) filter (where lower(role) = 'reported about') as cases_about,
        count(distinct case_reference) filter (where lower(role) = 'reported by') as cases_reported
    from {{ ref('stg_housing_support__anti_social_behaviour') }}
    where superseded_at is null and tenancy_reference is not null
    group by organisation, tenancy_reference
),

homes as (
    select
        tenancies.tenancy_id,
        tenancies.person_id,
        tenancies.organisation,
        tenancies.feed,
        tenancies.tenancy_reference,
        tenancies.is_sheltered,
        tenancies.started_on,
        tenancies.ended_on,
        coalesce(tenancies.ended_on, {{ as_at_day() }}) as lived_until,
        repairs.damp_repairs,
        repairs.damp_first_reported_on,
        repairs.damp_completed_on,
        adaptations.adaptations,
        adaptations.first_adapted_on,
        arrears.arrears_band,
        arrears.as_at_on as arrears_as_at_on,
        behaviour.cases_about,
        behaviour.cases_reported
    from {{ ref('tenancies') }} as tenancies
    {%- for part in ('repairs', 'adaptations', 'arrears', 'behaviour') %}
    left join {{ part }}
        on {{ part }}.organisation = tenancies.organisation and {{ part }}.tenancy_reference = tenancies.tenancy_reference
    {%- endfor %}
),

-- The days of living there of which the hospitals told, and how many of them lie within twelve months before and after.
days as (
    select
        homes.tenancy_id,
        sum(until_day - from_day + 1) as hospital_days
        {%- for what, (events, turning_point) in around.items() %},
        sum(greatest(0, least(until_day, homes.{{ turning_point }} - 1)
            - greatest(from_day, cast(homes.{{ turning_point }} - interval '12 months' as date)) + 1))
            filter (where homes.{{ turning_point }} is not null) as days_before_{{ what }},
        sum(greatest(0, least(until_day, cast(homes.{{ turning_point }} + interval '12 months' as date) - 1)
            - greatest(from_day, homes.{{ turning_point }}) + 1))
            filter (where homes.{{ turning_point }} is not null) as days_after_{{ what }}
        {%- endfor %}
    from homes
    inner join told_runs as runs
        on runs.what = 'hospital stay'
        and runs.told_from <= homes.lived_until
        and runs.told_until >= coalesce(homes.started_on, runs.told_from)
    cross join lateral (
        select
            greatest(runs.told_from, homes.started_on) as from_day,
            least(runs.told_until, homes.lived_until, {{ as_at_day() }}) as until_day
    ) as known
    where known.until_day >= known.from_day and homes.person_id is not null
    group by homes.tenancy_id
),

falls as (
    select distinct organisation || '/' || spell_number as hospital_stay_id
    from {{ ref('int_hospital_diagnoses') }}
    where diagnosis_code >= 'W00' and diagnosis_code < 'W20' and spell_number is not null
),

-- Respiratory: primary diagnosis J00 to J99. Falls as the Public Health Outcomes Framework counts them: primary diagnosis
-- S00 to T98 and a fall (W00 to W19) in any position. Emergencies only, both of them.
admissions as (
    select
        stays.person_id,
        stays.admitted_on,
        stays.primary_diagnosis_code like 'J%' as respiratory_admissions,
        stays.primary_diagnosis_code >= 'S00'
            and stays.primary_diagnosis_code < 'T99'
            and falls.hospital_stay_id is not null as falls
    from {{ ref('hospital_stays') }} as stays
    left join falls on falls.hospital_stay_id = stays.hospital_stay_id
    where stays.admission_kind = 'emergency' and stays.person_id is not null
),

admitted as (
    select
        homes.tenancy_id
        {%- for what, (events, turning_point) in around.items() %},
        count(*) filter (where admissions.{{ events }}) as {{ events }},
        count(*) filter (
            where admissions.{{ events }}
                and admissions.admitted_on < homes.{{ turning_point }}
                and admissions.admitted_on >= homes.{{ turning_point }} - interval '12 months'
        ) as {{ events }}_before_{{ what }},
        count(*) filter (
            where admissions.{{ events }}
                and admissions.admitted_on >= homes.{{ turning_point }}
                and admissions.admitted_on < homes.{{ turning_point }} + interval '12 months'
        ) as {{ events }}_after_{{ what }}
        {%- endfor %}
    from homes
    inner join admissions
        on admissions.person_id = homes.person_id
        and admissions.admitted_on between coalesce(homes.started_on, '-infinity') and homes.lived_until
    -- What was told for no month counts nowhere, as its days do not.
    inner join told_runs as runs
        on runs.what = 'hospital stay' and admissions.admitted_on between runs.told_from and runs.told_until
    group by homes.tenancy_id
),

{%- for what, events, on_day, told in [
    ('front_door', ref('front_door_contacts'), 'received_on', 'front door'),
    ('fire', "(select person_id, started_on from " ~ ref('care_timeline') ~ " where kind = 'fire visit')", 'started_on',
        'fire visit'),
    ('police', "(select person_id, started_on from " ~ ref('care_timeline') ~ " where kind = 'police incident')", 'started_on',
        'police incident'),
] %}

{{ what }} as (
    select homes.tenancy_id, count(*) as times
    from homes
    inner join {{ events }} as events
        on events.person_id = homes.person_id
        and events.{{ on_day }} between coalesce(homes.started_on, '-infinity') and homes.lived_until
    inner join told_runs as runs
        on runs.what = '{{ told }}' and events.{{ on_day }} between runs.told_from and runs.told_until
    group by homes.tenancy_id
),
{%- endfor %}

-- Contacts and incidents count over the days of which the front door and the police told.
{%- for name, what in [('front_door_days', 'front door'), ('police_days', 'police incident')] %}

{{ name }} as (
    select
        homes.tenancy_id,
        sum(least(runs.told_until, homes.lived_until, {{ as_at_day() }}) - greatest(runs.told_from, homes.started_on) + 1) as days
    from homes
    inner join told_runs as runs
        on runs.what = '{{ what }}'
        and runs.told_from <= least(homes.lived_until, {{ as_at_day() }})
        and runs.told_until >= coalesce(homes.started_on, runs.told_from)
    group by homes.tenancy_id
),
{%- endfor %}

known as (
    select
        coalesce(bool_or(what = 'repair'), false) as knows_repairs,
        coalesce(bool_or(what = 'adaptation'), false) as knows_adaptations,
        coalesce(bool_or(what = 'anti-social behaviour'), false) as knows_behaviour,
        coalesce(bool_or(what = 'fire visit'), false) as knows_fire_visits
    from told_runs
)

select
    homes.tenancy_id,
    homes.person_id,
    homes.organisation,
    homes.feed,
    homes.tenancy_reference,
    homes.is_sheltered,
    homes.started_on,
    homes.ended_on,
    case when known.knows_repairs then coalesce(homes.damp_repairs, 0) end as damp_repairs,
    homes.damp_first_reported_on,
    homes.damp_completed_on,
    case when known.knows_adaptations then coalesce(homes.adaptations, 0) end as adaptations,
    homes.first_adapted_on,
    homes.arrears_band,
    homes.arrears_as_at_on,
    case when known.knows_behaviour then coalesce(homes.cases_about, 0) end as anti_social_behaviour_cases_about,
    case when known.knows_behaviour then coalesce(homes.cases_reported, 0) end as anti_social_behaviour_cases_reported,
    cast(days.hospital_days as bigint) as hospital_days
    {%- for what, (events, turning_point) in around.items() %},
    case when days.hospital_days > 0 then coalesce(admitted.{{ events }}, 0) end as {{ events }},
    cast(days.days_before_{{ what }} as bigint) as days_before_{{ what }},
    case when days.days_before_{{ what }} > 0 then coalesce(admitted.{{ events }}_before_{{ what }}, 0) end
        as {{ events }}_before_{{ what }},
    cast(days.days_after_{{ what }} as bigint) as days_after_{{ what }},
    case when days.days_after_{{ what }} > 0 then coalesce(admitted.{{ events }}_after_{{ what }}, 0) end
        as {{ events }}_after_{{ what }}
    {%- endfor %},
    case when homes.person_id is not null then cast(front_door_days.days as bigint) end as front_door_days,
    case when homes.person_id is not null and front_door_days.days > 0 then coalesce(front_door.times, 0) end
        as front_door_contacts,
    case when homes.person_id is not null and known.knows_fire_visits then coalesce(fire.times, 0) end as fire_visits,
    case when homes.person_id is not null then cast(police_days.days as bigint) end as police_days,
    case when homes.person_id is not null and police_days.days > 0 then coalesce(police.times, 0) end as police_incidents
from homes
cross join known
left join days on days.tenancy_id = homes.tenancy_id
left join admitted on admitted.tenancy_id = homes.tenancy_id
left join front_door on front_door.tenancy_id = homes.tenancy_id
left join fire on fire.tenancy_id = homes.tenancy_id
left join front_door_days on front_door_days.tenancy_id = homes.tenancy_id
left join police on police.tenancy_id = homes.tenancy_id
left join police_days on police_days.tenancy_id = homes.tenancy_id
