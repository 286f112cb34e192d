-- One row for each year to 31 March and measure of care leavers.
with counted as (
    select
        leavers.year_ended_on,
        measures.measure,
        count(*) as guard_care_leavers,
        count(measures.is_so) as guard_denominator,
        count(*) filter (where measures.is_so) as guard_numerator
    from {{ ref('care_leavers') }} as leavers
    cross join lateral (
        values
            ('in touch with the council', leavers.is_in_touch),
            ('in education, employment or training', leavers.is_in_education_or_work),
            ('in suitable accommodation', leavers.is_suitably_housed)
    ) as measures (measure, is_so)
    where leavers.feed in ({{ feeds_of_the_board() }})
    group by leavers.year_ended_on, measures.measure
)

select
    guard_care_leavers,
    guard_denominator,
    guard_numerator,
    year_ended_on,
    measure,
    guard_denominator > 0 as has_data,
    {{ shown_count('guard_care_leavers') }} as care_leavers,
    case when guard_denominator > 0 then {{ shown_count('guard_denominator') }} end as denominator,
    case when guard_denominator > 0 then {{ shown_count('guard_numerator') }} end as numerator,
    case when guard_denominator > 0 then {{ shown_text('guard_numerator') }} else 'no data' end as numerator_as_shown,
    cast({{ shown_percent('guard_numerator', 'guard_denominator') }} as numeric) as percent
from counted
