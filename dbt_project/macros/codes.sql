{#-
    What an analyst sees of a coded column: the code in the spelling of the contract's list, or `not a known code`, so that
    free text in a coded column goes no further. Compared without case and spaces; of two spellings of one code the one
    that is in force longest is shown. The list is read once for the whole table.
-#}
{% macro known_code(column, format, code_list) -%}
case
    when {{ column }} is not null then coalesce(
        (
            select jsonb_object_agg({{ _without_case_and_spaces('code') }}, code order by until nulls last, since nulls first, code)
            from {{ source('ledger', 'code') }}
            where format = '{{ format }}' and code_list = '{{ code_list }}'
        ) ->> {{ _without_case_and_spaces(column) }},
        'not a known code'
    )
end
{%- endmacro %}


{% macro _without_case_and_spaces(column) -%}
lower(translate({{ column }}, e' \t\r\n\u00a0', ''))
{%- endmacro %}
