{#-
    Marts are made in schemas of the next build (linked_care__next), where they are tested before anybody reads them;
    `cares build` then names those after the build (linked_care__b000012). Staging and intermediate tables stay where
    they are from build to build; a build of an earlier day makes its own.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name }}{{ '__next' if 'marts' in node.fqn else '__rewound' if var('rewound') }}
{%- endmacro %}
