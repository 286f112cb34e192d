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


{#- Care that is told in a data set of referrals and contacts. -#}
{% macro left_out_of_referrals(day='received_on') -%}
case
    when local_person_id is null then 'no local person id'
    when referral_id is null then 'no number of the referral'
    when {{ day }} is null then 'no start date'
end
{%- endmacro %}


{#- Whose contact it was is said by its referral only. -#}
{% macro left_out_of_contacts() -%}
case
    when contact_id is null then 'no number of the contact'
    when referral_id is null then 'no number of the referral'
    when contact_on is null then 'no start date'
end
{%- endmacro %}


{% macro left_out_of_attendances(day) -%}
case
    when local_person_id is null then 'no local person id'
    when attendance_id is null then 'no number of the attendance'
    when {{ day }} is null then 'no start date'
end
{%- endmacro %}


{% macro left_out_of_front_door_contacts() -%}
case
    when local_person_id is null then 'no local person id'
    when contact_id is null then 'no number of the contact'
    when received_on is null then 'no start date'
end
{%- endmacro %}


{% macro left_out_of_mental_health_stays(of='') -%}
case
    when {{ of }}spell_id is null then 'no spell number'
    when {{ of }}referral_id is null then 'no number of the referral'
    when {{ of }}admitted_on is null then 'no admission date'
end
{%- endmacro %}


{% macro left_out_of_childrens_contacts() -%}
case
    when local_person_id is null then 'no local person id'
    when contacted_on is null then 'no start date'
end
{%- endmacro %}


{#- A visit to a home of which no resident is named is nobody's care. -#}
{% macro left_out_of_fire_visits() -%}
case
    when local_person_id is null then 'nobody is named'
    when visit_reference is null then 'no number of the visit'
    when visited_on is null then 'no start date'
end
{%- endmacro %}


{% macro left_out_of_police_incidents(of='') -%}
case
    when {{ of }}local_person_id is null then 'nobody is named'
    when {{ of }}incident_reference is null then 'no number of the incident'
end
{%- endmacro %}


{% macro left_out_of_gp_results() -%}
case
    when local_person_id is null then 'no local person id'
    when gp_practice_code is null or result_id is null then 'no number of the practice'
    when is_deleted then 'taken back by the practice'
    when result_on is null then 'no start date'
end
{%- endmacro %}


{#-
    What becomes of the rows of a staging table that are no events by themselves: the models that read it say so, or else the
    reason why none does.
-#}
{% macro told_of_table(staged) -%}
{%- set readers = [] -%}
{%- for node in graph.get('nodes', {}).values()
    if node.resource_type == 'model' and node.fqn[1] != 'staging' and node.name != model.name
    and staged.unique_id in node.depends_on.nodes -%}
    {%- do readers.append(node.name.removeprefix('int_')) -%}
{%- endfor -%}
{%- if readers -%}
    {{- 'describes ' ~ readers | sort | join(', ') -}}
{%- else -%}
    {{- left_out_because().get(staged.name, 'no mart reads this table') -}}
{%- endif -%}
{%- endmacro %}


{#- Why no model reads a staging table, in the words that `rows_accounted_for` counts its rows under. A table that is not here
    reads: no mart reads this table. -#}
{% macro left_out_because() -%}
{%- set because = {
    'header of a file': ['csds__header', 'mhsds__header'],
    'governance reads it': [
        'clinical_lists__members', 'gp_summary__sharing_agreements', 'national_data_opt_outs__numbers',
        'record_accesses__accesses', 'record_permissions__decisions'],
    'reference, of nobody': ['areas__areas', 'areas__populations', 'onspd__postcodes', 'unit_costs__unit_costs'],
    'directory of services, of nobody': [
        'open_referral__addresses', 'open_referral__attributes', 'open_referral__contacts', 'open_referral__locations',
        'open_referral__organisations', 'open_referral__phones', 'open_referral__schedules', 'open_referral__service_areas',
        'open_referral__service_at_locations', 'open_referral__services', 'open_referral__taxonomy_terms'],
    'the GP\'s own registration is used': ['csds__gp_registrations', 'mhsds__gp_registrations'],
    'detail of an event, in no mart': [
        'csds__onward_referrals', 'mhsds__onward_referrals', 'mhsds__ward_stays', 'mhsds__discharge_delays',
        'mhsds__mental_health_act_periods', 'fire_visits__actions', 'fire_visits__vulnerabilities'],
    'detail of a looked after child, in no mart': [
        'ssda903__ad1', 'ssda903__dolo', 'ssda903__missing', 'ssda903__placed_for_adoption', 'ssda903__previous_permanence',
        'ssda903__reviews', 'ssda903__sw_episodes', 'ssda903__uasc'],
    'about a patient and no event, in no mart': [
        'csds__accommodation', 'csds__child_protection_plans', 'csds__disabilities', 'csds__vulnerability_factors',
        'mhsds__accommodation', 'mhsds__disabilities', 'mhsds__patient_indicators'],
    'a warning to the landlord\'s staff, no care': ['housing_support__alerts'],
} -%}
{%- set reasons = {} -%}
{%- for reason, tables in because.items() -%}
    {%- for table in tables -%}{%- do reasons.update({'stg_' ~ table: reason}) -%}{%- endfor -%}
{%- endfor -%}
{{ return(reasons) }}
{%- endmacro %}
