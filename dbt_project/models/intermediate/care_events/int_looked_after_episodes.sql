-- One row for each episode of being looked after in force; one that runs over 31 March stands in two returns, and the
-- later one counts.
with told as (
    select
        *,
        row_number() over (
            partition by organisation, local_person_id, started_on
            order by period_end desc, delivery_id desc, line_number desc
        ) as telling,
        count(*) over (partition by organisation, local_person_id, started_on) as source_rows
    from {{ ref('stg_ssda903__episodes') }}
    where superseded_at is null and {{ left_out_of_looked_after_episodes() }} is null
)

select
    organisation || '/' || local_person_id || '/' || started_on as looked_after_episode_id,
    {{ person_record_id('organisation', 'person_file', 'local_person_id') }} as person_record_id,
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
    source_rows
from told
where telling = 1
