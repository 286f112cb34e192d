-- One row for each person, under a pseudonym.
select
    pseudonyms.pseudonym,
    {{ age_band('persons.born_on', 'coalesce(persons.died_on, builds.as_at_day)') }} as age_band,
    coalesce(persons.sex_code, 'U') as sex_code,
    persons.died_on is not null as has_died,
    persons.sources,
    persons.has_childrens_social_care,
    persons.has_adult_social_care,
    persons.has_hospital_care,
    persons.has_social_housing
from {{ ref('persons') }} as persons
cross join (select {{ as_at_day() }} as as_at_day) as builds
inner join {{ pseudonyms('planning') }} as pseudonyms on pseudonyms.person_id = persons.person_id
