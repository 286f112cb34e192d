-- One row for each team of a mental health referral, in each month that reports it, with the kind of team.
-- Version 5 names teams and their kinds beside the referral; from version 6 on the referral names its own team and
-- others stand beside it, and the provider's list of teams says of what kind they are.
{{ config(materialized='view') }}

with named as (
    select
        organisation,
        feed,
        delivery_id,
        period_end,
        superseded_at,
        referral_id,
        team_id,
        team_type_code,
        closed_on,
        rejected_on
    from {{ ref('stg_mhsds__service_types') }}

    union all

    select
        organisation,
        feed,
        delivery_id,
        period_end,
        superseded_at,
        referral_id,
        team_id,
        null as team_type_code,
        discharged_on as closed_on,
        rejected_on
    from {{ ref('stg_mhsds__referrals') }}
    where team_id is not null
),

teams as (
    select distinct on (delivery_id, team_id)
        delivery_id,
        team_id,
        team_type_code,
        intended_age_group_code
    from {{ ref('stg_mhsds__service_teams') }}
    order by delivery_id, team_id, line_number
)

select
    named.organisation,
    named.feed,
    named.delivery_id,
    named.period_end,
    named.superseded_at,
    named.referral_id,
    named.team_id,
    coalesce(named.team_type_code, teams.team_type_code) as team_type_code,
    teams.intended_age_group_code,
    named.closed_on,
    named.rejected_on
from named
left join teams on teams.delivery_id = named.delivery_id and teams.team_id = named.team_id
