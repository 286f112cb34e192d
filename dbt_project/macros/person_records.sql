{#- The name of a person record: which organisation, in which of its sources, under which id of its own. -#}
{% macro person_record_id(organisation, source, local_person_id) -%}
{{ organisation }} || '/{{ source }}/' || {{ local_person_id }}
{%- endmacro %}


{#-
    One line of the list in `int_person_rows`: how one format describes people. `columns` maps our names to expressions on
    the staging model; what a format does not know is left out and becomes null. `full_name` is a name on one line, read
    where it does not come in parts. Where one organisation sends a format from several services, `numbered_by_feed` keeps
    the patient numbers of one apart from those of another: nobody has promised that they are one numbering.
    Rows that are equal in all that describes somebody are one here, so that what follows reads each thing said once.
    `recency` puts them in order: period, day, delivery and line of the latest of them.
-#}
{% macro person_rows(model, source, columns, described_by=none, numbered_by_feed=false) -%}
{%- if 'born_on' in columns -%}
    {%- set columns = dict(columns, born_on=plausible_birth_date(columns['born_on'])) -%}
{%- endif -%}
{%- if 'full_name' in columns -%}
    {%- set columns = dict(columns, forename='coalesce(forename, ' ~ forename_in(columns['full_name']) ~ ')',
        middle_name='case when forename is null then ' ~ middle_name_in(columns['full_name']) ~ ' end',
        surname='coalesce(surname, ' ~ surname_in(columns['full_name']) ~ ')') -%}
{%- endif -%}
{%- set is_staged = model.identifier.startswith('stg_') -%}
{%- set own_day = columns['described_on'] if 'described_on' in columns else 'cast(null as date)' -%}
select
    {{ "feed || '/' || local_person_id" if numbered_by_feed else person_record_id('organisation', source, 'local_person_id') }}
        as person_record_id,
    organisation,
    '{{ source }}' as source,
    '{{ described_by or source }}' as described_by,
    '{{ model.identifier.split('__')[0].removeprefix('stg_') if is_staged else source }}' as format,
    local_person_id,
    {%- for column, data_type in {
        'nhs_number': 'text', 'nhs_number_status_code': 'text', 'forename': 'text', 'middle_name': 'text',
        'surname': 'text', 'former_surname': 'text', 'born_on': 'date', 'died_on': 'date', 'sex_code': 'text',
        'address': 'text', 'postcode': 'text', 'uprn': 'text', 'phone': 'text', 'gp_practice_code': 'text'
    }.items() %}
    {{ columns[column] if column in columns else 'cast(null as ' ~ data_type ~ ')' }} as {{ column }},
    {%- endfor %}
    {{ 'refused.nhs_number_as_sent' if 'nhs_number' in columns else 'cast(null as text)' }} as raw_nhs_number,
    superseded_at is null as is_in_force,
    {{ 'coalesce(bool_or(' ~ columns['has_identity_change'] ~ '), false)' if 'has_identity_change' in columns else 'false' }}
        as has_identity_change,
    max(period_end) as period_end,
    max(array[
        period_end - date '1800-01-01', coalesce({{ own_day }} - date '1800-01-01', -1), delivery_id, line_number
    ]) as recency
from {{ model }}
{%- if 'nhs_number' in columns %}
left join {{ ref('int_refused_nhs_numbers') }} as refused using (delivery_id, file_id, line_number)
{%- endif %}
where local_person_id is not null
group by {{ range(1, 23) | join(', ') }}
{%- endmacro %}
