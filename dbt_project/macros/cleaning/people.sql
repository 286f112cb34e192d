{#- An NHS number that could be somebody's: ten digits (spaces and dashes aside) whose last one checks the others by
    modulus 11, not one digit ten times over, which also covers the tracing service's 0000000000 (no match) and
    9999999999 (many matches). -#}
{% macro clean_nhs_number(column) -%}
{%- set digits = "translate(" ~ column ~ ", e' -\\t\\u00a0', '')" -%}
case
    when {{ digits }} ~ '^[0-9]{10}$' and {{ digits }} !~ '^(.)\1{9}$' then
        case
            when mod(
                {%- for position in range(1, 11) %}
                {{ '+ ' if not loop.first }}{{ 11 - position }} * cast(substr({{ digits }}, {{ position }}, 1) as integer)
                {%- endfor %},
                11
            ) = 0 then {{ digits }}
        end
end
{%- endmacro %}


{#- A postcode as Royal Mail writes it (WA10 1AB); ZZ99, which stands for no fixed abode or abroad, is null. -#}
{% macro clean_postcode(column) -%}
{%- set characters = "regexp_replace(upper(" ~ column ~ "), '[^A-Z0-9]', '', 'g')" -%}
case
    when {{ characters }} ~ '^[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}$' and {{ characters }} !~ '^ZZ99'
        then regexp_replace({{ characters }}, '(...)$', ' \1')
end
{%- endmacro %}


{#- A unique property reference number: up to twelve digits, kept as text without leading noughts. -#}
{% macro clean_uprn(column) -%}
case
    when btrim({{ column }}) ~ '^[0-9]{1,12}$' then nullif(ltrim(btrim({{ column }}), '0'), '')
end
{%- endmacro %}


{#- M, F or U (unknown or other) from words or from the NHS codes 1, 2, 9 and 0. -#}
{% macro clean_sex(column) -%}
case lower(btrim({{ column }}))
    when 'm' then 'M'
    when 'male' then 'M'
    when '1' then 'M'
    when 'f' then 'F'
    when 'female' then 'F'
    when '2' then 'F'
    when 'u' then 'U'
    when 'unknown' then 'U'
    when 'other' then 'U'
    when 'x' then 'U'
    when '0' then 'U'
    when '9' then 'U'
end
{%- endmacro %}


{#- The return's own way: 1 and 2 up to the year ending in 2024, M, F and U after it. -#}
{% macro clean_ssda903_sex(column, version) -%}
case
    when {{ version }} <= '2024' and btrim({{ column }}) = '1' then 'M'
    when {{ version }} <= '2024' and btrim({{ column }}) = '2' then 'F'
    when {{ version }} > '2024' and btrim({{ column }}) in ('M', 'F', 'U') then btrim({{ column }})
end
{%- endmacro %}
