{#- The sub-selects with `offset 0` work out their text once for each row; PostgreSQL would otherwise write it out, and
    work it out, wherever it is used. -#}

{#- An NHS number that could be somebody's: ten digits (spaces and dashes aside) whose last one checks the others by
    modulus 11, not one digit ten times over (a multiple of 1111111111), which also covers the tracing service's
    0000000000 (no match) and 9999999999 (many matches). The sum takes the digits as ASCII codes: these are 48 too much
    with weights of 55 in all, a multiple of 11. -#}
{% macro clean_nhs_number(column) -%}
(
    select
        case
            when digits ~ '^[0-9]{10}$' then
                case
                    when mod(
                        {%- for position in range(1, 11) %}
                        {{ '+ ' if not loop.first }}{{ 11 - position }} * ascii(substr(digits, {{ position }}, 1))
                        {%- endfor %},
                        11
                    ) = 0 and mod(cast(digits as bigint), 1111111111) <> 0 then digits
                end
        end
    from (select translate({{ column }}, e' -\t\u00a0', '') as digits offset 0) as stripped
)
{%- endmacro %}


{#- A postcode as Royal Mail writes it (WA10 1AB); ZZ99, which stands for no fixed abode or abroad, is null. -#}
{% macro clean_postcode(column) -%}
(
    select
        case
            when characters ~ '^[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}$' and left(characters, 4) <> 'ZZ99'
                then left(characters, -3) || ' ' || right(characters, 3)
        end
    from (select regexp_replace(upper({{ column }}), '[^A-Z0-9]', '', 'g') as characters offset 0) as stripped
)
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
