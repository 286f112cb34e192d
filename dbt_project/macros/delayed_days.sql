{#-
    People delayed on an average day of the month for each 100,000 adults: ASCOF 2C until 2018-19 (delayed days over the days of the
    month, over the population of 18 and older). Null where the days are hidden or nobody counted the adults.
-#}
{% macro delayed_rate(delayed_days, month, adults) -%}
cast(round(
    100000.0 * ({{ delayed_days }})
    / extract(day from {{ month }} + interval '1 month' - interval '1 day') / nullif({{ adults }}, 0), 1
) as numeric)
{%- endmacro %}
