{#- A table of `insight`, `shared_care_record`, `board` or `partnership` has the name of its counterpart elsewhere; only dbt needs two names. -#}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {{ custom_alias_name or node.name.removeprefix('insight_').removeprefix('record_').removeprefix('board_').removeprefix('partnership_') }}
{%- endmacro %}
