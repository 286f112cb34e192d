{#- ICD-10 without the dot, without X padding, and without the dagger and asterisk that hospitals put behind it, as signs
    or as the letters D and A: `I10.X` is I10, `F00.1A` is F001. A dash, alone or where a character could stand, is nothing. -#}
{% macro clean_icd10(column) -%}
substring(
    regexp_replace(upper({{ column }}), '[ .+*†-]', '', 'g')
    from '^([A-Z][0-9]{2}[0-9]{0,2})X{0,2}[AD]?$')
{%- endmacro %}


{#- What stands behind an ICD-10 code: `dagger` for a cause that is paired with its `asterisk`, the form it took. The last
    character says cheaply that most codes have neither. -#}
{% macro icd10_mark(column) -%}
case
    when right(rtrim({{ column }}), 1) in ('+', '†', 'D', 'd', '*', 'A', 'a') then
        case substring(
                regexp_replace(upper({{ column }}), '[ .-]', '', 'g') from '^[A-Z][0-9]{2}[0-9]{0,2}X{0,2}([+†D*A])$')
            when '+' then 'dagger'
            when '†' then 'dagger'
            when 'D' then 'dagger'
            when '*' then 'asterisk'
            when 'A' then 'asterisk'
        end
end
{%- endmacro %}


{#- OPCS-4 without the dot and without X padding: `W40.1` is W401. A dash is nothing. -#}
{% macro clean_opcs4(column) -%}
substring(
    regexp_replace(upper({{ column }}), '[ .]', '', 'g')
    from '^([A-Z][0-9]{2}[0-9]?)X{0,2}$')
{%- endmacro %}


{#- A SNOMED CT identifier: six to eighteen digits. -#}
{% macro clean_snomed_ct(column) -%}
substring(btrim({{ column }}) from '^[1-9][0-9]{5,17}$')
{%- endmacro %}


{#- Columns of one kind, which a format repeats, each cleaned by a macro of this folder: one list in their order, with a gap
    where one is blank. The first may have a name of its own; `repeated` is what comes before the number of the others. -#}
{% macro cleaned_list(clean, first, repeated, numbers) -%}
array[
    {{ clean(first) }}
    {%- for number in numbers %},
    {{ clean(repeated ~ number) }}
    {%- endfor %}
]
{%- endmacro %}


{#- Is it the last episode of a stay: 1 or 2 in the national codes, Y or N as HES writes it; not known is null. -#}
{% macro clean_last_episode(column) -%}
case upper(btrim({{ column }}))
    when '1' then true
    when 'Y' then true
    when '2' then false
    when 'N' then false
end
{%- endmacro %}
