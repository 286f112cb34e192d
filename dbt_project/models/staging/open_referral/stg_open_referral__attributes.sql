-- One row for each term that is said of a service or of something else in the directory, in each snapshot.
select
    {{ delivery_columns() }},
    {{ clean_text('id') }} as attribute_id,
    {{ clean_text('link_id') }} as described_id,
    {{ clean_text('taxonomy_term_id') }} as term_id,
    {{ clean_text('link_type') }} as link_type
{{ from_new_deliveries('open_referral', 'attributes') }}
