-- One row for each care leaver and year to 31 March, as the council's return has it.
select distinct on (coalesce('person ' || membership.person_id, told.local_person_id), told.period_end)
    told.organisation || '/' || told.local_person_id || '/' || told.period_end as care_leaver_id,
    membership.person_id,
    told.organisation,
    told.feed,
    told.period_end as year_ended_on,
    told.in_touch_code,
    -- The labels of the return (SSDA903): refused, no longer required, or returned home are neither in touch nor lost.
    case
        when told.in_touch_code = 'YES' then true
        when told.in_touch_code = 'NO' then false
    end as is_in_touch,
    told.activity_code,
    case
        when told.activity_code like 'F%' or told.activity_code like 'P%' then true
        when told.activity_code like 'G%' then false
    end as is_in_education_or_work,
    told.accommodation_code,
    case
        when told.accommodation_code like '_1' then true
        when told.accommodation_code like '_2' then false
    end as is_suitably_housed
from {{ ref('stg_ssda903__oc3') }} as told
left join {{ source('person_index', 'membership_in_build') }} as membership
    on membership.person_record_id = {{ person_record_id('told.organisation', 'person_file', 'told.local_person_id') }}
where told.superseded_at is null and told.local_person_id is not null
order by
    coalesce('person ' || membership.person_id, told.local_person_id), told.period_end,
    told.delivery_id desc, told.line_number desc
