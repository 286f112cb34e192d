-- One row for each person record: one person as one source knows them, by the best description it ever gave.
-- The list of who describes people: one entry for each format.
with descriptions as (
    {{ person_descriptions(ref('stg_person_file__people'), 'person_file', {
        'nhs_number': 'nhs_number', 'is_nhs_number_verified': "nhs_number_status_code = '01'",
        'forename': 'forename', 'middle_name': 'middle_name', 'surname': 'surname', 'former_surname': 'former_surname',
        'born_on': 'born_on', 'sex_code': 'sex_code', 'address': 'address', 'postcode': 'postcode', 'uprn': 'uprn',
        'phone': 'phone', 'described_on': 'period_end'}) }}

    union all

    -- The return and the person file share the child's id; a child that only the return knows has no name,
    -- and one that stands in its episodes only has nothing but the id.
    {{ person_descriptions(ref('stg_ssda903__header'), 'person_file', {
        'born_on': 'born_on', 'sex_code': 'sex_code', 'described_on': 'period_end'}, described_by='ssda903') }}

    union all

    {{ person_descriptions(ref('stg_ssda903__episodes'), 'person_file', {}, described_by='ssda903_episodes') }}

    union all

    -- A list for an inspection knows the children by the same id, and no more of them than the return does.
    {{ person_descriptions(ref('stg_annex_a__contacts'), 'person_file', {
        'born_on': 'born_on', 'sex_code': 'sex_code', 'described_on': 'contacted_on'}, described_by='annex_a') }}

    union all

    {{ person_descriptions(ref('stg_cld__events'), 'cld', {
        'nhs_number': 'nhs_number', 'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on',
        'died_on': 'died_on', 'sex_code': 'sex_code', 'postcode': 'postcode', 'gp_practice_code': 'gp_practice_code',
        'described_on': 'started_on'}) }}

    union all

    {{ person_descriptions(ref('stg_apc__episodes'), 'apc', {
        'nhs_number': 'nhs_number', 'is_nhs_number_verified': "nhs_number_status_code = '01'",
        'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on',
        'died_on': "case when discharge_method_code = '4' then discharged_on end", 'sex_code': 'sex_code',
        'address': 'address', 'postcode': 'postcode', 'gp_practice_code': 'gp_practice_code',
        'described_on': 'episode_started_on'}) }}

    union all

    {{ person_descriptions(ref('int_household_members'), 'housing', {
        'nhs_number': 'nhs_number', 'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on',
        'sex_code': 'sex_code', 'address': 'address', 'postcode': 'postcode', 'uprn': 'uprn', 'phone': 'phone',
        'described_on': 'coalesce(moved_in_on, period_start)'}) }}

    union all

    {{ person_descriptions(ref('stg_csds__mpi'), 'csds', {
        'nhs_number': 'nhs_number', 'is_nhs_number_verified': "nhs_number_status_code = '01'", 'born_on': 'born_on',
        'died_on': 'died_on', 'sex_code': 'sex_code', 'postcode': 'postcode', 'described_on': 'period_end'},
        numbered_by_feed=true) }}

    union all

    {{ person_descriptions(ref('stg_contact_cares__contacts'), 'contact_cares', {
        'nhs_number': 'nhs_number', 'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on',
        'sex_code': 'sex_code', 'address': 'address', 'postcode': 'postcode', 'phone': 'phone',
        'gp_practice_code': 'gp_practice_code', 'described_on': 'received_on'}) }}

    union all

    {{ person_descriptions(ref('stg_gp_summary__registrations'), 'gp_summary', {
        'nhs_number': 'case when is_deleted is not true then nhs_number end',
        'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on', 'died_on': 'died_on', 'sex_code': 'sex_code',
        'address': 'address', 'postcode': 'postcode', 'phone': 'phone', 'gp_practice_code': 'gp_practice_code',
        'described_on': 'registered_on'}) }}

    union all

    {{ person_descriptions(ref('stg_police_incidents__people'), 'police_incidents', {
        'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on', 'sex_code': 'sex_code',
        'postcode': 'postcode', 'described_on': 'period_end'}) }}

    union all

    {{ person_descriptions(ref('stg_fire_visits__visits'), 'fire_visits', {
        'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on', 'sex_code': 'sex_code',
        'address': 'address', 'postcode': 'postcode', 'uprn': 'uprn', 'described_on': 'visited_on'}) }}

    union all

    {{ person_descriptions(ref('stg_vcse_referrals__referrals'), 'vcse_referrals', {
        'nhs_number': 'nhs_number', 'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on',
        'sex_code': 'sex_code', 'address': 'address', 'postcode': 'postcode', 'phone': 'phone',
        'gp_practice_code': 'gp_practice_code', 'described_on': 'referred_on'}) }}

    union all

    {{ person_descriptions(ref('stg_mhsds__mpi'), 'mhsds', {
        'nhs_number': 'nhs_number', 'is_nhs_number_verified': "nhs_number_status_code = '01'", 'born_on': 'born_on',
        'died_on': 'died_on', 'sex_code': 'sex_code', 'postcode': 'postcode', 'described_on': 'period_end'}) }}

    union all

    -- Admissions and appointments of a trust are booked in one patient administration system, so its patients are the same.
    {{ person_descriptions(ref('stg_outpatients__attendances'), 'apc', {
        'nhs_number': 'nhs_number', 'is_nhs_number_verified': "nhs_number_status_code = '01'",
        'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on', 'sex_code': 'sex_code',
        'address': 'address', 'postcode': 'postcode', 'gp_practice_code': 'gp_practice_code',
        'described_on': 'appointment_on'}, described_by='outpatients') }}

    union all

    -- An emergency department, and still more an Urgent Treatment Centre, may number its patients in a system of its own.
    {{ person_descriptions(ref('stg_ecds__attendances'), 'ecds', {
        'nhs_number': 'nhs_number', 'is_nhs_number_verified': "nhs_number_status_code = '01'",
        'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on',
        'died_on': "case when discharge_status_code in ('63238001', '75004002') then coalesce(departed_on, arrived_on) end",
        'sex_code': 'sex_code', 'address': 'address', 'postcode': 'postcode', 'gp_practice_code': 'gp_practice_code',
        'described_on': 'arrived_on'}, numbered_by_feed=true) }}

    union all

    {{ person_descriptions(ref('stg_record_permissions__decisions'), 'record_permissions', {
        'nhs_number': 'nhs_number', 'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on',
        'sex_code': 'sex_code', 'postcode': 'postcode', 'described_on': 'decided_on'}) }}
),

-- The best description: the person file before the return and the list, in force before superseded, the latest period and day.
described as (
    select distinct on (person_record_id) *
    from descriptions
    order by
        person_record_id, described_by = 'ssda903_episodes', described_by in ('ssda903', 'annex_a'), is_in_force desc,
        period_end desc, described_on desc nulls last, delivery_id desc, line_number desc
),

-- An NHS number is not forgotten because the latest row came without it, nor is a death; but a row that was replaced says
-- nothing any more, so that a number taken away from somebody links nobody. Only where no row is in force at all is the
-- last number kept.
remembered as (
    select
        person_record_id,
        case
            when bool_or(is_in_force and nhs_number is not null) or not bool_or(is_in_force) then (array_agg(
                nhs_number
                order by is_in_force desc, period_end desc, described_on desc nulls last, delivery_id desc, line_number desc
            ) filter (where nhs_number is not null))[1]
        end as nhs_number,
        array_agg(distinct format) as formats,
        max(died_on) filter (where is_in_force) as died_on,
        bool_or(is_in_force) as is_in_force,
        max(period_end) as last_period_end
    from descriptions
    group by person_record_id
)

select
    described.person_record_id,
    described.organisation,
    described.source,
    described.described_by,
    remembered.formats,
    described.local_person_id,
    remembered.nhs_number,
    coalesce(described.is_nhs_number_verified and described.nhs_number is not null, false) as is_nhs_number_verified,
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
    remembered.is_in_force,
    remembered.last_period_end
from described
inner join remembered on remembered.person_record_id = described.person_record_id
