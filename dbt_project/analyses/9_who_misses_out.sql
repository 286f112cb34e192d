-- Question 9: Who misses out, by ward, deprivation and ethnicity?
-- Reader: the People's Board
-- Caveats:
-- - Told is who receives care, not who needs it: a low rate is a question, no finding.
-- - People whose ward, deprivation or ethnicity is not known stand as not known; where they are many, the others mislead.
-- - Deprivation is that of the neighbourhood, not of the person; decile 1 is the most deprived. Nothing is standardised by age.
-- - Ethnicity is told to few services, and hardly ever to housing or social care.
-- - Counts of 1 to 7 are hidden, others are to the nearest 5; small wards may show nothing.
-- Coverage: sthk/admitted_patient_care, sthk/outpatients, bridgewater/community_services,
--   north_west_boroughs/mental_health_services, ons/postcodes, ons/areas
with needed (feed) as (
    values
        ('sthk/admitted_patient_care'),
        ('sthk/outpatients'),
        ('bridgewater/community_services'),
        ('north_west_boroughs/mental_health_services'),
        ('ons/postcodes'),
        ('ons/areas')
),

years as (
    select distinct year_from from board.who_misses_out
),

gaps as (
    select
        years.year_from,
        string_agg(distinct coverage.feed, ', ' order by coverage.feed) as not_told_by
    from years
    inner join insight.coverage as coverage
        on coverage.month >= years.year_from and coverage.month < years.year_from + interval '1 year'
    inner join needed on needed.feed = coverage.feed
    where coverage.is_promised and coverage.status <> 'complete'
    group by years.year_from
),

told_months as (
    select years.year_from, count(distinct coverage.month) as months
    from years
    inner join insight.coverage as coverage
        on coverage.month >= years.year_from and coverage.month < years.year_from + interval '1 year'
    inner join needed on needed.feed = coverage.feed and needed.feed not like 'ons/%'
    where coverage.status = 'complete'
    group by years.year_from
),

answers as (
    select
        missed.measure,
        missed.dimension,
        missed.value,
        missed.year_from,
        coalesce(cast(missed.numerator as text), '*') as counted,
        coalesce(cast(missed.denominator as text), '*') as of_how_many,
        round(missed.percent, 1) as percent,
        missed.ratio_to_borough,
        concat_ws(
            '; ',
            coalesce(told_months.months, 0) || ' of 12 months are told',
            'not complete: ' || gaps.not_told_by
        ) as coverage
    from board.who_misses_out as missed
    left join gaps on gaps.year_from = missed.year_from
    left join told_months on told_months.year_from = missed.year_from
),

wanted (dimension) as (
    values ('ward'), ('deprivation'), ('ethnic group')
)

select *, cast(null as text) as cannot_be_answered_because
from answers
union all
select
    null, null, null, null, null, null, null, null, null,
    'by ' || wanted.dimension || ': no feed of care has come of which it is told'
from wanted
where not exists (select from answers where answers.dimension = wanted.dimension)
order by measure, year_from, dimension, value
