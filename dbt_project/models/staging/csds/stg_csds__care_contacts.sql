-- One row for each contact with a patient, in each delivery that reported it.
select
    {{ delivery_columns() }},
    {{ clean_text('carecontactid') }} as contact_id,
    {{ clean_text('servicerequestid') }} as referral_id,
    {{ clean_text('teamid_local') }} as team_id,
    {{ service_of_local_team('teamid_local') }} as local_service,
    {{ clean_date('contact_date') }} as contact_on,
    {{ clean_moment('contact_date', 'contact_time') }} as contact_at,
    {{ clean_code('orgid_commissioner') }} as commissioner_code,
    {{ clean_code('admincategory') }} as administrative_category_code,
    {{ clean_integer('carecontact_duration') }} as duration_minutes,
    {{ clean_code('consultation_type') }} as consultation_type_code,
    {{ clean_code('carecontact_subject') }} as contact_subject_code,
    coalesce({{ clean_code('consmechanism') }}, {{ clean_code('consultation_mediumused') }}) as consultation_mechanism_code,
    {{ clean_code('activity_locationtype') }} as location_type_code,
    {{ clean_code('treatment_orgsiteid') }} as site_code,
    coalesce({{ clean_code('attendancestatus') }}, {{ clean_code('attendornot') }}) as attendance_code,
    {{ clean_date('reasonableoffer_date') }} as earliest_offer_on,
    {{ clean_date('clinicallyappropriate_date') }} as earliest_appropriate_on,
    {{ clean_date('contact_cancellationdate') }} as cancelled_on,
    {{ clean_code('contact_cancellationreason') }} as cancellation_reason_code
{{ from_new_deliveries('csds', 'care_contacts') }}
