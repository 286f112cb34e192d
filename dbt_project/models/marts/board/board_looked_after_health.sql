-- One row for each year to 31 March and measure of the health of children looked after for at least twelve months.
{%- set by_health = may_the_board_count("(select feed from " ~ ref('contacts') ~ " where service = 'looked after children''s health')") %}
{%- set by_mental_health = may_the_board_count("(select feed from " ~ ref('contacts') ~ " where source = 'mhsds')") %}
with counted as (
    select
        children.year_ended_on,
        measures.measure,
        measures.told_by,
        count(*) as guard_children,
        count(measures.is_so) as guard_denominator,
        count(*) filter (where measures.is_so) as guard_numerator
    from {{ ref('looked_after_health') }} as children
    cross join lateral (
        values
            ('health assessment done', 'the council''s return', children.has_health_assessment),
            ('health check up to date, under 5', 'the council''s return',
                case when children.age_at_year_end < 5 then children.has_health_check end),
            ('immunisations up to date', 'the council''s return', children.has_immunisations),
            ('teeth checked', 'the council''s return', children.has_teeth_check),
            ('strengths and difficulties questionnaire scored', 'the council''s return',
                case when children.is_in_return and children.age_at_year_end between 4 and 16
                    then children.sdq_score is not null end),
            ('strengths and difficulties score of concern (17 or more)', 'the council''s return', children.sdq_score >= 17),
            ('three or more placements in the year', 'the council''s return', children.placements >= 3),
            ('went missing in the year', 'the council''s return', children.missing_episodes > 0),
            ('seen by the health service by the due date', 'the health service''s contacts',
                case when {{ by_health }} then children.was_seen_on_time end),
            ('seen by the health service as often as due', 'the health service''s contacts',
                case when {{ by_health }} then children.was_seen_as_due end),
            ('return and contacts agree', 'both', case when {{ by_health }} then children.do_sources_agree end),
            ('seen by a mental health service', 'the mental health service''s contacts',
                case when {{ by_mental_health }} and children.mental_health_months_told = 12
                    then children.mental_health_contacts > 0 end)
    ) as measures (measure, told_by, is_so)
    where 'council/looked_after_children' in (
        {{ feeds_of_the_board() }}
    )
    group by children.year_ended_on, measures.measure, measures.told_by
)

select
    guard_children,
    guard_denominator,
    guard_numerator,
    year_ended_on,
    measure,
    told_by,
    guard_denominator > 0 as has_data,
    {{ shown_count('guard_children') }} as children,
    case when guard_denominator > 0 then {{ shown_count('guard_denominator') }} end as denominator,
    case when guard_denominator > 0 then {{ shown_count('guard_numerator') }} end as numerator,
    case when guard_denominator > 0 then {{ shown_text('guard_numerator') }} else 'no data' end as numerator_as_shown,
    cast({{ shown_percent('guard_numerator', 'guard_denominator') }} as numeric) as percent
from counted
