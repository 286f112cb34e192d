-- One row for each referral in force, as it was told last: to a community or mental health service, or to a voluntary one.
-- Open referrals are told again month by month; the latest telling counts. A referral whose patient was never told is nobody's.
{{ config(materialized='table', pre_hook=join_whole_tables()) }}

{%- set of_a_team = {
    'csds': ref('stg_csds__service_types'),
    'mhsds': ref('int_mental_health_referral_teams'),
} %}
with told as (
    select
        'csds' as source,
        feed || '/' || local_person_id as person_record_id,
        organisation, feed, delivery_id, period_end, line_number,
        referral_id as own_id,
        commissioner_code,
        received_on as referred_on,
        received_at as referred_at,
        referral_source_code,
        referring_organisation_code,
        referral_reason_code as reason_code,
        priority_code,
        cast(null as date) as accepted_on,
        cast(null as date) as began_on,
        discharged_on as closed_on,
        cast(null as date) as rejected_on,
        cast(null as text) as own_service
    from {{ ref('stg_csds__referrals') }}
    where superseded_at is null and {{ left_out_of_referrals() }} is null

    union all

    select
        'mhsds' as source,
        {{ person_record_id('organisation', 'mhsds', 'local_person_id') }} as person_record_id,
        organisation, feed, delivery_id, period_end, line_number,
        referral_id as own_id,
        commissioner_code,
        received_on as referred_on,
        received_at as referred_at,
        referral_source_code,
        referring_organisation_code,
        referral_reason_code as reason_code,
        priority_code,
        cast(null as date) as accepted_on,
        cast(null as date) as began_on,
        discharged_on as closed_on,
        rejected_on,
        cast(null as text) as own_service
    from {{ ref('stg_mhsds__referrals') }}
    where superseded_at is null and {{ left_out_of_referrals() }} is null

    union all

    select
        'vcse_referrals' as source,
        {{ person_record_id('organisation', 'vcse_referrals', 'local_person_id') }} as person_record_id,
        organisation, feed, delivery_id, period_end, line_number,
        referral_id as own_id,
        cast(null as text) as commissioner_code,
        referred_on,
        cast(null as timestamptz) as referred_at,
        referrer_type as referral_source_code,
        cast(null as text) as referring_organisation_code,
        cast(null as text) as reason_code,
        cast(null as text) as priority_code,
        cast(null as date) as accepted_on,
        first_contact_on as began_on,
        ended_on as closed_on,
        cast(null as date) as rejected_on,
        'voluntary' as own_service
    from {{ ref('stg_vcse_referrals__referrals') }}
    where superseded_at is null and {{ left_out_of_referrals('referred_on') }} is null
),

in_order as (
    select
        *,
        row_number() over (
            partition by feed, own_id order by period_end desc, delivery_id desc, line_number desc
        ) as telling,
        count(*) over (partition by feed, own_id) as source_rows
    from told
),

-- A referral may go to several teams: the first by its number gives the service, and it is closed when all of them are.
teams as (
    {%- for source, model in of_a_team.items() %}
    {{ 'union all' if not loop.first }}
    select
        feed,
        referral_id as own_id,
        (array_agg(team_type_code order by team_id) filter (where team_type_code is not null))[1] as team_type_code,
        {{ "max(local_service)" if source == 'csds' else "cast(null as text)" }} as local_service,
        case when count(*) = count(rejected_on) then max(rejected_on) end as rejected_on,
        case when count(*) = count(coalesce(closed_on, rejected_on)) then max(coalesce(closed_on, rejected_on)) end as closed_on
    from (
        select *, dense_rank() over (partition by feed, referral_id order by period_end desc, delivery_id desc) as telling
        from {{ model }}
        where superseded_at is null and referral_id is not null
    ) as latest
    where telling = 1
    group by feed, referral_id
    {%- endfor %}
),

providers as (
    {{ provider_of_delivery('csds') }}
    union all
    {{ provider_of_delivery('mhsds') }}
)

select
    in_order.feed || '/' || in_order.own_id as referral_id,
    in_order.person_record_id,
    in_order.organisation,
    in_order.feed,
    in_order.source,
    coalesce(
        in_order.own_service,
        teams.local_service,
        case in_order.source
            when 'csds' then {{ service_of_team_type('teams.team_type_code') }}
            else {{ mental_health_service('records.born_on', 'in_order.referred_on') }}
        end
    ) as service,
    providers.provider_code,
    teams.team_type_code,
    in_order.commissioner_code,
    in_order.referred_on,
    in_order.referred_at,
    in_order.referral_source_code,
    in_order.referring_organisation_code,
    in_order.reason_code,
    in_order.priority_code,
    in_order.accepted_on,
    in_order.began_on,
    coalesce(in_order.closed_on, teams.closed_on) as closed_on,
    coalesce(in_order.rejected_on, teams.rejected_on) as rejected_on,
    in_order.source_rows
from in_order
left join teams on teams.feed = in_order.feed and teams.own_id = in_order.own_id
left join providers on providers.delivery_id = in_order.delivery_id
inner join {{ ref('int_person_records') }} as records on records.person_record_id = in_order.person_record_id
where in_order.telling = 1
