{#-
    What an analyst sees of a coded column: the code as `code_of_today` has it, or `not a known code`, so that free text in a
    coded column goes no further.
-#}
{% macro known_code(column, format, code_list) -%}
case
    when {{ column }} is not null
        then coalesce({{ _code_of_list(column, format, code_list) }}, 'not a known code')
end
{%- endmacro %}


{#- The code that today says what a column says, so that two versions of a format tell of one thing in one word; what is no
    code of the list stays as it was sent. -#}
{% macro code_of_today(column, format, code_list) -%}
coalesce({{ _code_of_list(column, format, code_list) }}, {{ column }})
{%- endmacro %}


{#- The code of the contract's list, or the one that replaced it; null where the list has none. Compared without case and
    spaces; of two spellings of one code the one that is in force longest is taken. The list is read once for the whole table. -#}
{% macro _code_of_list(column, format, code_list) -%}
(
    select jsonb_object_agg(
        {{ _without_case_and_spaces('code') }}, coalesce(replaced_by, code)
        order by until nulls last, since nulls first, code
    )
    from {{ source('ledger', 'code') }}
    where format = '{{ format }}' and code_list = '{{ code_list }}'
) ->> {{ _without_case_and_spaces(column) }}
{%- endmacro %}


{% macro _without_case_and_spaces(column) -%}
lower(translate({{ column }}, e' \t\r\n\u00a0', ''))
{%- endmacro %}
