{#- What every staging model does with deliveries: take the new ones, let go of those taken back, and date rows
    that a later delivery replaced. The format and the table are read from the model's name. -#}

{% macro delivery_columns() -%}
    delivery_id,
    revision as delivery_revision,
    cast(file_id as bigint) as file_id,
    cast(line_number as bigint) as line_number,
    organisation,
    feed,
    format_version,
    period_start,
    period_end,
    accepted_at,
    cast(null as timestamptz) as superseded_at
{%- endmacro %}


{#- The accepted rows of the deliveries that the build sees and this model does not hold yet. -#}
{% macro from_new_deliveries(format, table) -%}
from {{ source('accepted', format ~ '__' ~ table) }}
where {{ is_of_a_new_delivery(format) }}
{%- endmacro %}


{% macro is_of_a_new_delivery(format) -%}
delivery_id in (
    select seen.delivery_id
    from {{ source('ledger', 'delivery_in_build') }} as seen
    where seen.is_unchanged
        and seen.format = '{{ format }}'
        {%- if is_incremental() %}
        and not exists (select 1 from {{ this }} as held where held.delivery_id = seen.delivery_id)
        {%- endif %}
)
{%- endmacro %}


{#- Removes what the build does not see: withdrawn, rejected, or revised since (to be taken again). -#}
{% macro remove_deliveries_taken_back() -%}
{%- if is_incremental() -%}
delete from {{ this }} as held
where not exists (
    select 1
    from {{ source('ledger', 'delivery_in_build') }} as seen
    where seen.delivery_id = held.delivery_id and seen.revision = held.delivery_revision
)
{%- endif -%}
{%- endmacro %}


{#-
    Dates each row from the moment a later delivery replaced it. Later means: period end, then time received.
    What a delivery replaces stands in the ledger, table by table:
    - its period or the whole snapshot: all rows of the earlier delivery, as `ledger.table_in_build` says;
    - a window: the rows whose activity (`starts` to `ends` of the model's meta) meets the later delivery's window;
    - rows by key: the rows with the same `key` of the model's meta; a row whose key has a gap is never replaced.
    Where the later delivery was accepted first, a row is out of force from its own acceptance.
-#}
{% macro date_superseded_rows() -%}
{%- set table = this.identifier.split('__')[1] -%}
{%- set meta = model.config.meta -%}
{%- set starts = 'own.' ~ meta.starts if meta.starts else 'cast(null as date)' -%}
{%- set ends = 'own.' ~ meta.ends if meta.ends else 'cast(null as date)' -%}
{%- set in_force = source('ledger', 'table_in_build') -%}
update {{ this }} as held
set superseded_at = in_force.superseded_at
from {{ in_force }} as in_force
where in_force.delivery_id = held.delivery_id
    and in_force.table_name = '{{ table }}'
    and in_force.replaces in ('period', 'snapshot')
    and held.superseded_at is distinct from in_force.superseded_at;

with windows as (
    select in_force.*
    from {{ in_force }} as in_force
    where in_force.table_name = '{{ table }}' and in_force.replaces = 'window'
),

replaced as (
    select own.file_id, own.line_number, own.accepted_at, min(later.accepted_at) as replaced_at
    from {{ this }} as own
    inner join windows on windows.delivery_id = own.delivery_id
    left join windows as later
        on later.feed = windows.feed
        and (later.period_end, later.received_at, later.delivery_id)
            > (windows.period_end, windows.received_at, windows.delivery_id)
        and coalesce({{ starts }}, {{ ends }}, windows.window_start) <= later.window_end
        and coalesce({{ ends }}, 'infinity') >= later.window_start
    group by own.file_id, own.line_number, own.accepted_at
)

{{ _set_superseded_at() }};

with replaced as (
    select
        own.file_id,
        own.line_number,
        own.accepted_at,
        min(own.accepted_at) over (
            partition by own.feed{% for column in meta.key %}, own.{{ column }}{% endfor %}
            order by own.period_end, in_force.received_at, own.delivery_id
            groups between 1 following and unbounded following
        ) as replaced_at
    from {{ this }} as own
    inner join {{ in_force }} as in_force
        on in_force.delivery_id = own.delivery_id
        and in_force.table_name = '{{ table }}'
        and in_force.replaces = 'key'
    where true{% for column in meta.key %} and own.{{ column }} is not null{% endfor %}
)

{{ _set_superseded_at() }}
{%- endmacro %}


{% macro _set_superseded_at() -%}
update {{ this }} as held
set superseded_at = case
    when replaced.replaced_at is not null then greatest(replaced.accepted_at, replaced.replaced_at)
end
from replaced
where replaced.file_id = held.file_id
    and replaced.line_number = held.line_number
    and held.superseded_at is distinct from case
        when replaced.replaced_at is not null then greatest(replaced.accepted_at, replaced.replaced_at)
    end
{%- endmacro %}
