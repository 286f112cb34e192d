-- One row for each measure of homes and health and group of homes, over all the time of which somebody told.
{% set measures = [
    ('respiratory emergency admissions', 'damp or mould reported', 'damp_repairs > 0',
        'respiratory_admissions', 'hospital_days'),
    ('respiratory emergency admissions', 'no damp or mould reported', 'damp_repairs = 0',
        'respiratory_admissions', 'hospital_days'),
    ('respiratory emergency admissions', '12 months before damp or mould was reported', 'damp_first_reported_on is not null',
        'respiratory_admissions_before_damp', 'days_before_damp'),
    ('respiratory emergency admissions', '12 months after damp or mould was reported', 'damp_first_reported_on is not null',
        'respiratory_admissions_after_damp', 'days_after_damp'),
    ('emergency admissions for a fall', 'home adapted', 'first_adapted_on is not null', 'falls', 'hospital_days'),
    ('emergency admissions for a fall', 'home not adapted', 'adaptations = 0', 'falls', 'hospital_days'),
    ('emergency admissions for a fall', '12 months before the first adaptation', 'first_adapted_on is not null',
        'falls_before_adaptation', 'days_before_adaptation'),
    ('emergency admissions for a fall', '12 months after the first adaptation', 'first_adapted_on is not null',
        'falls_after_adaptation', 'days_after_adaptation'),
    ('front door contacts', 'rent more than 8 weeks behind', "lower(arrears_band) in ('9 to 13 weeks', 'over 13 weeks')",
        'front_door_contacts', 'front_door_days'),
    ('front door contacts', 'rent at most 8 weeks behind', "lower(arrears_band) in ('none', 'under 4 weeks', '4 to 8 weeks')",
        'front_door_contacts', 'front_door_days'),
    ('front door contacts', 'rent: not told', 'arrears_band is null', 'front_door_contacts', 'front_door_days'),
    ('front door contacts', 'a case of anti-social behaviour about the home', 'anti_social_behaviour_cases_about > 0',
        'front_door_contacts', 'front_door_days'),
    ('front door contacts', 'no case of anti-social behaviour about the home', 'anti_social_behaviour_cases_about = 0',
        'front_door_contacts', 'front_door_days'),
    ('front door contacts', 'visited by the fire service', 'fire_visits > 0', 'front_door_contacts', 'front_door_days'),
    ('front door contacts', 'not visited by the fire service', 'fire_visits = 0', 'front_door_contacts', 'front_door_days'),
    ('parts in police incidents', 'a case of anti-social behaviour about the home', 'anti_social_behaviour_cases_about > 0',
        'police_incidents', 'police_days'),
    ('parts in police incidents', 'no case of anti-social behaviour about the home', 'anti_social_behaviour_cases_about = 0',
        'police_incidents', 'police_days'),
] %}
{%- set told_by = {
    'respiratory emergency admissions': ref('hospital_stays'),
    'emergency admissions for a fall': ref('hospital_stays'),
    'front door contacts': ref('front_door_contacts'),
    'parts in police incidents': ref('stg_police_incidents__incidents'),
} %}
with homes as (
    select *
    from {{ ref('home_and_health') }}
    where feed in ({{ feeds_of_the_board() }})
),

listed as (
    select *
    from (
        values
        {%- for measure, group, _, _, _ in measures %}
            ({{ loop.index }}, '{{ measure }}', '{{ group }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as groups_of_homes (number, measure, group_of_homes)
),

counted as (
    {%- for measure, _, condition, events, days in measures %}
    {{ 'union all' if not loop.first }}
    select
        {{ loop.index }} as number,
        count(distinct organisation || '/' || tenancy_reference) as guard_tenancies,
        count(distinct person_id) as guard_people,
        cast(sum({{ events }}) as bigint) as guard_events,
        sum({{ days }}) / 365.25 as person_years
    from homes
    where {{ condition }} and {{ days }} > 0 and {{ may_the_board_count(told_by[measure]) }}
    {%- endfor %}
)

select
    counted.guard_tenancies,
    counted.guard_people,
    counted.guard_events,
    listed.measure,
    listed.group_of_homes,
    counted.guard_people > 0 as has_data,
    case when counted.guard_people > 0 then {{ shown_count('counted.guard_tenancies') }} end as tenancies,
    case when counted.guard_people > 0 then {{ shown_count('counted.guard_people') }} end as people,
    {{ shown_count('counted.guard_events') }} as events,
    case when counted.guard_people > 0 then {{ shown_text('counted.guard_events') }} else 'no data' end as events_as_shown,
    case when counted.guard_people > 7 then round(counted.person_years, 0) end as person_years,
    case when counted.guard_people > 7 and counted.person_years >= 1
        then round(1000 * {{ shown_count('counted.guard_events') }} / counted.person_years, 1) end as per_1000_person_years
from listed
left join counted on counted.number = listed.number
