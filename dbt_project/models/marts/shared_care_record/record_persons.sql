-- One row for each person, as the head of the Shared Care Record shows them.
select
    person_id,
    told_by as guard_told_by,
    nhs_number,
    forename,
    surname,
    born_on,
    died_on,
    sex_code,
    address,
    postcode,
    phone,
    gp_practice_code
from {{ ref('persons') }}
