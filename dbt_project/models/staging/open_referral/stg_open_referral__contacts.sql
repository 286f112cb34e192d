-- One row for each person or post to contact about one service, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('id') }} as contact_person_id,
    {{ clean_text('service_id') }} as service_id,
    {{ clean_text('name') }} as name,
    {{ clean_text('title') }} as title
{{ from_new_deliveries('open_referral', 'contacts') }}
