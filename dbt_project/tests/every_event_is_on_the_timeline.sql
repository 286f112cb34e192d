-- The timeline holds as many events as the marts of the single kinds, and what has no mart of its own.
select timeline.events, marts.events as mart_events
from (select count(*) as events from {{ ref('care_timeline') }}) as timeline
cross join (
    select
        {%- for mart in [
            'hospital_stays', 'social_care_events', 'looked_after_episodes', 'tenancies', 'referrals', 'contacts', 'attendances',
            'int_gp_events', 'int_other_events'] %}
        (select count(*) from {{ ref(mart) }}){{ ' + ' if not loop.last }}
        {%- endfor %} as events
) as marts
where timeline.events <> marts.events
