-- One row for each procedure of a consultant episode or outpatient appointment in force, by its latest telling.
{{ config(materialized='view') }}

{{ coded_in_force({'procedure_codes': 'procedure_code', 'procedure_dates': 'performed_on'}) }}
