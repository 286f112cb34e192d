{#-
    What a figure becomes before anybody outside the pipeline reads it: the one rule of small numbers. Sums are made first and
    given to these then. The quality report says the same in Python (cares.reports.disclosure), and a test compares the two.
-#}


{#- A count as it can be computed with: null for 1 to 7, others to the nearest 5; 0 stays 0. -#}
{% macro shown_count(count) -%}
case
    when {{ count }} not between 1 and 7 then cast(5 * round({{ count }} / 5.0) as bigint)
end
{%- endmacro %}


{#- The same count as people read it: `*` for 1 to 7. Null where there is nothing to count. -#}
{% macro shown_text(count) -%}
case
    when {{ count }} between 1 and 7 then '*'
    else cast(cast(5 * round({{ count }} / 5.0) as bigint) as text)
end
{%- endmacro %}


{#- The mean of a column, which needs 8 values; null where there are fewer. -#}
{% macro shown_mean(column) -%}
case when count({{ column }}) >= 8 then avg({{ column }}) end
{%- endmacro %}


{#- A percentage of the rounded parts, from 0 to 100; null where one of them is hidden or the whole is 0. -#}
{% macro shown_percent(part, whole) -%}
case
    when {{ part }} not between 1 and 7 and {{ whole }} > 7
        then 100.0 * least({{ shown_count(part) }}, {{ shown_count(whole) }}) / {{ shown_count(whole) }}
end
{%- endmacro %}


{#- How many people analysts must find alike in what tells people apart. -#}
{% macro smallest_group() -%}
(select smallest_group from {{ source('governance', 'purpose') }} where purpose = 'planning')
{%- endmacro %}


{#- An age band of a person whose `insight_persons` row is `persons`: not shown where that row does not show theirs. -#}
{% macro age_band_as_widened(persons, age_band) -%}
case when {{ persons }}.age_band = 'not shown' then 'not shown' else {{ age_band }} end
{%- endmacro %}
