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


{#- A birth date that could be somebody's: not one that systems fill in (1 January 1900 or 1901, or anything before), nor
    one after the day that is built. -#}
{% macro plausible_birth_date(column) -%}
case
    when {{ column }} > date '1900-01-01' and {{ column }} <> date '1901-01-01' and {{ column }} <= {{ as_at_day() }}
        then {{ column }}
end
{%- endmacro %}


{#- The parts of a name on one line: Mr John Paul Smith, or Smith, John Paul. -#}
{% macro forename_in(full_name) -%}
case
    when strpos({{ full_name }}, ',') > 0
        then substring({{ _without_title("split_part(" ~ full_name ~ ", ',', 2)") }} from '^\S+')
    else substring({{ _without_title(full_name) }} from '^(\S+)\s')
end
{%- endmacro %}


{% macro middle_name_in(full_name) -%}
case
    when strpos({{ full_name }}, ',') > 0
        then substring({{ _without_title("split_part(" ~ full_name ~ ", ',', 2)") }} from '^\S+\s+(.+)$')
    else substring({{ _without_title(full_name) }} from '^\S+\s+(.+)\s+\S+$')
end
{%- endmacro %}


{% macro surname_in(full_name) -%}
case
    when strpos({{ full_name }}, ',') > 0 then nullif({{ _without_title("split_part(" ~ full_name ~ ", ',', 1)") }}, '')
    else substring({{ _without_title(full_name) }} from '\S+$')
end
{%- endmacro %}


{% macro _without_title(name) -%}
regexp_replace(btrim({{ name }}), '^(mr|mrs|ms|miss|mx|master|dr|prof|rev|sir|dame|lady|lord)[.]?\s+', '', 'i')
{%- endmacro %}


{#- What stands before another name, which is typed in brackets or quotes or behind a word: Robert (Bob), Smith nee Jones.
    Most names are one word, so that what costs time looks at few. -#}
{% macro own_name(column) -%}
case
    when translate({{ column }}, ' ("', '') = {{ column }} then {{ column }}
    else nullif(regexp_replace({{ column }}, '\s*(["(]|\s({{ _ANOTHER_NAME_FOLLOWS() }})\s).*$', '', 'i'), '')
end
{%- endmacro %}


{#- The other name; null where there is none. -#}
{% macro other_name(column) -%}
case
    when translate({{ column }}, ' ("', '') <> {{ column }} then btrim(substring({{ column }} from
        '(?i)(?:["(]\s*(?:(?:{{ _ANOTHER_NAME_FOLLOWS() }})\s)?|\s(?:{{ _ANOTHER_NAME_FOLLOWS() }})\s)\s*([^)"]+)'))
end
{%- endmacro %}


{% macro _ANOTHER_NAME_FOLLOWS() -%}
n[eé]e|formerly|previously|aka|a[.]k[.]a[.]|known as
{%- endmacro %}


{#- A name, unless it is a word that is typed where a name is not known. People called None or Null keep their names. -#}
{% macro clean_name(column) -%}
case
    when lower({{ column }}) not in (
        'unknown', 'not known', 'n/k', 'not given', 'no name', 'withheld', 'deceased', 'duplicate', 'do not use', '.', '-'
    ) then {{ column }}
end
{%- endmacro %}


{#- A forename, unless a baby had none yet. -#}
{% macro clean_forename(column) -%}
case
    when lower({{ column }}) not in ('baby', 'baby boy', 'baby girl', 'infant') then {{ clean_name(column) }}
end
{%- endmacro %}


{#- Is an address one that stands for none. One that begins with a digit is not looked at, which saves time. -#}
{% macro is_no_fixed_abode(column) -%}
case
    when ascii({{ column }}) between ascii('1') and ascii('9') then false
    else coalesce(
        {{ column }} ~* concat(
            '^\W*(nfa|n[.]f[.]a|(of )?no fixed (abode|address)|homeless|',
            '(address )?(unknown|not known)|n/?k|none)\W*(,|$)'
        ),
        false
    )
end
{%- endmacro %}


{#- The first telephone number in what was typed, as it is dialled within the country: digits, 0 in place of +44; null if
    these are fewer than ten or more than fifteen, or one digit again and again. -#}
{% macro clean_phone(column) -%}
(
    select case when length(digits) between 10 and 15 and digits !~ '^0*([0-9])\1*$' then digits end
    from (
        select regexp_replace(
            translate(substring({{ column }} from '[+(0-9][-+(). 0-9]*'), '-+(). ', ''), '^(00)?440?(?=[1-9])', '0'
        ) as digits
        offset 0
    ) as dialled
)
{%- endmacro %}
