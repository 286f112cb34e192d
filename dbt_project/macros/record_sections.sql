{#-
    The section of the Shared Care Record in which a kind of care event stands; null for a kind that is no part of the record: homes,
    the police, the fire service. A kind that is not here is not shown.
-#}
{% macro record_section(kind, started_on) -%}
case
    when {{ kind }} in ('outpatient appointment', 'GP appointment') and {{ started_on }} > {{ as_at_day() }} then 'next appointments'
    when {{ kind }} in ('outpatient appointment', 'GP appointment') then 'recent appointments'
    when {{ kind }} = 'contact' and {{ started_on }} > {{ as_at_day() }} then 'next appointments'
    when {{ kind }} = 'contact' then 'contacts'
    when {{ kind }} in ('hospital stay', 'mental health stay') then 'admissions'
    when {{ kind }} = 'attendance' then 'attendances'
    when {{ kind }} = 'referral' then 'referrals'
    when {{ kind }} = 'GP problem' then 'diagnoses'
    when {{ kind }} = 'GP result' then 'results'
    when {{ kind }} = 'GP medication' then 'prescriptions'
    when {{ kind }} = 'social care review' then 'plans'
    when {{ kind }} in (
        'social care request', 'social care assessment', 'social care service', 'looked after', 'children''s social care contact',
        'front door contact'
    ) then 'social care'
end
{%- endmacro %}
