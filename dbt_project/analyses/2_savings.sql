-- Question 2: How much of the £80m is delivered, by whom, for whom, on what evidence?
-- Reader: the People's Board
-- Caveats:
-- - £80 million by 2020 was a public aim to save the council money. A cost moved to the NHS is no saving of the system: who
--   saves and who pays stand apart, and only their difference is a saving of the whole.
-- - Planned is no saving. Delivered on a claim alone is no evidence: read delivered and evidenced apart.
-- - Amounts are the partners' own words; none was checked against accounts here. Pence reconcile with what was sent.
-- Coverage: ccg/partnership_money
with needed (feed) as (
    values ('ccg/partnership_money')
),

told as (
    select
        max(coverage.month) filter (where coverage.status = 'complete') as last_month,
        string_agg(to_char(coverage.month, 'YYYY-MM'), ', ' order by coverage.month) filter (
            where coverage.is_promised and coverage.status <> 'complete'
        ) as not_told
    from needed
    left join insight.coverage as coverage on coverage.feed = needed.feed
),

-- Each account tells of every month so far, so that the last one is the whole.
summed as (
    select
        coalesce(lead_partner, 'not told') as led_by,
        partner,
        grouping(coalesce(lead_partner, 'not told')) = 1 as is_total,
        max(month) as last_month,
        sum(amount_gbp) filter (where basis = 'PLAN' and effect = 'SAVES') as planned_gbp,
        sum(amount_gbp) filter (where basis = 'ACTUAL' and effect = 'SAVES') as delivered_gbp,
        sum(measured_gbp) filter (where basis = 'ACTUAL' and effect = 'SAVES') as measured_gbp,
        sum(estimated_gbp) filter (where basis = 'ACTUAL' and effect = 'SAVES') as estimated_gbp,
        sum(claimed_gbp) filter (where basis = 'ACTUAL' and effect = 'SAVES') as claimed_gbp,
        sum(amount_gbp) filter (where basis = 'ACTUAL' and effect = 'PAYS') as pays_gbp,
        sum(net_gbp) filter (where basis = 'ACTUAL') as net_gbp,
        sum(net_gbp) filter (where basis = 'ACTUAL' and recurs) as recurs_a_month_gbp
    from partnership.savings
    group by grouping sets ((coalesce(lead_partner, 'not told'), partner), (partner), ())
),

answers as (
    select
        case when summed.is_total then 'all' else summed.led_by end as led_by,
        coalesce(summed.partner, 'all: the whole partnership') as whose_money,
        summed.planned_gbp,
        summed.delivered_gbp,
        summed.measured_gbp,
        summed.estimated_gbp,
        summed.claimed_gbp,
        summed.pays_gbp,
        summed.net_gbp,
        summed.recurs_a_month_gbp,
        case when summed.is_total then round(100 * summed.net_gbp / 80000000, 2) end as net_percent_of_80_million,
        concat_ws(
            '; ',
            'account of ' || coalesce(to_char(told.last_month, 'YYYY-MM'), 'no whole month')
                || ', amounts to ' || to_char(summed.last_month, 'YYYY-MM'),
            'no account of ' || told.not_told
        ) as coverage
    from summed
    cross join told
    where summed.last_month is not null
)

select *, cast(null as text) as cannot_be_answered_because
from answers
union all
select
    null, null, null, null, null, null, null, null, null, null, null, null,
    'no account of the partnership''s money has come: what is delivered is not known'
where not exists (select from answers)
order by led_by, whose_money
