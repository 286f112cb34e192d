{#-
    Time between two moments or days, said once. Moments carry their offset, so that the night on which the clocks change has
    23 or 25 hours; days are the calendar's, so that 29 February is one and a stay to midnight is not a day longer.
-#}

{#- Whole minutes from one moment to another; null where one is not known or they stand the wrong way round. -#}
{% macro minutes_between(start, finish) -%}
case when {{ finish }} >= {{ start }} then cast(floor(extract(epoch from {{ finish }} - {{ start }}) / 60) as integer) end
{%- endmacro %}


{#- Nights from one day to another, as a bed is counted at midnight; null where one is not known or they stand the wrong way. -#}
{% macro nights_between(start, finish) -%}
case when {{ finish }} >= {{ start }} then {{ finish }} - {{ start }} end
{%- endmacro %}
