{#- The name of a person record: which organisation, in which of its sources, under which id of its own. -#}
{% macro person_record_id(organisation, source, local_person_id) -%}
{{ organisation }} || '/{{ source }}/' || {{ local_person_id }}
{%- endmacro %}


{#-
    One line of the list in `int_person_records`: how one format describes people. `columns` maps our names to
    expressions on the staging model; what a format does not know is left out and becomes null. Where one organisation
    sends a format from several services, `numbered_by_feed` keeps the patient numbers of one apart from those of another:
    nobody has promised that they are one numbering.
-#}
{% macro person_descriptions(model, source, columns, described_by=none, numbered_by_feed=false) -%}
select
    {{ "feed || '/' || local_person_id" if numbered_by_feed else person_record_id('organisation', source, 'local_person_id') }}
        as person_record_id,
    organisation,
    '{{ source }}' as source,
    '{{ described_by or source }}' as described_by,
    '{{ model.identifier.split('__')[0].removeprefix('stg_') if model.identifier.startswith('stg_') else source }}' as format,
    local_person_id,
    {%- for column, data_type in {
        'nhs_number': 'text', 'is_nhs_number_verified': 'boolean', 'forename': 'text', 'middle_name': 'text',
        'surname': 'text', 'former_surname': 'text', 'born_on': 'date', 'died_on': 'date', 'sex_code': 'text',
        'address': 'text', 'postcode': 'text', 'uprn': 'text', 'phone': 'text', 'gp_practice_code': 'text',
        'described_on': 'date'
    }.items() %}
    {{ columns[column] if column in columns else 'cast(null as ' ~ data_type ~ ')' }} as {{ column }},
    {%- endfor %}
    superseded_at is null as is_in_force,
    period_end,
    delivery_id,
    line_number
from {{ model }}
where local_person_id is not null
{%- endmacro %}
