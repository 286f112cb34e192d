{#- The feeds whose agreements let their rows be counted for the Board: of the others it is told nothing, which is not zero. -#}
{% macro feeds_of_the_board() -%}
select feed from {{ source('governance', 'feed_in_use') }} where purpose = 'board reporting'
{%- endmacro %}


{#- Whether the Board may be told of everything that a model tells: a figure of which a part may not be counted is not known. -#}
{% macro may_the_board_count(model) -%}
not exists (select 1 from {{ model }} as counted_with where counted_with.feed not in ({{ feeds_of_the_board() }}))
{%- endmacro %}
