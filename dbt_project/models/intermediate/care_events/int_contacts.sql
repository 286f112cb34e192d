-- One row for each contact of a community or mental health service in force, as it was told last; attended or not.
-- A contact names its referral, and only the referral names the person.
{{ config(materialized='table', pre_hook=join_whole_tables()) }}

with told as (
    {%- for source in ('csds', 'mhsds') %}
    {{ 'union all' if not loop.first }}
    select
        '{{ source }}' as source,
        feed, delivery_id, period_end, line_number,
        contact_id as own_id,
        feed || '/' || referral_id as referral_id,
        contact_on,
        contact_at,
        duration_minutes,
        {{ attendance_in_words('attendance_code') }} as attendance,
        consultation_mechanism_code as mechanism_code,
        location_type_code,
        site_code,
        {{ 'local_service' if source == 'csds' else 'cast(null as text)' }} as local_service
    from {{ ref('stg_' ~ source ~ '__care_contacts') }}
    where superseded_at is null and {{ left_out_of_contacts() }} is null
    {%- endfor %}
),

in_order as (
    select
        *,
        row_number() over (
            partition by feed, own_id order by period_end desc, delivery_id desc, line_number desc
        ) as telling,
        count(*) over (partition by feed, own_id) as source_rows
    from told
)

select
    in_order.feed || '/' || in_order.own_id as contact_id,
    in_order.referral_id,
    referrals.person_record_id,
    referrals.organisation,
    in_order.feed,
    in_order.source,
    coalesce(in_order.local_service, referrals.service) as service,
    referrals.provider_code,
    referrals.team_type_code,
    in_order.contact_on,
    in_order.contact_at,
    in_order.duration_minutes,
    in_order.attendance,
    in_order.mechanism_code,
    in_order.location_type_code,
    in_order.site_code,
    in_order.source_rows
from in_order
inner join {{ ref('int_referrals') }} as referrals on referrals.referral_id = in_order.referral_id
where in_order.telling = 1
