-- One row for each diagnosis of a consultant episode or outpatient appointment in force, by its latest telling.
{{ config(materialized='view') }}

{{ coded_in_force({'diagnosis_codes': 'diagnosis_code', 'diagnosis_marks': 'diagnosis_mark'}) }}
