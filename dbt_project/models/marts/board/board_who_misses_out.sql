-- One row for each financial year, dimension, value of it and measure: how many people or referrals, of how many, and how that compares
-- with the borough.
-- Told is who was reached by care and how it ended, not who needed it: a low figure is a question. Not standardised by age.
with lawful as (
    {{ feeds_of_the_board() }}
),

hidden as (
    select care_event_id from {{ source('governance', 'restricted_event') }}
),

told as (
    select person_id, 'referrals turned away' as measure, referred_on as on_day, rejected_on is not null as counts
    from {{ ref('referrals') }}
    where feed in (select feed from lawful) and 'referral/' || referral_id not in (select care_event_id from hidden)

    union all

    select person_id, 'referrals seen within 18 weeks', referred_on, coalesce(first_contact_on - referred_on <= 126, false)
    from {{ ref('referrals') }}
    where feed in (select feed from lawful)
        and rejected_on is null
        and referred_on <= {{ as_at_day() }} - 126
        and 'referral/' || referral_id not in (select care_event_id from hidden)

    union all

    select person_id, 'contacts missed', contact_on, attendance = 'did not attend'
    from {{ ref('contacts') }}
    where feed in (select feed from lawful)
        and attendance in ('attended', 'did not attend')
        and 'contact/' || contact_id not in (select care_event_id from hidden)

    union all

    select person_id, 'outpatient appointments missed', attended_on, attendance = 'did not attend'
    from {{ ref('attendances') }}
    where feed in (select feed from lawful)
        and source = 'outpatients'
        and attendance in ('attended', 'did not attend')
        and 'attendance/' || attendance_id not in (select care_event_id from hidden)

    union all

    select person_id, 'hospital stays that were emergencies', admitted_on, admission_kind = 'emergency'
    from {{ ref('hospital_stays') }}
    where feed in (select feed from lawful)
        and admission_kind in ('elective', 'emergency')
        and 'stay/' || hospital_stay_id not in (select care_event_id from hidden)
),

counted as (
    select
        cast(date_trunc('year', told.on_day - interval '3 months') + interval '3 months' as date) as year_from,
        case
            when grouping(groups.ward) = 0 then 'ward'
            when grouping(groups.deprivation_decile) = 0 then 'deprivation'
            when grouping(groups.ethnic_group) = 0 then 'ethnic group'
            else 'all'
        end as dimension,
        coalesce(groups.ward, groups.deprivation_decile, groups.ethnic_group, 'all') as value,
        told.measure,
        count(*) filter (where told.counts) as guard_numerator,
        count(*) as guard_denominator
    from told
    left join {{ ref('person_groups') }} as groups on groups.person_id = told.person_id
    group by grouping sets (
        (1, told.measure),
        (1, told.measure, groups.ward),
        (1, told.measure, groups.deprivation_decile),
        (1, told.measure, groups.ethnic_group)
    )
),

shown as (
    select
        *,
        cast({{ shown_percent('guard_numerator', 'guard_denominator') }} as numeric) as percent
    from counted
)

select
    shown.guard_numerator,
    shown.guard_denominator,
    shown.year_from,
    shown.dimension,
    shown.value,
    shown.measure,
    {{ shown_count('shown.guard_numerator') }} as numerator,
    {{ shown_count('shown.guard_denominator') }} as denominator,
    shown.percent,
    cast(round(shown.percent / nullif(borough.percent, 0), 2) as numeric) as ratio_to_borough
from shown
left join shown as borough
    on borough.year_from = shown.year_from
    and borough.measure = shown.measure
    and borough.dimension = 'all'
