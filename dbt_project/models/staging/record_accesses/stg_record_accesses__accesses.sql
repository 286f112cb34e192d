-- One row for each opening of a person's shared record, in each delivery.
select
    {{ delivery_columns() }},
    {{ clean_text('access_reference') }} as access_id,
    {{ clean_date('opened_on') }} as opened_on,
    {{ clean_moment('opened_on', 'opened_at') }} as opened_at,
    {{ clean_nhs_number('nhs_number') }} as nhs_number,
    {{ clean_text('staff_number') }} as staff_id,
    {{ clean_code('staff_organisation') }} as staff_organisation_code,
    lower({{ clean_text('role') }}) as role,
    lower({{ clean_text('purpose') }}) as purpose_code,
    lower({{ clean_text('outcome') }}) as outcome_code,
    {{ clean_boolean('referral') }} as has_referral,
    lower({{ clean_text('emergency_reason') }}) as emergency_reason_code
{{ from_new_deliveries('record_accesses', 'accesses') }}
