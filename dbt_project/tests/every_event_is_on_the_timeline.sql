-- The timeline holds as many events as the marts of the single kinds, and what has no mart of its own.
select timeline.events, marts.events as mart_events
from (select count(*) as events from {{ ref('care_timeline') }}) as timeline
cross join (
    select
        {%- for mart in [
            'hospital_stays', 'social_care_events', 'looked_after_episodes', 'tenancies', 'referrals', 'contacts', 'attendances',
            'int_gp_events'] %}
        (select count(*) from {{ ref(mart) }}) +
        {%- endfor %}
        (
            select count(*)
            from {{ ref('int_other_events') }} as events
            left join {{ source('person_index', 'membership_in_build') }} as membership
                on membership.person_record_id = events.person_record_id
            where events.kind <> 'police incident' or membership.person_id in (select person_id from {{ ref('persons') }})
        ) as events
) as marts
where timeline.events <> marts.events
