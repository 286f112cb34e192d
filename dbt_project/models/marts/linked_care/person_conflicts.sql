-- One row for each person and detail about which their person records in force do not agree.
-- Which value counts is decided as persons.sql says: the record with the latest period, then the person file before social care,
-- hospital and housing. A death is the latest that any record tells.
{%- set details = ['nhs_number', 'surname', 'born_on', 'died_on', 'sex_code', 'gp_practice_code'] %}
with records as (
    select membership.person_id, records.*
    from {{ ref('int_person_records') }} as records
    inner join {{ source('person_index', 'membership_in_build') }} as membership
        on membership.person_record_id = records.person_record_id
    where records.is_in_force and records.source <> 'police_incidents'
),

counted as (
    {%- for detail in details %}
    {{ 'union all' if not loop.first }}
    select
        person_id,
        '{{ detail }}' as detail,
        count(distinct {{ 'lower(' ~ detail ~ ')' if detail == 'surname' else detail }}) as different_values,
        count({{ detail }}) as records_that_tell,
        array_to_string(array_agg(distinct source order by source) filter (where {{ detail }} is not null), ', ') as sources
    from records
    group by person_id
    having count(distinct {{ 'lower(' ~ detail ~ ')' if detail == 'surname' else detail }}) > 1
    {%- endfor %}
)

select
    counted.person_id,
    counted.detail,
    counted.different_values,
    counted.records_that_tell,
    counted.sources,
    case counted.detail
        when 'died_on' then 'the latest day that any record tells'
        else 'the record with the latest period; then person file, social care, hospital, housing, others'
    end as rule
from counted
inner join {{ ref('persons') }} as persons on persons.person_id = counted.person_id
