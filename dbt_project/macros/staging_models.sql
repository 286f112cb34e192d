{#- The staging models, one for each table of each format: the list that all accounting of rows goes by. -#}
{% macro staging_models() -%}
{{ return([
    'stg_apc__episodes',
    'stg_cld__events',
    'stg_housing__household_members',
    'stg_housing__tenancies',
    'stg_person_file__people',
    'stg_ssda903__ad1',
    'stg_ssda903__dolo',
    'stg_ssda903__episodes',
    'stg_ssda903__header',
    'stg_ssda903__missing',
    'stg_ssda903__oc2',
    'stg_ssda903__oc3',
    'stg_ssda903__placed_for_adoption',
    'stg_ssda903__previous_permanence',
    'stg_ssda903__reviews',
    'stg_ssda903__sw_episodes',
    'stg_ssda903__uasc',
]) }}
{%- endmacro %}
