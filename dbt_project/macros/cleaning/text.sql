{#- Everything arrives as text. No macro in this folder can raise: what cannot be read becomes null, and the raw
    value stays in landing. -#}

{#- As typed, without the blanks around it (no-break spaces too); nothing left is null. -#}
{% macro clean_text(column) -%}
nullif(btrim({{ column }}, e' \t\r\n\u00a0'), '')
{%- endmacro %}


{#- A code: as text, in capitals. -#}
{% macro clean_code(column) -%}
upper({{ clean_text(column) }})
{%- endmacro %}


{#- A whole number of at most nine digits. -#}
{% macro clean_integer(column) -%}
case
    when btrim({{ column }}) ~ '^[+-]?[0-9]{1,9}$' then cast(btrim({{ column }}) as integer)
end
{%- endmacro %}


{#- A decimal number, with or without a pound sign and thousands commas. -#}
{% macro clean_numeric(column) -%}
case
    when translate({{ column }}, '£, ', '') ~ '^[+-]?[0-9]{1,12}([.][0-9]{1,6})?$'
        then cast(translate({{ column }}, '£, ', '') as numeric)
end
{%- endmacro %}


{#- Yes or no in any of the ways the formats write it; unknown is null. -#}
{% macro clean_boolean(column) -%}
case lower(btrim({{ column }}))
    when 'yes' then true
    when 'y' then true
    when 'true' then true
    when '1' then true
    when 'no' then false
    when 'n' then false
    when 'false' then false
    when '0' then false
end
{%- endmacro %}
