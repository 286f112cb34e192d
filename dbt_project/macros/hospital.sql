{#- An episode may be told again in a later month: the latest telling, number 1, is the one that counts. -#}
{% macro telling_of_an_episode() -%}
{{ _telling('organisation, spell_number, episode_number') }}
{%- endmacro %}


{% macro _telling(key) -%}
row_number() over (partition by {{ key }} order by period_end desc, delivery_id desc, line_number desc)
{%- endmacro %}


{#-
    One row for each code of the consultant episodes and outpatient appointments in force, by their latest telling. `lists`
    maps two lists that stand side by side, the codes first, to what their values are called in a row.
-#}
{% macro coded_in_force(lists) -%}
{%- set columns = lists.values() | join(', ') -%}
with told as (
    select
        organisation,
        feed,
        delivery_id,
        local_person_id,
        spell_number,
        episode_number,
        cast(null as text) as attendance_id,
        episode_started_on as began_on,
        {{ lists | join(', ') }},
        {{ telling_of_an_episode() }} as telling
    from {{ ref('int_hospital_episodes') }}
    where superseded_at is null and {{ left_out_of_hospital_stays() }} is null

    union all

    select
        organisation,
        feed,
        delivery_id,
        local_person_id,
        cast(null as text) as spell_number,
        cast(null as integer) as episode_number,
        attendance_id,
        appointment_on as began_on,
        {{ lists | join(', ') }},
        {{ _telling('organisation, attendance_id') }} as telling
    from {{ ref('int_outpatient_attendances') }}
    where superseded_at is null and local_person_id is not null and attendance_id is not null
)

select
    {{ person_record_id('organisation', 'apc', 'local_person_id') }} as person_record_id,
    organisation,
    feed,
    delivery_id,
    spell_number,
    episode_number,
    attendance_id,
    began_on,
    cast(position as integer) as position,
    {{ columns }}
from told
cross join lateral unnest({{ lists | join(', ') }}) with ordinality as coded ({{ columns }}, position)
where telling = 1 and {{ lists.values() | first }} is not null
{%- endmacro %}
