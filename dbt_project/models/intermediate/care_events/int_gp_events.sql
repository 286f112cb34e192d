-- One row for each appointment, problem, medicine or result that a GP practice tells of a patient, in force, not taken back.
-- Appointments that never came about are no care.
{%- set kinds = {
    'appointment': (ref('stg_gp_summary__appointments'), left_out_of_gp_appointments(), {
        'detail': "concat_ws(', ', professional, mode, status)", 'started_on': 'appointment_on',
        'started_at': 'appointment_at', 'ended_on': 'appointment_on'}),
    'problem': (ref('stg_gp_summary__problems'), left_out_of_gp_problems(), {
        'detail': 'term', 'started_on': 'onset_on', 'ended_on': 'ended_on', 'code': 'problem_code', 'code_system': 'code_system'}),
    'medication': (ref('stg_gp_summary__medication'), left_out_of_gp_medication(), {
        'detail': 'term', 'started_on': 'started_on', 'ended_on': 'ended_on', 'code': 'medicine_code',
        'code_system': 'code_system'}),
    'result': (ref('stg_gp_summary__results'), left_out_of_gp_results(), {
        'detail': "concat_ws(' ', term || ':', coalesce(cast(value as text), value_in_words), unit)", 'started_on': 'result_on',
        'ended_on': 'result_on', 'code': 'test_code', 'code_system': 'code_system'}),
} %}
with told as (
    {%- for kind, (staged, left_out, columns) in kinds.items() %}
    {{ 'union all' if not loop.first }}
    select
        '{{ kind }}' as kind,
        {{ kind }}_id as own_id,
        {%- for name, data_type in {'detail': 'text', 'started_on': 'date', 'started_at': 'timestamptz', 'ended_on': 'date',
            'code': 'text', 'code_system': 'text'}.items() %}
        cast({{ columns.get(name, 'null') }} as {{ data_type }}) as {{ name }},
        {%- endfor %}
        organisation,
        feed,
        local_person_id,
        gp_practice_code,
        period_end,
        delivery_id,
        line_number
    from {{ staged }}
    where superseded_at is null and {{ left_out }} is null and {{ is_of_a_touched_event() }}
    {%- endfor %}
),

in_order as (
    select
        *,
        row_number() over (same_event order by period_end desc, delivery_id desc, line_number desc) as telling,
        count(*) over same_event as source_rows,
        array_agg(delivery_id) over same_event as delivery_ids
    from told
    window same_event as (partition by organisation, kind, gp_practice_code, own_id)
)

select
    organisation || '/' || kind || '/' || gp_practice_code || '/' || own_id as gp_event_id,
    {{ person_record_id('organisation', 'gp_summary', 'local_person_id') }} as person_record_id,
    local_person_id,
    organisation,
    feed,
    kind,
    detail,
    started_on,
    started_at,
    ended_on,
    code,
    code_system,
    gp_practice_code as provider_code,
    source_rows,
    delivery_ids
from in_order
where telling = 1
