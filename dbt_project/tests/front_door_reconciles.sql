-- Nothing is lost or counted twice between what was staged and the marts of front doors, looked after children and homes.
with compared as (
    select
        'contacts' as what,
        (select count(distinct (feed, contact_id)) from {{ ref('stg_contact_cares__contacts') }} where superseded_at is null)
            as told,
        (select count(*) from {{ ref('front_door_contacts') }}) as held
    union all
    select
        'onward referrals',
        (
            select count(distinct (feed, onward_referral_id))
            from {{ ref('stg_contact_cares__onward_referrals') }}
            where superseded_at is null
        ),
        (select count(*) from {{ ref('onward_referrals') }})
    union all
    select
        'onward referrals of contacts',
        (select count(*) from {{ ref('onward_referrals') }} where has_contact),
        (select sum(onward_referrals) from {{ ref('front_door_contacts') }})
    union all
    select
        'contacts of known people',
        (select count(*) from {{ ref('front_door_contacts') }} as contacts inner join {{ ref('persons') }} using (person_id)),
        (select count(*) from {{ ref('insight_front_door_contacts') }})
    {%- for dimension in ['all', 'channel', 'hour', 'tier', 'staff organisation'] %}
    union all
    -- Only what a month that did not come holds is in no figure of the Board.
    select
        'contacts of the Board by {{ dimension }}',
        (
            select count(*)
            from {{ ref('front_door_contacts') }} as contacts
            where contacts.feed in ({{ feeds_of_the_board() }})
                and exists (
                    select 1
                    from {{ ref('board_front_door') }} as board
                    where board.month = {{ month_of('contacts.received_on') }}
                        and board.front_door = contacts.front_door
                        and board.has_data
                )
        ),
        (select sum(guard_contacts) from {{ ref('board_front_door') }} where dimension = '{{ dimension }}')
    {%- endfor %}
    union all
    select
        'contacts and what came after them',
        (
            select 6 * count(*)
            from {{ ref('front_door_contacts') }}
            where received_on is not null
                and feed in ({{ feeds_of_the_board() }})
        ),
        (select sum(guard_contacts) from {{ ref('board_after_front_door') }})
    union all
    select
        'children with outcomes in the return',
        (
            select count(distinct (membership.person_id, told.period_end))
            from {{ ref('stg_ssda903__oc2') }} as told
            inner join {{ source('person_index', 'membership_in_build') }} as membership
                on membership.person_record_id
                = {{ person_record_id('told.organisation', 'person_file', 'told.local_person_id') }}
            where told.superseded_at is null and extract(month from told.period_end) = 3
        ),
        (select count(*) from {{ ref('looked_after_health') }} where is_in_return)
    union all
    select
        'health assessments of the Board',
        (
            select count(*)
            from {{ ref('looked_after_health') }}
            where has_health_assessment and 'council/looked_after_children' in ({{ feeds_of_the_board() }})
        ),
        (select sum(guard_numerator) from {{ ref('board_looked_after_health') }} where measure = 'health assessment done')
    union all
    select
        'care leavers of the Board',
        (select 3 * count(*) from {{ ref('care_leavers') }} where feed in ({{ feeds_of_the_board() }})),
        (select sum(guard_care_leavers) from {{ ref('board_care_leavers') }})
    union all
    select
        'people in tenancies',
        (select count(*) from {{ ref('tenancies') }}),
        (select count(*) from {{ ref('home_and_health') }})
    union all
    -- Everybody whose time the hospitals told is either in a home with damp or mould, or in one without.
    select
        'people in homes with and without damp',
        (
            select sum(respiratory_admissions)
            from {{ ref('home_and_health') }}
            where hospital_days > 0
                and damp_repairs is not null
                and feed in ({{ feeds_of_the_board() }})
                and {{ may_the_board_count(ref('hospital_stays')) }}
        ),
        (
            select sum(guard_events)
            from {{ ref('board_homes_and_health') }}
            where group_of_homes in ('damp or mould reported', 'no damp or mould reported')
        )
)

select what, told, held
from compared
where coalesce(told, 0) <> coalesce(held, 0)
