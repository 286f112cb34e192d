-- One row for each telephone number, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('id') }} as phone_id,
    {{ clean_text('contact_id') }} as contact_person_id,
    {{ clean_text('number') }} as phone
{{ from_new_deliveries('open_referral', 'phones') }}
