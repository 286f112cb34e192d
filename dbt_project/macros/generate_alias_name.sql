{#- A table of `insight` has the name of its counterpart in `linked_care`; only dbt needs two names. -#}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {{ custom_alias_name or node.name.removeprefix('insight_') }}
{%- endmacro %}
