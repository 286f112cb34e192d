{#-
    One row for each setting of care and month of which every feed tells that told of that setting and was promised for the
    month, and that the Board may count: a month that is not here has no data, which is not zero. `told` is a relation with the
    columns setting and feed.
-#}
{% macro months_told(told) -%}
select told.setting, coverage.month
from (select distinct setting, feed from {{ told }} as feeds) as told
inner join {{ ref('insight_coverage') }} as coverage on coverage.feed = told.feed
where coverage.is_promised
group by told.setting, coverage.month
having bool_and(coverage.status = 'complete' and coverage.feed in ({{ feeds_of_the_board() }}))
{%- endmacro %}
