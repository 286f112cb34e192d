-- One row for each episode of being looked after: one placement under one legal status.
select
    {{ delivery_columns() }},
    {{ clean_text('child') }} as local_person_id,
    {{ clean_date('decom') }} as started_on,
    {{ clean_code('rne') }} as reason_for_new_episode_code,
    {{ clean_code('ls') }} as legal_status_code,
    {{ clean_code('cin') }} as need_code,
    {{ clean_code('place') }} as placement_code,
    {{ clean_code('place_provider') }} as placement_provider_code,
    {{ clean_date('dec') }} as ended_on,
    {{ clean_code('rec') }} as reason_ceased_code,
    {{ clean_code('reason_place_change') }} as reason_for_placement_change_code,
    {{ clean_postcode('home_post') }} as home_postcode,
    {{ clean_postcode('pl_post') }} as placement_postcode,
    {{ clean_code('urn') }} as placement_urn
{{ from_new_deliveries('ssda903', 'episodes') }}
