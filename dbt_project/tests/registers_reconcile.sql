-- Each register is published whole, every month of the Board's figures adds up to its timeline, and each feed is told of once.
{%- for mart, register in {
    'partnership_services': ref('default_services'), 'partnership_boards': ref('default_boards'),
    'partnership_successions': ref('int_organisation_successions'),
    'partnership_agreements': source('governance', 'partnership_event')}.items() %}
select '{{ mart }}' as mart
where (select count(*) from {{ ref(mart) }}) <> (select count(*) from {{ register }})

union all
{% endfor %}
select 'board_care_by_month' as mart
from {{ ref('board_care_by_month') }}
group by started_month
having sum(guard_care_events) filter (where organisation <> 'all' and kind <> 'all')
    <> sum(guard_care_events) filter (where organisation = 'all' and kind = 'all')

union all

select 'insight_feed_freshness' as mart
where (select count(*) from {{ ref('insight_feed_freshness') }})
    <> (select count(distinct feed) from {{ ref('insight_feed_coverage') }})
