{#-
    A mart is made once, in a schema that no reader sees yet: there is no table to put aside, rename or drop, as dbt's own `table`
    does. It is dropped only where a step of a build is tried again. The contract names every column, so that each has a comment.
-#}
{% materialization mart, adapter='postgres' %}
  {%- set mart = this.incorporate(type='table') -%}

  {%- call statement('make_room') -%}
    drop table if exists {{ mart }} cascade;
    {{ join_whole_tables() }}
  {%- endcall -%}

  {%- call statement('main') -%}
    {{ get_create_table_as_sql(False, mart, sql) }}
  {%- endcall -%}

  {%- call statement('describe') -%}
    analyze {{ mart }};
    {{ postgres__alter_relation_comment(mart, model.description) }}
    {%- for column in model.columns.values() %}
    comment on column {{ mart }}.{{ column.name }} is {{ postgres_escape_comment(column.description) }};
    {%- endfor %}
  {%- endcall -%}

  {{ adapter.commit() }}
  {{ return({'relations': [mart]}) }}
{% endmaterialization %}
