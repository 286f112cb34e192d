-- Question 3: Who owes what for the record, and who uses it?
-- Reader: the People's Board
-- Caveats:
-- - The record costs over £3m in five years, split three ways; the council pays up front, and CCG and trust repay on a schedule.
--   Owed is what was due and not paid by the day of the build.
-- - Use counts openings of the record, refused ones apart, by the organisation of whoever opened it. It says nothing of whether
--   the record helped.
-- - Counts of 1 to 7 openings are hidden, others are to the nearest 5. Money is no count of people and stands in pence.
-- Coverage: ccg/partnership_money, ccg/record_accesses
with needed (feed) as (
    values ('ccg/partnership_money'), ('ccg/record_accesses')
),

told as (
    select
        needed.feed,
        concat_ws(
            '; ',
            'told to ' || to_char(max(coverage.month) filter (where coverage.status = 'complete'), 'YYYY-MM'),
            'no data of ' || string_agg(to_char(coverage.month, 'YYYY-MM'), ', ' order by coverage.month) filter (
                where coverage.is_promised and coverage.status <> 'complete'
            )
        ) as coverage
    from needed
    left join insight.coverage as coverage on coverage.feed = needed.feed
    group by needed.feed
),

answers as (
    select
        1 as place,
        'bears of the cost' as what,
        costs.partner as who,
        'to ' || string_agg(distinct costs.paid_by, ', ' order by costs.paid_by) || ', who paid first' as detail,
        cast(null as date) as month,
        sum(costs.share_gbp) as share_gbp,
        cast(null as numeric) as due_gbp,
        cast(null as numeric) as paid_gbp,
        cast(null as numeric) as owed_gbp,
        cast(null as numeric) as arrears_gbp,
        cast(null as text) as openings,
        'ccg/partnership_money' as feed
    from partnership.record_costs as costs
    group by costs.partner
    union all
    select
        1,
        'bears of the cost',
        'not told',
        'shares that nobody sent, or that were set aside: ' || string_agg(unshared.cost_id, ', ' order by unshared.cost_id),
        null,
        sum(unshared.unshared_gbp),
        null,
        null,
        null,
        null,
        null,
        'ccg/partnership_money'
    from (
        select distinct cost_id, unshared_gbp
        from partnership.record_costs
        where unshared_gbp <> 0
    ) as unshared
    having count(*) > 0
    union all
    select
        2,
        'owes for the record',
        repayments.paid_by,
        'to ' || repayments.paid_to,
        null,
        null,
        sum(repayments.due_gbp),
        sum(coalesce(repayments.paid_gbp, 0)),
        sum(repayments.outstanding_gbp),
        sum(repayments.arrears_gbp),
        null,
        'ccg/partnership_money'
    from partnership.repayments as repayments
    where repayments.is_in_force
    group by repayments.paid_by, repayments.paid_to
    union all
    select
        3,
        'opened the record',
        uses.organisation,
        'door: ' || uses.door,
        uses.month,
        null,
        null,
        null,
        null,
        null,
        uses.openings_as_shown,
        case when uses.door <> 'ours' then 'ccg/record_accesses' end
    from board.record_use as uses
    where uses.has_data
),

not_answered as (
    select 'who owes what: no account of the partnership''s money has come' as reason
    where not exists (select from answers where place <= 2)
    union all
    select 'who uses the record: no log of who opened it has come'
    where not exists (select from answers where place = 3 and feed is not null)
)

select
    what, who, detail, month, share_gbp, due_gbp, paid_gbp, owed_gbp, arrears_gbp, openings, coverage,
    cast(null as text) as cannot_be_answered_because
from (
    select answers.*, told.coverage
    from answers
    left join told on told.feed = answers.feed
    order by answers.place, answers.who, answers.month
) as in_order
union all
select null, null, null, null, null, null, null, null, null, null, null, reason
from not_answered
