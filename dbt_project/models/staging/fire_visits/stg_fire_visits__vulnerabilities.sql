-- One row for each vulnerability found at a visit, in each delivery that reported it.
select
    {{ delivery_columns() }},
    {{ clean_text('visit_reference') }} as visit_reference,
    {{ clean_text('vulnerability') }} as vulnerability
{{ from_new_deliveries('fire_visits', 'vulnerabilities') }}
