-- One row for each organisation and one that took over from it: mergers, divisions, and the commissioner's successor.
-- Of a merger several have one successor; of a division one has several.
select
    organisation_code,
    successor_code,
    succeeded_on,
    count(*) over (partition by organisation_code) > 1 as is_division,
    count(*) over (partition by successor_code, succeeded_on) > 1 as is_merger,
    comes_from
from {{ ref('int_organisation_successions') }}
