{#- dd/mm/yyyy or yyyy-mm-dd, at most followed by a midnight; a day that no calendar has (30 February) is null. -#}
{% macro clean_date(column) -%}
case
    when btrim({{ column }}) ~ '^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}( 00:00(:00)?)?$' then
        {{ _calendar_day(
            "left(split_part(btrim(" ~ column ~ "), '/', 3), 4)",
            "split_part(btrim(" ~ column ~ "), '/', 2)",
            "split_part(btrim(" ~ column ~ "), '/', 1)") }}
    when btrim({{ column }}) ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00)?)?$' then
        {{ _calendar_day(
            "left(btrim(" ~ column ~ "), 4)",
            "substr(btrim(" ~ column ~ "), 6, 2)",
            "substr(btrim(" ~ column ~ "), 9, 2)") }}
end
{%- endmacro %}


{#- The date of three texts of digits, from 1800 to 2199. The cases are nested because only they fix the order in
    which PostgreSQL looks at conditions. -#}
{% macro _calendar_day(year, month, day) -%}
case
    when cast({{ year }} as integer) between 1800 and 2199
        and cast({{ month }} as integer) between 1 and 12
        and cast({{ day }} as integer) between 1 and 31 then
        case
            when cast({{ day }} as integer) <= extract(
                day from make_date(cast({{ year }} as integer), cast({{ month }} as integer), 1)
                + interval '1 month' - interval '1 day'
            ) then make_date(
                cast({{ year }} as integer), cast({{ month }} as integer), cast({{ day }} as integer))
        end
end
{%- endmacro %}


{#- hh:mm, hh:mm:ss, hhmm or hhmmss. -#}
{% macro clean_time(column) -%}
case
    when btrim({{ column }}) ~ '^([01][0-9]|2[0-3]):?[0-5][0-9](:?[0-5][0-9])?$' then
        make_time(
            cast(left(btrim({{ column }}), 2) as integer),
            cast(substr(replace(btrim({{ column }}), ':', ''), 3, 2) as integer),
            cast('0' || substr(replace(btrim({{ column }}), ':', ''), 5, 2) as integer))
end
{%- endmacro %}


{#- A date and a time of the clock on the wall as one moment; without a time, null. -#}
{% macro clean_moment(date_column, time_column) -%}
({{ clean_date(date_column) }} + {{ clean_time(time_column) }}) at time zone 'Europe/London'
{%- endmacro %}
