{#-
    The service that a row's local team gives, by the feed's contract: formats have no code for IV therapy or for the
    health of looked after children, and a team has its sender's own number. Null where the contract does not know the team.
    For models that read a row's `feed`. The list is read once for the whole table.
-#}
{% macro service_of_local_team(team_column) -%}
(
    select jsonb_object_agg(local_team.feed || '/' || upper(local_team.local_team), local_team.service)
    from {{ source('ledger', 'local_team') }} as local_team
) ->> (feed || '/' || {{ clean_code(team_column) }})
{%- endmacro %}
