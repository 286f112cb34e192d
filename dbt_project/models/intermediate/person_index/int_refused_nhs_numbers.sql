-- One row for each accepted row whose NHS number was set aside: what was sent in its place.
-- Which column of a table is its NHS number, the broken rule tells.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook='{{ remove_deliveries_taken_back() }}',
) }}
with refused as materialized (
    select
        seen.format,
        finding.table_name,
        finding.delivery_id,
        seen.revision as delivery_revision,
        finding.file_id,
        finding.line_number,
        finding.column_name
    from {{ source('ledger', 'finding') }} as finding
    inner join {{ source('ledger', 'delivery_in_build') }} as seen on seen.delivery_id = finding.delivery_id
    where finding.if_broken = 'set the value aside' and finding.rule like '%.nhs_number' and seen.is_unchanged
    {%- if is_incremental() %}
        and not exists (select 1 from {{ this }} as held where held.delivery_id = finding.delivery_id)
    {%- endif %}
)

{% for node in staging_models() if 'nhs_number' in node.columns -%}
{%- set format, table = node.name.removeprefix('stg_').split('__') -%}
{{ 'union all\n' if not loop.first }}
select
    refused.delivery_id,
    refused.delivery_revision,
    refused.file_id,
    refused.line_number,
    to_jsonb(landed) ->> refused.column_name as nhs_number_as_sent
from refused
inner join landing.{{ format }}__{{ table }} as landed
    on landed.file_id = refused.file_id and landed.line_number = refused.line_number
where refused.format = '{{ format }}' and refused.table_name = '{{ table }}'
{% endfor -%}
