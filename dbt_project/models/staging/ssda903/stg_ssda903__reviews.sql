-- One row for each review of a child looked after.
select
    {{ delivery_columns() }},
    {{ clean_text('child') }} as local_person_id,
    {{ clean_date('review') }} as reviewed_on,
    {{ clean_code('review_code') }} as participation_code
{{ from_new_deliveries('ssda903', 'reviews') }}
