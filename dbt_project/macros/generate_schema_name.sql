{#-
    The marts of each build go to schemas of their own (linked_care__b000012), to be tested there before
    anybody reads them; staging and intermediate tables stay where they are from build to build.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if 'marts' in node.fqn -%}
        {{ custom_schema_name }}__{{ var('build') }}
    {%- else -%}
        {{ custom_schema_name or target.schema }}
    {%- endif -%}
{%- endmacro %}
