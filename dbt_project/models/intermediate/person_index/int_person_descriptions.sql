-- One row for each different way in which rows in force describe a person record, cleaned for comparison: at most twelve, the
-- one that int_person_records shows first, then the latest. Of a record of which no row is in force, what rows last said.
{%- set told = [
    'nhs_number', 'forename', 'middle_name', 'surname', 'former_surname', 'born_on', 'sex_code', 'address', 'postcode', 'uprn',
    'phone'
] %}
{%- set compared = [
    'nhs_number', 'forename', 'middle_name', 'surname', 'born_on', 'sex_code', 'address', 'postcode', 'uprn', 'phone'
] %}
-- Most rows say no more than their record shows: they are left out before what costs time.
with said as (
    select
        rows.person_record_id,
        rows.organisation,
        rows.source,
        rows.nhs_number,
        case when rows.nhs_number is not null then rows.nhs_number_status_code end as nhs_number_status_code,
        case when rows.nhs_number is null then rows.raw_nhs_number end as raw_nhs_number,
        rows.forename,
        rows.middle_name,
        rows.surname,
        rows.former_surname,
        rows.born_on,
        rows.sex_code,
        rows.address,
        rows.postcode,
        rows.uprn,
        rows.phone,
        rows.period_end as described_on,
        rows.recency,
        false as is_current
    from {{ ref('int_person_rows') }} as rows
    inner join {{ ref('int_person_records') }} as records on records.person_record_id = rows.person_record_id
    where (rows.is_in_force or not records.is_in_force)
        and (
        {%- for column in told %}
            {{ 'or ' if not loop.first }}rows.{{ column }} is not null and rows.{{ column }} is distinct from records.{{ column }}
        {%- endfor %}
        )

    union all

    select
        person_record_id,
        organisation,
        source,
        nhs_number,
        nhs_number_status_code,
        raw_nhs_number,
        forename,
        middle_name,
        surname,
        former_surname,
        born_on,
        sex_code,
        address,
        postcode,
        uprn,
        phone,
        described_on,
        cast(null as bigint[]) as recency,
        true as is_current
    from {{ ref('int_person_records') }}
),

-- A name that was typed together with another one: Robert (Bob), Smith nee Jones.
told_apart as (
    select
        said.*,
        {{ own_name('forename') }} as own_forename,
        {{ other_name('forename') }} as other_forename,
        {{ own_name('surname') }} as own_surname,
        coalesce(former_surname, {{ other_name('surname') }}) as other_surname,
        {{ is_no_fixed_abode('address') }} as has_no_fixed_abode
    from said
    offset 0
),

cleaned as (
    select
        person_record_id,
        organisation,
        source,
        nhs_number,
        nhs_number_status_code,
        raw_nhs_number,
        {{ clean_forename('coalesce(own_forename, other_forename)') }} as own_forename,
        {{ clean_forename('other_forename') }} as other_forename,
        {{ clean_name('middle_name') }} as middle_name,
        {{ clean_name('coalesce(own_surname, other_surname)') }} as own_surname,
        {{ clean_name('other_surname') }} as other_surname,
        born_on,
        sex_code,
        case when not has_no_fixed_abode then address end as address,
        case when not has_no_fixed_abode then postcode end as postcode,
        case when not has_no_fixed_abode then uprn end as uprn,
        {{ clean_phone('phone') }} as phone,
        described_on,
        recency,
        is_current
    from told_apart
    offset 0
),

-- A former surname, and a name that somebody is known by, are descriptions of their own.
named as (
    select
        cleaned.*,
        names.forename,
        names.surname,
        cleaned.is_current and names.is_own as is_shown
    from cleaned
    cross join lateral (
        values
        (cleaned.own_forename, cleaned.own_surname, true, true),
        (cleaned.other_forename, cleaned.own_surname, false, cleaned.other_forename is not null),
        (cleaned.own_forename, cleaned.other_surname, false, cleaned.other_surname is not null)
    ) as names (forename, surname, is_own, is_said)
    where names.is_said
),

descriptions as (
    select
        person_record_id,
        organisation,
        source,
        {{ compared | join(', ') }},
        coalesce(
            min(nhs_number_status_code) filter (where is_shown), min(nhs_number_status_code)
        ) as nhs_number_status_code,
        max(raw_nhs_number) as raw_nhs_number,
        max(described_on) as described_on,
        max(recency) as recency,
        bool_or(is_shown) as is_current
    from named
    group by person_record_id, organisation, source, {{ compared | join(', ') }}
),

beside_the_current as (
    select
        *,
        {%- for column in compared %}
        first_value({{ column }}) over latest_first as current_{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from descriptions
    window latest_first as (
        partition by person_record_id order by is_current desc, recency desc nulls last, surname, forename
    )
),

-- One that says nothing beyond the current one is left out.
ranked as (
    select
        *,
        row_number() over (
            partition by person_record_id order by is_current desc, recency desc nulls last, surname, forename
        ) as rank
    from beside_the_current
    where is_current
    {%- for column in compared %}
        or {{ column }} <> current_{{ column }}
        or {{ column }} is not null and current_{{ column }} is null
    {%- endfor %}
)

select
    ranked.person_record_id,
    md5(cast(
        row({% for column in compared %}ranked.{{ column }}, {% endfor %}ranked.nhs_number_status_code, ranked.raw_nhs_number,
            records.has_identity_change) as text
    )) as fingerprint,
    ranked.organisation,
    ranked.source,
    ranked.nhs_number,
    ranked.nhs_number_status_code,
    coalesce(ranked.nhs_number_status_code = '01', false) as is_nhs_number_verified,
    ranked.raw_nhs_number,
    ranked.forename,
    ranked.middle_name,
    ranked.surname,
    ranked.born_on,
    ranked.sex_code,
    ranked.address,
    ranked.postcode,
    ranked.uprn,
    ranked.phone,
    ranked.described_on,
    ranked.is_current,
    records.has_identity_change
from ranked
inner join {{ ref('int_person_records') }} as records on records.person_record_id = ranked.person_record_id
where ranked.rank <= 12
