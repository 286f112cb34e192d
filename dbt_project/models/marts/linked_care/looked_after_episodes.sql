-- One row for each episode of being looked after in force.
select
    episodes.looked_after_episode_id,
    membership.person_id,
    episodes.organisation,
    episodes.feed,
    episodes.started_on,
    episodes.ended_on,
    episodes.reason_for_new_episode_code,
    episodes.legal_status_code,
    episodes.need_code,
    episodes.placement_code,
    episodes.placement_provider_code,
    episodes.reason_ceased_code,
    episodes.reason_for_placement_change_code,
    episodes.source_rows
from {{ ref('int_looked_after_episodes') }} as episodes
left join {{ source('person_index', 'membership_in_build') }} as membership
    on membership.person_record_id = episodes.person_record_id
