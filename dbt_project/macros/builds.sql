{#- The number of the build that is being built. -#}
{% macro this_build() -%}
(select build_id from {{ source('ledger', 'build') }} where state = 'building')
{%- endmacro %}


{#- The day whose facts the build sees. -#}
{% macro as_at_day() -%}
(select cast(as_at as date) from {{ source('ledger', 'build') }} where state = 'building')
{%- endmacro %}
