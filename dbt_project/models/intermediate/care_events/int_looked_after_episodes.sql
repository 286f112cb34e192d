-- One row for each episode of being looked after in force; one that runs over 31 March stands in two returns, and the
-- later one counts.
with told as (
    select
        *,
        row_number() over (same_episode order by period_end desc, delivery_id desc, line_number desc) as telling,
        count(*) over same_episode as source_rows,
        array_agg(delivery_id) over same_episode as delivery_ids
    from {{ ref('stg_ssda903__episodes') }}
    where superseded_at is null and {{ left_out_of_looked_after_episodes() }} is null
        and {{ is_of_a_touched_event() }}
    window same_episode as (partition by organisation, local_person_id, started_on)
)

select
    organisation || '/' || local_person_id || '/' || started_on as looked_after_episode_id,
    {{ person_record_id('organisation', 'person_file', 'local_person_id') }} as person_record_id,
    local_person_id,
    organisation,
    feed,
    started_on,
    ended_on,
    reason_for_new_episode_code,
    legal_status_code,
    need_code,
    placement_code,
    placement_provider_code,
    reason_ceased_code,
    reason_for_placement_change_code,
    source_rows,
    delivery_ids
from told
where telling = 1
