{#- What the codes of attendance come to, which the data sets of contacts and appointments share (NHS Data Dictionary,
    attended or did not attend code). -#}
{% macro attendance_in_words(column) -%}
case
    when {{ column }} in ('5', '6') then 'attended'
    when {{ column }} in ('3', '7') then 'did not attend'
    when {{ column }} in ('2', '4') then 'cancelled'
    when {{ column }} = '0' then 'to come'
    else 'not known'
end
{%- endmacro %}


{#- The service that a kind of community team gives (NHS Data Dictionary, service or team type referred to). -#}
{% macro service_of_team_type(column) -%}
case
    when {{ column }} = '12' then 'adult community nursing'
    when {{ column }} in ('51', '52', '53', '54') then 'intermediate care'
    else 'community services'
end
{%- endmacro %}


{#- Under 18 on the day: children's services care for them. A person whose birth date nobody tells is taken for an adult. -#}
{% macro mental_health_service(born_on, on_day) -%}
case when {{ on_day }} < {{ born_on }} + interval '18 years' then 'children''s mental health' else 'mental health' end
{%- endmacro %}


{#- Who provides what a delivery tells, as its header says: community and mental health data sets have no provider on a row. -#}
{% macro provider_of_delivery(format) -%}
select delivery_id, max(provider_code) as provider_code
from {{ ref('stg_' ~ format ~ '__header') }}
group by delivery_id
{%- endmacro %}


{#- The classification that a scheme stands for (NHS Data Dictionary, diagnosis scheme in use), in the words of the restricted
    codes; what is not known there is held against the codes of every one. -#}
{% macro code_system_of_scheme(column) -%}
case {{ column }}
    when '02' then 'ICD-10'
    when '04' then 'Read v2'
    when '05' then 'CTV3'
    when '06' then 'SNOMED CT'
    else 'not known'
end
{%- endmacro %}
