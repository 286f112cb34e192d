{#- A cheap `like` chooses the regular expression, which is what costs time. Conditions are nested because only cases
    fix the order in which PostgreSQL looks at them. -#}

{#- dd/mm/yyyy or yyyy-mm-dd, at most followed by a midnight; a day that no calendar has (30 February) is null. -#}
{% macro clean_date(column) -%}
{%- set text = "btrim(" ~ column ~ ")" -%}
case
    when {{ text }} like '____-__-__%' then
        case
            when {{ text }} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00)?)?$'
                then {{ _calendar_day("left(" ~ text ~ ", 10)") }}
        end
    when {{ text }} like '__/__/____%' then
        case
            when {{ text }} ~ '^[0-9]{2}/[0-9]{2}/[0-9]{4}( 00:00(:00)?)?$'
                then {{ _calendar_day("(substr(" ~ text ~ ", 7, 4) || '-' || substr(" ~ text ~ ", 4, 2) || '-' || left(" ~ text ~ ", 2))") }}
        end
    when {{ text }} ~ '^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}$' then
        {{ _calendar_day(
            "(split_part(" ~ text ~ ", '/', 3) || '-' || lpad(split_part(" ~ text ~ ", '/', 2), 2, '0')"
            ~ " || '-' || lpad(split_part(" ~ text ~ ", '/', 1), 2, '0'))") }}
end
{%- endmacro %}


{#- yyyymmdd, as the national registers of organisations write days. -#}
{% macro clean_compact_date(column) -%}
{%- set text = "btrim(" ~ column ~ ")" -%}
case
    when {{ text }} ~ '^[0-9]{8}$'
        then {{ _calendar_day("(left(" ~ text ~ ", 4) || '-' || substr(" ~ text ~ ", 5, 2) || '-' || right(" ~ text ~ ", 2))") }}
end
{%- endmacro %}


{#- The date of a text of the shape yyyy-mm-dd, all digits, from 1800 to 2199. -#}
{% macro _calendar_day(text) -%}
case
    when left({{ text }}, 4) between '1800' and '2199' and substr({{ text }}, 6, 2) between '01' and '12' then
        case
            when right({{ text }}, 2) between '01' and '28' then cast({{ text }} as date)
            when right({{ text }}, 2) between '29' and '31' then
                case
                    when cast(right({{ text }}, 2) as integer) <= extract(
                        day from cast(left({{ text }}, 7) || '-01' as date) + interval '1 month' - interval '1 day'
                    ) then cast({{ text }} as date)
                end
        end
end
{%- endmacro %}


{#- hh:mm, hh:mm:ss, hhmm or hhmmss; also behind 30 December 1899, the day that Access gives a time without one. -#}
{% macro clean_time(column) -%}
{%- set text = "btrim(replace(replace(" ~ column ~ ", '30/12/1899', ''), '1899-12-30', ''))" -%}
case
    when {{ text }} ~ '^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$' then cast({{ text }} as time)
    when {{ text }} ~ '^([01][0-9]|2[0-3])[0-5][0-9]([0-5][0-9])?$' then
        cast(left({{ text }}, 2) || ':' || substr({{ text }}, 3, 2) || ':'
            || rpad(substr({{ text }}, 5, 2), 2, '0') as time)
end
{%- endmacro %}


{#- A date and a time of the clock on the wall as one moment; without a time, null. -#}
{% macro clean_moment(date_column, time_column) -%}
({{ clean_date(date_column) }} + {{ clean_time(time_column) }}) at time zone 'Europe/London'
{%- endmacro %}


{#- As `clean_moment`; BST or GMT behind the time says which hour is meant in the night when the clocks go back. -#}
{% macro clean_moment_on_any_night(date_column, time_column) -%}
{%- set time = "upper(" ~ time_column ~ ")" -%}
{%- set on_the_wall = clean_date(date_column) ~ " + " ~ clean_time("replace(replace(" ~ time ~ ", 'BST', ''), 'GMT', '')") -%}
case
    when {{ time }} like '%BST%' then ({{ on_the_wall }}) at time zone interval '1 hour'
    when {{ time }} like '%GMT%' then ({{ on_the_wall }}) at time zone 'UTC'
    else ({{ on_the_wall }}) at time zone 'Europe/London'
end
{%- endmacro %}


{#- yyyy-mm-dd and a time, with the zone that it names or else by the clock on the wall; a day without a time is null. -#}
{% macro clean_timestamp(column) -%}
{%- set text = "btrim(" ~ column ~ ")" -%}
case
    when {{ text }} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])?$'
        then case
            when {{ _calendar_day("left(" ~ text ~ ", 10)") }} is null then null
            when substr({{ text }}, 17) ~ '[Z+-]' then cast({{ text }} as timestamptz)
            else cast({{ text }} as timestamp) at time zone 'Europe/London'
        end
end
{%- endmacro %}
