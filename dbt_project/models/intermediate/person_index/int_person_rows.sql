-- One row for each different way in which the rows of one format tell of one person record.
-- The list of who describes people: one entry for each format.
{{ person_rows(ref('stg_person_file__people'), 'person_file', {
    'nhs_number': 'nhs_number', 'nhs_number_status_code': 'nhs_number_status_code',
    'forename': 'forename', 'middle_name': 'middle_name', 'surname': 'surname', 'former_surname': 'former_surname',
    'born_on': 'born_on', 'sex_code': 'sex_code', 'address': 'address', 'postcode': 'postcode', 'uprn': 'uprn',
    'phone': 'phone', 'described_on': 'period_end'}) }}

union all

-- The return and the person file share the child's id; a child that only the return knows has no name,
-- and one that stands in its episodes only has nothing but the id.
{{ person_rows(ref('stg_ssda903__header'), 'person_file', {
    'born_on': 'born_on', 'sex_code': 'sex_code', 'described_on': 'period_end'}, described_by='ssda903') }}

union all

{{ person_rows(ref('stg_ssda903__episodes'), 'person_file', {
    'has_identity_change': "reason_ceased_code in ('E11', 'E12')"}, described_by='ssda903_episodes') }}

union all

-- A list for an inspection knows the children by the same id, and no more of them than the return does.
{{ person_rows(ref('stg_annex_a__contacts'), 'person_file', {
    'born_on': 'born_on', 'sex_code': 'sex_code', 'described_on': 'contacted_on'}, described_by='annex_a') }}

union all

{{ person_rows(ref('stg_cld__events'), 'cld', {
    'nhs_number': 'nhs_number', 'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on',
    'died_on': 'died_on', 'sex_code': 'sex_code', 'postcode': 'postcode', 'gp_practice_code': 'gp_practice_code',
    'described_on': 'started_on'}) }}

union all

{{ person_rows(ref('stg_apc__episodes'), 'apc', {
    'nhs_number': 'nhs_number', 'nhs_number_status_code': 'nhs_number_status_code',
    'forename': 'forename', 'surname': 'surname', 'full_name': 'full_name', 'born_on': 'born_on',
    'died_on': "case when discharge_method_code = '4' then discharged_on end", 'sex_code': 'sex_code',
    'address': 'address', 'postcode': 'postcode', 'gp_practice_code': 'gp_practice_code',
    'has_identity_change': "withheld_identity_reason_code in ('01', '02')", 'described_on': 'episode_started_on'}) }}

union all

{{ person_rows(ref('int_household_members'), 'housing', {
    'nhs_number': 'nhs_number', 'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on',
    'sex_code': 'sex_code', 'address': 'address', 'postcode': 'postcode', 'uprn': 'uprn', 'phone': 'phone',
    'described_on': 'coalesce(moved_in_on, period_start)'}) }}

union all

{{ person_rows(ref('stg_csds__mpi'), 'csds', {
    'nhs_number': 'nhs_number', 'nhs_number_status_code': 'nhs_number_status_code', 'born_on': 'born_on',
    'died_on': 'died_on', 'sex_code': 'sex_code', 'postcode': 'postcode', 'described_on': 'period_end'},
    numbered_by_feed=true) }}

union all

{{ person_rows(ref('stg_contact_cares__contacts'), 'contact_cares', {
    'nhs_number': 'nhs_number', 'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on',
    'sex_code': 'sex_code', 'address': 'address', 'postcode': 'postcode', 'phone': 'phone',
    'gp_practice_code': 'gp_practice_code', 'described_on': 'received_on'}) }}

union all

{{ person_rows(ref('stg_gp_summary__registrations'), 'gp_summary', {
    'nhs_number': 'case when is_deleted is not true then nhs_number end',
    'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on', 'died_on': 'died_on', 'sex_code': 'sex_code',
    'address': 'address', 'postcode': 'postcode', 'phone': 'phone', 'gp_practice_code': 'gp_practice_code',
    'described_on': 'registered_on'}) }}

union all

{{ person_rows(ref('stg_police_incidents__people'), 'police_incidents', {
    'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on', 'sex_code': 'sex_code',
    'postcode': 'postcode', 'described_on': 'period_end'}) }}

union all

{{ person_rows(ref('stg_fire_visits__visits'), 'fire_visits', {
    'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on', 'sex_code': 'sex_code',
    'address': 'address', 'postcode': 'postcode', 'uprn': 'uprn', 'described_on': 'visited_on'}) }}

union all

{{ person_rows(ref('stg_vcse_referrals__referrals'), 'vcse_referrals', {
    'nhs_number': 'nhs_number', 'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on',
    'sex_code': 'sex_code', 'address': 'address', 'postcode': 'postcode', 'phone': 'phone',
    'gp_practice_code': 'gp_practice_code', 'described_on': 'referred_on'}) }}

union all

{{ person_rows(ref('stg_mhsds__mpi'), 'mhsds', {
    'nhs_number': 'nhs_number', 'nhs_number_status_code': 'nhs_number_status_code', 'born_on': 'born_on',
    'died_on': 'died_on', 'sex_code': 'sex_code', 'postcode': 'postcode', 'described_on': 'period_end'}) }}

union all

-- Admissions and appointments of a trust are booked in one patient administration system, so its patients are the same.
{{ person_rows(ref('stg_outpatients__attendances'), 'apc', {
    'nhs_number': 'nhs_number', 'nhs_number_status_code': 'nhs_number_status_code',
    'forename': 'forename', 'surname': 'surname', 'full_name': 'full_name', 'born_on': 'born_on',
    'sex_code': 'sex_code', 'address': 'address', 'postcode': 'postcode', 'gp_practice_code': 'gp_practice_code',
    'has_identity_change': "withheld_identity_reason_code in ('01', '02')", 'described_on': 'appointment_on'},
    described_by='outpatients') }}

union all

-- An emergency department, and still more an Urgent Treatment Centre, may number its patients in a system of its own.
{{ person_rows(ref('stg_ecds__attendances'), 'ecds', {
    'nhs_number': 'nhs_number', 'nhs_number_status_code': 'nhs_number_status_code',
    'forename': 'forename', 'surname': 'surname', 'full_name': 'full_name', 'born_on': 'born_on',
    'died_on': "case when discharge_status_code in ('63238001', '75004002') then coalesce(departed_on, arrived_on) end",
    'sex_code': 'sex_code', 'address': 'address', 'postcode': 'postcode', 'gp_practice_code': 'gp_practice_code',
    'has_identity_change': "withheld_identity_reason_code in ('01', '02')", 'described_on': 'arrived_on'},
    numbered_by_feed=true) }}

union all

{{ person_rows(ref('stg_record_permissions__decisions'), 'record_permissions', {
    'nhs_number': 'nhs_number', 'forename': 'forename', 'surname': 'surname', 'born_on': 'born_on',
    'sex_code': 'sex_code', 'postcode': 'postcode', 'described_on': 'decided_on'}) }}
