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


{#- A row that the practice took back, or an appointment that never came about, is no care. -#}
{% macro left_out_of_gp_appointments() -%}
case
    when local_person_id is null then 'no local person id'
    when gp_practice_code is null or appointment_id is null then 'no number of the practice'
    when is_deleted then 'taken back by the practice'
    when lower(status) in ('cancelled', 'did not attend') then 'did not come about'
    when appointment_on is null then 'no start date'
end
{%- endmacro %}


{% macro left_out_of_gp_problems() -%}
case
    when local_person_id is null then 'no local person id'
    when gp_practice_code is null or problem_id is null then 'no number of the practice'
    when is_deleted then 'taken back by the practice'
end
{%- endmacro %}


{% macro left_out_of_gp_medication() -%}
case
    when local_person_id is null then 'no local person id'
    when gp_practice_code is null or medication_id is null then 'no number of the practice'
    when is_deleted then 'taken back by the practice'
    when started_on is null then 'no start date'
end
{%- endmacro %}
