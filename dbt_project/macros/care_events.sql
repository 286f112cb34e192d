{#-
    What every model of care events does: keep the events whose rows are as they were, and work out the others again.
    - A model's `key` in its meta names the columns, in staging and in the model alike, that hold together the rows of one
      event or of a few; it takes staged rows only where `is_of_a_touched_event`.
    - Rows taken in or dated since the model last succeeded say so themselves (`changed_by_build_id`).
    - Rows that were taken away are known by the `delivery_ids` of the events that were made from them, by the last success
      or by a build after it that ended before it could say so.
    - Rows of a delivery whose period is sent again, or no longer is, may count otherwise though they are dated as before.
-#}

{#- Deletes the touched events and remembers their keys for `is_of_a_touched_event`. -#}
{% macro let_go_of_touched_events() -%}
{%- if is_incremental() -%}
{%- set key = model.config.meta.key -%}
create temporary table touched_event on commit drop as
with last_success as (
    select coalesce(max(outcome.build_id), 0) as build_id
    from {{ source('ledger', 'model_outcome') }} as outcome
    inner join {{ source('ledger', 'build') }} as build on build.build_id = outcome.build_id
    where outcome.model = '{{ model.name }}'
        and outcome.kind = 'model'
        and outcome.outcome = 'success'
        and build.rewound_to is null
        and build.state <> 'building'
),

taken_away as (
    select delivery_id, revision
    from {{ source('ledger', 'build_delivery') }}
    where build_id >= (select build_id from last_success)
    except
    select delivery_id, revision
    from {{ source('ledger', 'delivery_in_build') }}
),

came as (
    select delivery_id, revision
    from {{ source('ledger', 'delivery_in_build') }}
    except
    select delivery_id, revision
    from {{ source('ledger', 'build_delivery') }}
    where build_id = (select build_id from last_success)
),

sent_again as (
    select other.delivery_id
    from {{ source('ledger', 'delivery') }} as changed
    inner join {{ source('ledger', 'delivery') }} as other
        on other.feed = changed.feed
        and other.period = changed.period
        and other.delivery_id <> changed.delivery_id
    where changed.delivery_id in (select delivery_id from taken_away union select delivery_id from came)
)

{% for staging in model.refs -%}
select {{ key | join(', ') }}
from {{ ref(staging.name) }}
where changed_by_build_id > (select build_id from last_success)
    or delivery_id in (select delivery_id from sent_again)

union

{% endfor -%}
select {{ key | join(', ') }}
from {{ this }}
where delivery_ids && (select array_agg(delivery_id) from taken_away)
    {%- for staging in model.refs %}
    -- Staging was made anew: a row may have another key than the event was made by.
    or (select min(changed_by_build_id) from {{ ref(staging.name) }}) > (select build_id from last_success)
    {%- endfor %};

analyze touched_event;

delete from {{ this }} as held
using touched_event as touched
where {% for column in key %}touched.{{ column }} = held.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endif -%}
{%- endmacro %}


{#- Is a staged row of an event that must be worked out: of a touched one, or of any where the model starts anew. -#}
{% macro is_of_a_touched_event() -%}
{%- if is_incremental() -%}
{%- set key = model.config.meta.key | join(', ') -%}
({{ key }}) in (select {{ key }} from touched_event)
{%- else -%}
true
{%- endif -%}
{%- endmacro %}
