-- The timeline holds as many events as the marts of the single kinds, and what practices tell, which has no mart of its own.
select timeline.events, marts.events as mart_events
from (select count(*) as events from {{ ref('care_timeline') }}) as timeline
cross join (
    select
        (select count(*) from {{ ref('hospital_stays') }})
        + (select count(*) from {{ ref('social_care_events') }})
        + (select count(*) from {{ ref('looked_after_episodes') }})
        + (select count(*) from {{ ref('tenancies') }})
        + (select count(*) from {{ ref('int_gp_events') }}) as events
) as marts
where timeline.events <> marts.events
