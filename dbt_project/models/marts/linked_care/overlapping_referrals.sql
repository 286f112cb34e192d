-- One row for each pair of referrals of a person at two providers that are open on the same day, or of which the second came
-- within 28 days after the first ended (a hand-over), and for each pair of assessments that follow each other within 90 days
-- at two organisations.
-- Rules: a referral is open from its first to its last day, both counted; one without an end is open as far as its feed tells.
-- An assessment is one of adult social care, or the first contact at which a service saw the person, since no feed but the
-- council's tells assessments as such and every service begins with its own. The spans of 28 and 90 days are ours.
-- A referral that a moved service took along stands at both providers and is no overlap, nor is that of a provider and of its
-- successor: changing the provider alone moves no figure.
with told as (
    select feed, least(max(period_end), (select {{ as_at_day() }})) as told_until
    from {{ source('ledger', 'table_in_build') }}
    group by feed
),

referrals as (
    select
        referrals.referral_id,
        referrals.person_id,
        referrals.organisation,
        referrals.feed,
        coalesce(referrals.provider_code, referrals.organisation) as provider,
        referrals.service,
        referrals.referred_on,
        referrals.first_contact_on,
        coalesce(referrals.closed_on, referrals.rejected_on) as ended_on,
        greatest(
            referrals.referred_on, coalesce(referrals.closed_on, referrals.rejected_on, told.told_until, referrals.referred_on)
        ) as open_until
    from {{ ref('referrals') }} as referrals
    left join told on told.feed = referrals.feed
    left join {{ source('governance', 'restricted_event') }} as restricted
        on restricted.care_event_id = 'referral/' || referrals.referral_id
    where referrals.person_id is not null and referrals.referred_on is not null and restricted.care_event_id is null
),

-- Who took over from whom, in a service or in all.
successors as (
    select service, from_organisation_code as provider, to_organisation_code as successor, moved_on as moved_on
    from {{ ref('default_service_moves') }}
    union
    select cast(null as text), organisation_code, successor_code, succeeded_on
    from {{ ref('default_organisation_successions') }}
),

pairs as (
    select
        case when later.referred_on <= earlier.open_until then 'overlap' else 'hand-over' end as kind,
        earlier.referral_id as earlier_id,
        later.referral_id as later_id,
        earlier.person_id,
        earlier.organisation as earlier_organisation,
        earlier.feed as earlier_feed,
        earlier.provider as earlier_provider,
        earlier.service as earlier_service,
        earlier.referred_on as earlier_started_on,
        earlier.ended_on as earlier_ended_on,
        later.organisation as later_organisation,
        later.feed as later_feed,
        later.provider as later_provider,
        later.service as later_service,
        later.referred_on as later_started_on,
        later.ended_on as later_ended_on,
        greatest(least(earlier.open_until, later.open_until) - later.referred_on + 1, 0) as overlap_days,
        -- From the end at the one to the first contact at the other; who was seen before had no gap.
        case
            when later.referred_on > earlier.open_until and later.first_contact_on >= earlier.ended_on
                then later.first_contact_on - earlier.ended_on
        end as days_between
    from referrals as earlier
    inner join referrals as later
        on later.person_id = earlier.person_id
        and later.provider <> earlier.provider
        and (later.referred_on, later.referral_id) > (earlier.referred_on, earlier.referral_id)
        and later.referred_on <= earlier.open_until + 28
    where not exists (
        select 1
        from successors
        where
            coalesce(successors.service = earlier.service, true)
            and earlier.service = later.service
            and (
                successors.provider = earlier.provider
                and successors.successor = later.provider
                and (later.referred_on < successors.moved_on or coalesce(earlier.ended_on >= successors.moved_on - 1, true))
                or successors.provider = later.provider
                and successors.successor = earlier.provider
                and earlier.referred_on < successors.moved_on
            )
    )
),

assessments as (
    select
        'social care/' || events.social_care_event_id as assessment_id,
        events.person_id,
        events.organisation,
        events.feed,
        events.organisation as provider,
        'adult social care' as service,
        events.started_on,
        events.ended_on
    from {{ ref('social_care_events') }} as events
    where events.kind = 'assessment' and events.person_id is not null

    union all

    select
        'referral/' || referral_id as assessment_id,
        person_id,
        organisation,
        feed,
        provider,
        service,
        first_contact_on as started_on,
        first_contact_on as ended_on
    from referrals
    where first_contact_on is not null
),

in_turn as (
    select
        assessment_id as later_id,
        person_id,
        organisation,
        feed,
        provider,
        service,
        started_on,
        ended_on,
        {%- for column in ['assessment_id', 'organisation', 'feed', 'provider', 'service', 'started_on', 'ended_on'] %}
        lag({{ column }}) over turns as earlier_{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from assessments
    window turns as (partition by person_id order by started_on, assessment_id)
)

select
    kind,
    earlier_id,
    later_id,
    person_id,
    earlier_organisation,
    earlier_feed,
    earlier_provider,
    earlier_service,
    earlier_started_on,
    earlier_ended_on,
    later_organisation,
    later_feed,
    later_provider,
    later_service,
    later_started_on,
    later_ended_on,
    coalesce(earlier_service = later_service, false) as is_same_service,
    overlap_days,
    days_between
from pairs

union all

select
    'repeated assessment' as kind,
    earlier_assessment_id as earlier_id,
    later_id,
    person_id,
    earlier_organisation,
    earlier_feed,
    earlier_provider,
    earlier_service,
    earlier_started_on,
    earlier_ended_on,
    organisation as later_organisation,
    feed as later_feed,
    provider as later_provider,
    service as later_service,
    started_on as later_started_on,
    ended_on as later_ended_on,
    coalesce(earlier_service = service, false) as is_same_service,
    0 as overlap_days,
    started_on - earlier_started_on as days_between
from in_turn
where earlier_organisation <> organisation and started_on - earlier_started_on <= 90
