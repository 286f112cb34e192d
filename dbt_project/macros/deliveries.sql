{#- What every staging model does with deliveries: take the new ones, let go of those taken back, and date rows
    that a later delivery replaced. The format and the table are read from the model's name. Each row says which build
    changed it last, so that care events are worked out again only where something changed (`macros/care_events.sql`). -#}

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
    cast(null as timestamptz) as superseded_at,
    cast(null as bigint) as superseded_by_delivery_id,
    {{ this_build() }} as changed_by_build_id
{%- endmacro %}


{#- What the columns of `delivery_columns` are, in every staging table. -#}
{% macro delivery_column_meanings() -%}
{{ return({
    'delivery_id': {'data_type': 'bigint', 'means': 'The delivery that brought the row.'},
    'delivery_revision': {'data_type': 'integer', 'means': 'The revision of the delivery that this row belongs to.'},
    'file_id': {'data_type': 'bigint', 'means': 'The file of the delivery.'},
    'line_number': {'data_type': 'bigint', 'means': 'The line of the file, the header being line 1.'},
    'organisation': {'data_type': 'text', 'means': 'Who sent it.'},
    'feed': {'data_type': 'text', 'means': 'Organisation and feed, as in council/adult_social_care.'},
    'format_version': {'data_type': 'text', 'means': 'The version of the format that the delivery was judged by.'},
    'period_start': {'data_type': 'date', 'means': 'First day of the period that the delivery is for.'},
    'period_end': {'data_type': 'date', 'means': 'Last day of the period that the delivery is for.'},
    'accepted_at': {'data_type': 'timestamp with time zone', 'means': 'When the delivery was accepted.'},
    'superseded_at': {
        'data_type': 'timestamp with time zone', 'means': 'When a later delivery replaced the row; null while it is in force.'},
    'superseded_by_delivery_id': {
        'data_type': 'bigint', 'means': 'The later delivery that replaced the row; null while it is in force.'},
    'changed_by_build_id': {
        'data_type': 'bigint', 'means': 'The build that took the row in, or the last one that dated it.'},
}) }}
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
    Dates each row from the moment a later delivery replaced it, and names that delivery: of several the one that was
    accepted first. Later means: period end, then time received.
    What a delivery replaces stands in the ledger, table by table:
    - its period or the whole snapshot: all rows of the earlier delivery, as `ledger.table_in_build` says;
    - a window: the rows whose activity (`starts` to `ends` of the model's meta) meets the later delivery's window;
    - rows by key: the rows with the same `key` of the model's meta; a row whose key has a gap is never replaced.
    Where the later delivery was accepted first, a row is out of force from its own acceptance.
-#}
{% macro date_superseded_rows() -%}
{%- set meta = model.config.meta -%}
{%- set starts = 'own.' ~ meta.starts if meta.starts else 'cast(null as date)' -%}
{%- set ends = 'own.' ~ meta.ends if meta.ends else 'cast(null as date)' -%}
with dated as (
    select delivery_id, superseded_at, superseded_by_delivery_id
    from {{ source('ledger', 'table_in_build') }}
    where table_name = '{{ this.identifier.split('__')[1] }}' and replaces in ('period', 'snapshot')
)

{{ _date_rows('delivery_id') }};

with {{ _deliveries_that_replace('window') }},

replaced as (
    select own.file_id, own.line_number, own.accepted_at, min(later.acceptance) as first_acceptance
    from {{ this }} as own
    inner join deliveries on deliveries.delivery_id = own.delivery_id
    left join deliveries as later
        on later.feed = deliveries.feed
        and (later.period_end, later.received_at, later.delivery_id)
            > (deliveries.period_end, deliveries.received_at, deliveries.delivery_id)
        and coalesce({{ starts }}, {{ ends }}, deliveries.window_start) <= later.window_end
        and coalesce({{ ends }}, 'infinity') >= later.window_start
    group by own.file_id, own.line_number, own.accepted_at
),

{{ _dated_by_first_acceptance() }}

{{ _date_rows('file_id', 'line_number') }};

with {{ _deliveries_that_replace('key') }},

replaced as (
    select
        own.file_id,
        own.line_number,
        own.accepted_at,
        min(deliveries.acceptance) over (
            partition by own.feed{% for column in meta.key %}, own.{{ column }}{% endfor %}
            order by own.period_end, deliveries.received_at, own.delivery_id
            groups between 1 following and unbounded following
        ) as first_acceptance
    from {{ this }} as own
    inner join deliveries on deliveries.delivery_id = own.delivery_id
    where true{% for column in meta.key %} and own.{{ column }} is not null{% endfor %}
),

{{ _dated_by_first_acceptance() }}

{{ _date_rows('file_id', 'line_number') }}
{%- endmacro %}


{#- The deliveries of the model's table that replace so, numbered in the order in which they were accepted. -#}
{% macro _deliveries_that_replace(what) -%}
deliveries as (
    select *, row_number() over (order by accepted_at, delivery_id) as acceptance
    from {{ source('ledger', 'table_in_build') }}
    where table_name = '{{ this.identifier.split('__')[1] }}' and replaces = '{{ what }}'
)
{%- endmacro %}


{% macro _dated_by_first_acceptance() -%}
dated as (
    select
        replaced.file_id,
        replaced.line_number,
        first.delivery_id as superseded_by_delivery_id,
        case when first.delivery_id is not null then greatest(replaced.accepted_at, first.accepted_at) end as superseded_at
    from replaced
    left join deliveries as first on first.acceptance = replaced.first_acceptance
)
{%- endmacro %}


{#- Writes down what `dated` says of the rows that it names by these columns, where it is not what they say already. -#}
{% macro _date_rows() -%}
update {{ this }} as held
set
    superseded_at = dated.superseded_at,
    superseded_by_delivery_id = dated.superseded_by_delivery_id,
    changed_by_build_id = {{ this_build() }}
from dated
where {% for column in varargs %}dated.{{ column }} = held.{{ column }} and {% endfor -%}
    (held.superseded_at, held.superseded_by_delivery_id)
    is distinct from (dated.superseded_at, dated.superseded_by_delivery_id)
{%- endmacro %}
