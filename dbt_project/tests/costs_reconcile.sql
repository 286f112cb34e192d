-- No care, no person and no penny is lost between the costs, the months and what the board sees; a stay is one spell, over
-- however many months it went.
with used as (
    {{ feeds_of_the_board() }}
),

lawful as (
    select * from {{ ref('person_costs') }} where feed in (select feed from used)
),

told as (
    select feed, least(max(period_end), (select {{ as_at_day() }})) as told_until
    from {{ source('ledger', 'table_in_build') }}
    group by feed
),

pairs as (
    select
        'person_months: cost' as figure,
        (select coalesce(sum(cost_gbp), 0) from {{ ref('person_costs') }}) as expected,
        (select coalesce(sum(cost_gbp), 0) from {{ ref('person_months') }}) as found

    union all

    select
        'person_months: care events',
        (select coalesce(sum(care_events), 0) from {{ ref('person_costs') }}),
        (select coalesce(sum(care_events), 0) from {{ ref('person_months') }})

    union all

    select
        'insight_person_months: cost',
        (
            select coalesce(sum(months.cost_gbp), 0)
            from {{ ref('person_months') }} as months
            where months.person_id in (select person_id from {{ ref('persons') }})
        ),
        (select coalesce(sum(cost_gbp), 0) from {{ ref('insight_person_months') }})

    union all

    select
        'person_costs: spells',
        (
            select count(*)
            from {{ ref('hospital_stays') }} as stays
            left join told on told.feed = stays.feed
            where
                stays.person_id is not null
                and coalesce(stays.admitted_on <= told.told_until, true)
                and 'stay/' || stays.hospital_stay_id not in (
                    select care_event_id from {{ source('governance', 'restricted_event') }}
                )
        ),
        (select coalesce(sum(units), 0) from {{ ref('person_costs') }} where unit = 'spell')

    union all

    select
        'board_cost_drivers: people',
        (
            select count(distinct lawful.person_id)
            from lawful
            inner join (select distinct first_month, last_month from {{ ref('board_cost_drivers') }}) as years
                on lawful.month between years.first_month and years.last_month
        ),
        (select coalesce(sum(guard_people), 0) from {{ ref('board_cost_drivers') }} where setting = 'all')

    union all

    select
        'board_cost_and_overlap: people',
        (
            select count(distinct (lawful.person_id, years.last_month))
            from lawful
            inner join (select distinct first_month, last_month from {{ ref('board_cost_and_overlap') }}) as years
                on lawful.month between years.first_month and years.last_month
        ),
        (select coalesce(sum(guard_people), 0) from {{ ref('board_cost_and_overlap') }})

    union all

    select
        'overlapping_referrals: referrals that there are',
        (select count(*) from {{ ref('overlapping_referrals') }} where kind <> 'repeated assessment'),
        (
            select count(*)
            from {{ ref('overlapping_referrals') }} as pairs
            inner join {{ ref('referrals') }} as earlier on earlier.referral_id = pairs.earlier_id
            inner join {{ ref('referrals') }} as later on later.referral_id = pairs.later_id
            where pairs.kind <> 'repeated assessment'
        )

    union all

    -- What is not told, and who had died by their own record, is not in the figures: no more than there are.
    select
        'board_setting_shift: people in hospital',
        count(*) filter (where shown.guard_people_in_hospital > lived.people),
        0
    from {{ ref('board_setting_shift') }} as shown
    left join (
        select month, count(distinct person_id) as people
        from {{ ref('person_months') }}
        where hospital_nights > 0 and feed in (select feed from used)
        group by month
    ) as lived on lived.month = shown.month

    union all

    select
        'board_intermediate_care: contacts',
        (select coalesce(sum(guard_contacts), 0) from {{ ref('board_intermediate_care') }}),
        (
            select least(
                (select coalesce(sum(guard_contacts), 0) from {{ ref('board_intermediate_care') }}),
                (select count(*) from {{ ref('contacts') }} where source = 'csds' and attendance = 'attended')
            )
        )
)

select figure, expected, found
from pairs
where expected <> found
