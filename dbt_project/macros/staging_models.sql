{#- The staging models, one for each table of each format: what stands in models/staging. A layer that comes after staging
    reads them as tables, so that nobody has to list them. -#}
{% macro staging_models() -%}
{%- set found = [] -%}
{%- for node in graph.get('nodes', {}).values() if node.resource_type == 'model' and node.fqn[1] == 'staging' -%}
    {%- do found.append(node) -%}
{%- endfor -%}
{{ return(found | sort(attribute='name')) }}
{%- endmacro %}


{#- The table of a staging model that is known by its name only. -#}
{% macro staging_table(node) -%}
{{ api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias) }}
{%- endmacro %}


{#-
    Makes the staging tables that are not there yet, empty, from the columns that their models describe: what comes after
    staging reads them all, also those of formats of which nothing has ever come. A table that is to be made anew goes first.
-#}
{% macro make_staging_tables() -%}
{%- if execute -%}
{%- set models = staging_models() -%}
{#- Asked once: to look for each of a hundred tables would take longer than most builds. -#}
{%- set there = run_query("select tablename from pg_tables where schemaname = '" ~ models[0].schema ~ "'").columns[0].values() -%}
{%- for node in models -%}
{%- set anew = flags.FULL_REFRESH and node.unique_id in selected_resources -%}
{%- if anew or node.alias not in there -%}
{%- set relation = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias, type='table') -%}
{%- if node.alias in there -%}
    {%- do adapter.drop_relation(relation) -%}
{%- endif -%}
{%- do run_query(_empty_staging_table(relation, node.columns.values())) -%}
{%- do adapter.cache_added(relation) -%}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{%- endmacro %}


{% macro _empty_staging_table(relation, columns) -%}
create schema if not exists {{ relation.schema }};
create table {{ relation }} (
    {%- for name, column in delivery_column_meanings().items() %}
    {{ name }} {{ column.data_type }},
    {%- endfor %}
    {%- for column in columns %}
    {{ column.name }} {{ column.data_type }}{{ ',' if not loop.last }}
    {%- endfor %}
);
create index on {{ relation }} (delivery_id);
create index on {{ relation }} (changed_by_build_id);
{%- for name, column in delivery_column_meanings().items() %}
comment on column {{ relation }}.{{ name }} is '{{ column.means }}';
{%- endfor %}
{%- endmacro %}
