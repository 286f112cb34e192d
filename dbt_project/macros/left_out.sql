{#- Why an accepted row in force stands in no mart; null for a row that does. Said once here, obeyed by the care
    events, counted by `rows_accounted_for`. -#}

{% macro left_out_of_hospital_stays() -%}
case
    when local_person_id is null then 'no local person id'
    when spell_number is null then 'no spell number'
    when admitted_on is null then 'no admission date'
end
{%- endmacro %}


{% macro left_out_of_social_care_events() -%}
case
    when local_person_id is null then 'no local person id'
    when {{ social_care_event_kind('event_type') }} is null then 'no event type that is understood'
    when started_on is null then 'no start date'
end
{%- endmacro %}


{% macro left_out_of_looked_after_episodes() -%}
case
    when local_person_id is null then 'no local person id'
    when started_on is null then 'no start date'
end
{%- endmacro %}


{% macro left_out_of_tenancies() -%}
case
    when local_person_id is null then 'no local person id'
    when tenancy_reference is null then 'no tenancy reference'
end
{%- endmacro %}


{#- A tenancy comes into the marts through the people in its household. -#}
{% macro left_out_of_homes() -%}
case when tenancy_reference is null then 'no tenancy reference' end
{%- endmacro %}


{% macro left_out_of_persons() -%}
case when local_person_id is null then 'no local person id' end
{%- endmacro %}
