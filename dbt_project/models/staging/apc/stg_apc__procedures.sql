-- One row for each procedure of an episode, as SUS+ sends them, in each delivery that reported it.
select
    {{ delivery_columns() }},
    {{ clean_text('primarykey_id') }} as record_id,
    {{ clean_integer('episodes_id') }} as episode_id,
    {{ clean_integer('opcs_id') }} as position,
    {{ clean_opcs4('code') }} as procedure_code,
    {{ clean_date('date') }} as performed_on
{{ from_new_deliveries('apc', 'procedures') }}
