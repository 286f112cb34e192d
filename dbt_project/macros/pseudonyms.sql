{#- The people of the build under the pseudonyms of one purpose. -#}
{% macro pseudonyms(purpose) -%}
(select person_id, pseudonym from {{ source('governance', 'pseudonym') }} where purpose = '{{ purpose }}')
{%- endmacro %}
