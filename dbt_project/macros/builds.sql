{#- The number of the build that is being built. -#}
{% macro this_build() -%}
(select build_id from {{ source('ledger', 'build') }} where state = 'building')
{%- endmacro %}


{#-
    For models that are worked out whole. The planner takes what is left of a window (the latest telling, say) for a handful of rows,
    and would look each row of a large table up in another that has no index; with as many rows as a borough has, that never ends.
-#}
{% macro join_whole_tables() -%}
set local enable_nestloop = off
{%- endmacro %}


{#- The day whose facts the build sees. -#}
{% macro as_at_day() -%}
(select cast(as_at as date) from {{ source('ledger', 'build') }} where state = 'building')
{%- endmacro %}
