-- One row for each contact about a child, in each delivery that reported it.
-- Gender and ethnicity are written as a letter and a word, as in `b) Female` and `a) WBRI`.
select
    {{ delivery_columns() }},
    {{ clean_text('child_unique_id') }} as local_person_id,
    {{ clean_sex("split_part(gender, ') ', 2)") }} as sex_code,
    {{ clean_code("split_part(ethnicity, ') ', 2)") }} as ethnicity_code,
    {{ clean_date('date_of_birth') }} as born_on,
    {{ clean_date('date_of_contact') }} as contacted_on,
    {{ clean_text('contact_source') }} as contact_source
{{ from_new_deliveries('annex_a', 'contacts') }}
