-- Each person record has just one description that is current, which is how the index knows that the record is there.
select person_record_id
from {{ ref('int_person_records') }} as records
full join (
    select person_record_id, count(*) filter (where is_current) as current_ones
    from {{ ref('int_person_descriptions') }}
    group by person_record_id
) as described using (person_record_id)
where current_ones is distinct from 1 or records.organisation is null
