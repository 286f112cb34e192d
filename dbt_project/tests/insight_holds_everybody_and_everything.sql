-- Nobody and nothing is lost between linked_care and insight.
{%- for mart in ['persons', 'hospital_stays', 'social_care_events', 'care_timeline'] %}
select '{{ mart }}' as mart
where (select count(*) from {{ ref(mart) }}) <> (select count(*) from {{ ref('insight_' ~ mart) }})
{{ 'union all' if not loop.last }}
{%- endfor %}
