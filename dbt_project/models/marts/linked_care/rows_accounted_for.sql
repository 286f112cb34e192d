-- One row for each feed, table and outcome: in which mart the accepted rows in force stand, or why they stand in none.
{%- set in_a_mart = [
    ('stg_apc__episodes', 'hospital_stays', left_out_of_hospital_stays()),
    ('stg_cld__events', 'social_care_events', left_out_of_social_care_events()),
    ('stg_ssda903__episodes', 'looked_after_episodes', left_out_of_looked_after_episodes()),
    ('stg_housing__household_members', 'tenancies', left_out_of_tenancies()),
    ('stg_person_file__people', 'persons', left_out_of_persons()),
    ('stg_ssda903__header', 'persons', left_out_of_persons()),
    ('stg_gp_summary__appointments', 'care_timeline', left_out_of_gp_appointments()),
    ('stg_gp_summary__problems', 'care_timeline', left_out_of_gp_problems()),
    ('stg_gp_summary__medication', 'care_timeline', left_out_of_gp_medication()),
] %}
with rows_in_force as (
    {%- for table, mart, left_out in in_a_mart %}
    select feed, '{{ table }}' as staging_table, coalesce({{ left_out }}, 'in {{ mart }}') as outcome
    from {{ ref(table) }}
    where superseded_at is null

    union all
    {%- endfor %}

    select
        homes.feed,
        'stg_housing__tenancies' as staging_table,
        case
            when homes.tenancy_reference is null then 'no tenancy reference'
            when members.tenancy_reference is null then 'nobody in the household'
            else 'in tenancies'
        end as outcome
    from {{ ref('stg_housing__tenancies') }} as homes
    left join (select distinct organisation, tenancy_reference from {{ ref('int_tenancies') }}) as members
        on members.organisation = homes.organisation
        and members.tenancy_reference = homes.tenancy_reference
    where homes.superseded_at is null

    {%- for model in staging_models() if model.name not in (in_a_mart | map('first') | list) + ['stg_housing__tenancies'] %}

    union all

    select feed, '{{ model.name }}' as staging_table, 'no mart reads this table yet' as outcome
    from {{ staging_table(model) }}
    where superseded_at is null
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
