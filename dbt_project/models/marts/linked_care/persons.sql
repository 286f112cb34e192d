-- One row for each person of whom a person record is in force, or who has a care event all the same: a service that only
-- earlier submissions told.
-- Each detail is taken from the person's records in force, from the one with the latest period that knows it; among
-- equals the person file goes before social care, hospital, housing and the others, then the lower record name. Records of
-- the police tell nothing here and make nobody known: direct care is no purpose of theirs. What no agreement lets anybody
-- use any more comes last.
{%- set details = [
    'nhs_number', 'forename', 'middle_name', 'surname', 'born_on', 'sex_code', 'address', 'postcode', 'uprn', 'phone',
    'gp_practice_code'
] %}
with records as (
    select
        membership.person_id,
        records.*,
        row_number() over (
            partition by membership.person_id
            order by
                records.person_record_id in (
                    select told.person_record_id
                    from {{ source('governance', 'person_record_feed') }} as told
                    inner join {{ source('governance', 'feed_in_use') }} as used on used.feed = told.feed
                ) desc,
                records.is_in_force desc,
                records.last_period_end desc,
                array_position(array['person_file', 'cld', 'apc', 'housing'], records.source),
                records.person_record_id
        ) as rank
    from {{ ref('int_person_records') }} as records
    inner join {{ source('person_index', 'membership_in_build') }} as membership
        on membership.person_record_id = records.person_record_id
    where records.source <> 'police_incidents'
        and (
            records.is_in_force
            or records.person_record_id in (select events.person_record_id from {{ ref('int_care_events') }} as events)
        )
),

described as (
    select
        person_id,
        {%- for column in details %}
        (array_agg({{ column }} order by rank) filter (where {{ column }} is not null))[1] as {{ column }},
        {%- endfor %}
        max(died_on) as died_on,
        count(distinct nhs_number) > 1 as has_conflicting_nhs_numbers,
        count(distinct born_on) > 1 as has_conflicting_birth_dates,
        count(*) as person_records,
        count(distinct source) as sources,
        bool_or(source = 'person_file') as has_childrens_social_care,
        bool_or(source = 'cld') as has_adult_social_care,
        bool_or(source = 'apc') as has_hospital_care,
        bool_or(source = 'housing') as has_social_housing
    from records
    group by person_id
),

told as (
    select
        records.person_id,
        jsonb_strip_nulls(jsonb_build_object(
            {%- for column in details + ['died_on'] %}
            '{{ column }}', jsonb_agg(distinct feeds.feed) filter (where records.{{ column }} = described.{{ column }})
            {{- ',' if not loop.last }}
            {%- endfor %}
        )) as told_by
    from records
    inner join described on described.person_id = records.person_id
    inner join {{ source('governance', 'person_record_feed') }} as feeds on feeds.person_record_id = records.person_record_id
    group by records.person_id
)

select
    described.*,
    coalesce(told.told_by, '{}') as told_by
from described
left join told on told.person_id = described.person_id
