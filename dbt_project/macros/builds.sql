{#- The day whose facts the build sees. -#}
{% macro as_at_day() -%}
(select cast(as_at as date) from {{ source('ledger', 'build') }} where state = 'building')
{%- endmacro %}
