{#- The broad ethnic group (Census 2011) of an ethnic category of the NHS Data Dictionary, and of Client Level Data's words. -#}

{% macro ethnic_group_of_code(column) -%}
case
    when {{ column }} in ('A', 'B', 'C') then 'White'
    when {{ column }} in ('D', 'E', 'F', 'G') then 'Mixed'
    when {{ column }} in ('H', 'J', 'K', 'L', 'R') then 'Asian'
    when {{ column }} in ('M', 'N', 'P') then 'Black'
    when {{ column }} = 'S' then 'Other'
end
{%- endmacro %}


{% macro ethnic_group_in_words(column) -%}
case
    when {{ column }} ilike 'white%' then 'White'
    when {{ column }} ilike 'mixed%' then 'Mixed'
    when {{ column }} ilike 'asian%' then 'Asian'
    when {{ column }} ilike 'black%' then 'Black'
    when {{ column }} ilike 'other%' then 'Other'
end
{%- endmacro %}
