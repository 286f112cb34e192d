-- The timeline holds every care event of somebody who is described, whatever its kind, but for what the police alone know of somebody;
-- and each kind that has a mart of its own as often as that.
select 'all' as what
where (select count(*) from {{ ref('care_timeline') }}) <> (
    select count(*)
    from {{ ref('int_care_events') }} as events
    inner join {{ source('person_index', 'membership_in_build') }} as membership
        on membership.person_record_id = events.person_record_id
    where events.kind <> 'police incident' or membership.person_id in (select person_id from {{ ref('persons') }})
)

{%- for mart, kinds in {
    'hospital_stays': ['hospital stay'], 'looked_after_episodes': ['looked after'], 'tenancies': ['tenancy'],
    'referrals': ['referral'], 'contacts': ['contact'], 'attendances': ['attendance', 'outpatient appointment'],
    'social_care_events': [
        'social care request', 'social care assessment', 'social care service', 'social care review']}.items() %}

union all

select '{{ mart }}' as what
where (select count(*) from {{ ref('care_timeline') }} where kind in ('{{ kinds | join("', '") }}')) <> (
    select count(*) from {{ ref(mart) }}
)
{%- endfor %}
