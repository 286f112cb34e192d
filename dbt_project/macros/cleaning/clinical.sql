{#- ICD-10 without the dot, without X padding and without the dagger and asterisk that hospitals put behind it,
    as signs or as the letters D and A: `I10.X` is I10, `F00.1A` is F001. -#}
{% macro clean_icd10(column) -%}
substring(
    regexp_replace(upper({{ column }}), '[ .+*†]', '', 'g')
    from '^([A-Z][0-9]{2}[0-9]{0,2})X{0,2}[AD]?$')
{%- endmacro %}


{#- OPCS-4 without the dot and without X padding: `W40.1` is W401. -#}
{% macro clean_opcs4(column) -%}
substring(
    regexp_replace(upper({{ column }}), '[ .]', '', 'g')
    from '^([A-Z][0-9]{2}[0-9]?)X{0,2}$')
{%- endmacro %}
