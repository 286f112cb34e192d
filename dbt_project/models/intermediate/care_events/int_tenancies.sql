-- One row for each person in each tenancy, as the landlord's snapshot in force has it.
with homes as (
    select distinct on (organisation, tenancy_reference)
        organisation,
        tenancy_reference,
        tenure,
        is_sheltered,
        address,
        postcode,
        uprn,
        started_on,
        ended_on,
        main_local_person_id,
        delivery_id
    from {{ ref('stg_housing__tenancies') }}
    where superseded_at is null and {{ left_out_of_homes() }} is null
        and {{ is_of_a_touched_event() }}
    order by organisation, tenancy_reference, period_end desc, delivery_id desc, line_number desc
),

members as (
    select
        *,
        row_number() over (
            same_member order by moved_in_on desc nulls last, delivery_id desc, line_number desc
        ) as telling,
        count(*) over same_member as source_rows,
        array_agg(delivery_id) over same_member as delivery_ids
    from {{ ref('stg_housing__household_members') }}
    where superseded_at is null and {{ left_out_of_tenancies() }} is null
        and {{ is_of_a_touched_event() }}
    window same_member as (partition by organisation, tenancy_reference, local_person_id)
)

select
    members.organisation || '/' || members.tenancy_reference || '/' || members.local_person_id as tenancy_id,
    {{ person_record_id('members.organisation', 'housing', 'members.local_person_id') }} as person_record_id,
    members.organisation,
    members.feed,
    members.tenancy_reference,
    coalesce(homes.main_local_person_id = members.local_person_id, false) as is_main_tenant,
    members.relationship,
    homes.tenure,
    homes.is_sheltered,
    homes.address,
    homes.postcode,
    homes.uprn,
    greatest(homes.started_on, members.moved_in_on) as started_on,
    least(homes.ended_on, members.moved_out_on) as ended_on,
    homes.tenancy_reference is not null as has_tenancy,
    members.source_rows,
    array_remove(members.delivery_ids || homes.delivery_id, null) as delivery_ids
from members
left join homes
    on homes.organisation = members.organisation
    and homes.tenancy_reference = members.tenancy_reference
where members.telling = 1
