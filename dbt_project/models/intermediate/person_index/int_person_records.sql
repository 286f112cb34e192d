-- One row for each person record: one person as one source knows them, by the best description it ever gave.
-- The best description: the person file before the return and the list, in force before superseded, the latest period and day.
with described as (
    select distinct on (person_record_id) *
    from {{ ref('int_person_rows') }}
    order by
        person_record_id, described_by = 'ssda903_episodes', described_by in ('ssda903', 'annex_a'), is_in_force desc,
        recency desc
),

-- An NHS number is not forgotten because the latest row came without it, nor is a death; but a row that was replaced says
-- nothing any more, so that a number taken away from somebody links nobody. Only where no row is in force at all is the
-- last number kept. How far a number was traced is said by the row that brought it.
remembered as (
    select
        person_record_id,
        (array_agg(array[nhs_number, nhs_number_status_code] order by is_in_force desc, recency desc) filter (
            where nhs_number is not null
        )) [1:1] as number_and_status,
        bool_or(is_in_force and nhs_number is not null) or not bool_or(is_in_force) as is_number_kept,
        (array_agg(raw_nhs_number order by is_in_force desc, recency desc) filter (
            where raw_nhs_number is not null
        ))[1] as raw_nhs_number,
        array_agg(distinct format) as formats,
        max(died_on) filter (where is_in_force) as died_on,
        bool_or(is_in_force) as is_in_force,
        bool_or(has_identity_change and is_in_force) as has_identity_change,
        max(period_end) as last_period_end
    from {{ ref('int_person_rows') }}
    group by person_record_id
)

select
    described.person_record_id,
    described.organisation,
    described.source,
    described.described_by,
    remembered.formats,
    described.local_person_id,
    case when remembered.is_number_kept then remembered.number_and_status[1][1] end as nhs_number,
    case when remembered.is_number_kept then remembered.number_and_status[1][2] end as nhs_number_status_code,
    coalesce(remembered.is_number_kept and remembered.number_and_status[1][2] = '01', false) as is_nhs_number_verified,
    case
        when remembered.is_number_kept and remembered.number_and_status is not null then null
        else remembered.raw_nhs_number
    end as raw_nhs_number,
    described.forename,
    described.middle_name,
    described.surname,
    described.former_surname,
    described.born_on,
    remembered.died_on,
    described.sex_code,
    described.address,
    described.postcode,
    described.uprn,
    described.phone,
    described.gp_practice_code,
    described.period_end as described_on,
    remembered.is_in_force,
    remembered.has_identity_change,
    remembered.last_period_end
from described
inner join remembered on remembered.person_record_id = described.person_record_id
