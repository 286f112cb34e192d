-- One row for each month and service of intermediate care and nursing: reablement of the council, intermediate care and
-- district nursing of the community services.
-- Rules: intermediate care is a referral to a team of type 51 to 54, nursing one of type 12 (NHS Data Dictionary, SERVICE OR
-- TEAM TYPE REFERRED TO). At home 91 days after discharge is as the Adult Social Care Outcomes Framework has it in measure 2B:
-- people of 65 and over whose reablement or intermediate care began when they left hospital; we take it to have done so
-- where it began at most 7 days after. At home is who on day 91 lives, is in no hospital, and is in no care home.
with used as (
    {{ feeds_of_the_board() }}
),

told_until as (
    select feed, least(max(period_end), (select {{ as_at_day() }})) as told_until
    from {{ source('ledger', 'table_in_build') }}
    group by feed
),

spells as (
    select
        'reablement' as service,
        social_care_event_id as spell_id,
        person_id,
        feed,
        started_on,
        ended_on,
        ended_on - started_on + 1 as days
    from {{ ref('social_care_events') }}
    where kind = 'service' and service_component ilike '%reablement%' and client_type not ilike '%carer%'

    union all

    select
        case
            when team_type_code = '12' or service = 'adult community nursing' then 'district nursing' else 'intermediate care'
        end as service,
        referral_id as spell_id,
        person_id,
        feed,
        referred_on as started_on,
        closed_on as ended_on,
        closed_on - referred_on + 1 as days
    from {{ ref('referrals') }}
    where
        source = 'csds'
        and rejected_on is null
        and (
            team_type_code in ('12', '51', '52', '53', '54')
            or service in ('intermediate care', 'adult community nursing')
        )
),

lawful as (
    select * from spells where person_id is not null and feed in (select feed from used)
),

-- A feed tells of a service where it has told of one.
told as (
    {{ months_told("(select distinct feed, service as setting from spells)") }}
),

starts as (
    select
        {{ month_of('started_on') }} as month,
        service,
        count(*) as starts,
        count(distinct person_id) as people,
        {{ shown_mean('days') }} as mean_days
    from lawful
    group by {{ month_of('started_on') }}, service
),

contacts as (
    select
        {{ month_of('contact_on') }} as month,
        case
            when team_type_code = '12' or service = 'adult community nursing' then 'district nursing' else 'intermediate care'
        end as service,
        count(*) as contacts,
        count(distinct person_id) as people_seen
    from {{ ref('contacts') }}
    where
        source = 'csds'
        and attendance = 'attended'
        and feed in (select feed from used)
        and (
            team_type_code in ('12', '51', '52', '53', '54')
            or service in ('intermediate care', 'adult community nursing')
        )
    group by 1, 2
),

stays as (
    select hospital_stay_id, person_id, feed, admitted_on, discharged_on
    from {{ ref('hospital_stays') }}
    where feed in (select feed from used)
),

care_homes as (
    select person_id, feed, started_on, ended_on
    from {{ ref('social_care_events') }}
    where
        kind = 'service'
        and concat(service_component, service_type) ~* 'residential care|nursing care'
        and feed in (select feed from used)
),

-- The day up to which both the hospitals and the council tell; null where one of them tells nothing.
known as (
    select least(hospitals.told_until, councils.told_until) as until
    from (select min(told_until) as told_until from told_until where feed in (select feed from stays)) as hospitals
    inner join (
        select min(told_until) as told_until from told_until
        where feed in (select feed from {{ ref('social_care_events') }}) and feed in (select feed from used)
    ) as councils on hospitals.told_until is not null and councils.told_until is not null
),

discharges as (
    select distinct
        stays.hospital_stay_id,
        stays.person_id,
        stays.discharged_on,
        stays.discharged_on + 91 as asked_on,
        lawful.service,
        persons.died_on
    from stays
    inner join lawful
        on lawful.person_id = stays.person_id
        and lawful.started_on between stays.discharged_on and stays.discharged_on + 7
    inner join {{ ref('persons') }} as persons on persons.person_id = stays.person_id
    inner join known on stays.discharged_on + 91 <= known.until
    where
        lawful.service in ('reablement', 'intermediate care')
        and persons.born_on + interval '65 years' <= stays.discharged_on
),

elsewhere as (
    select discharges.hospital_stay_id
    from discharges
    inner join stays
        on stays.person_id = discharges.person_id
        and stays.admitted_on <= discharges.asked_on
        and coalesce(stays.discharged_on > discharges.asked_on, true)
    union
    select discharges.hospital_stay_id
    from discharges
    inner join care_homes
        on care_homes.person_id = discharges.person_id
        and care_homes.started_on <= discharges.asked_on
        and coalesce(care_homes.ended_on >= discharges.asked_on, true)
),

outcomes as (
    select
        {{ month_of('discharges.discharged_on') }} as month,
        discharges.service,
        count(*) as discharged,
        count(*) filter (
            where elsewhere.hospital_stay_id is null and coalesce(discharges.died_on > discharges.asked_on, true)
        ) as at_home
    from discharges
    left join elsewhere on elsewhere.hospital_stay_id = discharges.hospital_stay_id
    group by {{ month_of('discharges.discharged_on') }}, discharges.service
),

counted as (
    select
        told.month,
        told.setting as service,
        coalesce(starts.starts, 0) as guard_starts,
        coalesce(starts.people, 0) as guard_people,
        starts.mean_days,
        case when told.setting <> 'reablement' then coalesce(contacts.contacts, 0) end as guard_contacts,
        case when told.setting <> 'reablement' then coalesce(contacts.people_seen, 0) end as guard_people_seen,
        case when told.setting <> 'district nursing' and known.until is not null then coalesce(outcomes.discharged, 0) end
            as guard_discharged,
        case when told.setting <> 'district nursing' and known.until is not null then coalesce(outcomes.at_home, 0) end
            as guard_at_home
    from told
    left join starts on starts.month = told.month and starts.service = told.setting
    left join contacts on contacts.month = told.month and contacts.service = told.setting
    left join outcomes on outcomes.month = told.month and outcomes.service = told.setting
    -- No outcome is known of a month that has not been followed for 91 days.
    left join known on cast(told.month + interval '1 month' as date) - 1 + 91 <= known.until
)

select
    guard_starts,
    guard_people,
    guard_contacts,
    guard_people_seen,
    guard_discharged,
    guard_at_home,
    month,
    service,
    case when guard_people not between 1 and 7 then {{ shown_count('guard_starts') }} end as starts,
    {{ shown_count('guard_people') }} as people,
    {{ shown_text('guard_people') }} as people_as_shown,
    case when guard_people > 7 then cast(round(mean_days, 1) as numeric(12, 1)) end as mean_days,
    case when guard_people_seen not between 1 and 7 then {{ shown_count('guard_contacts') }} end as contacts,
    {{ shown_count('guard_people_seen') }} as people_seen,
    {{ shown_count('guard_discharged') }} as discharged_into_it,
    cast(
        case when guard_discharged - guard_at_home not between 1 and 7
            then round({{ shown_percent('guard_at_home', 'guard_discharged') }}, 1)
        end as numeric(5, 1)
    ) as at_home_91_days_after_percent
from counted
