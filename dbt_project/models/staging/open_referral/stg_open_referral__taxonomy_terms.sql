-- One row for each term that says what a service is about, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('id') }} as term_id,
    {{ clean_text('name') }} as name,
    {{ clean_text('parent_id') }} as wider_term_id,
    {{ clean_text('taxonomy') }} as taxonomy,
    {{ clean_text('term') }} as term_code
{{ from_new_deliveries('open_referral', 'taxonomy_terms') }}
