"""Which person records are one person: the provisional matcher.

A record belongs with those that have the same valid NHS number. A record without one belongs with
those of exactly the same name, birth date and postcode, unless these hold two different NHS numbers.
"""

from __future__ import annotations

import psycopg

_RECORD_KEYS = """
create temporary table record_key on commit drop as
select
    person_record_id,
    nhs_number,
    case when born_on is not null and postcode is not null and forename is not null and surname is not null then
        concat_ws('|', {forename}, {surname}, born_on, postcode)
    end as description
from intermediate.int_person_records
"""

# Letters only, without case and accents; a name in another script is compared as it is written.
_NAME = "coalesce(nullif(regexp_replace(upper(normalize({0}, nfkd)), '[^A-Z]', '', 'g'), ''), {0})"

_CLUSTERS = """
create temporary table cluster on commit drop as
with one_number as (
    select description, min(nhs_number) as nhs_number
    from record_key
    where description is not null and nhs_number is not null
    group by description
    having count(distinct nhs_number) = 1
)
select
    record_key.person_record_id,
    case
        when record_key.nhs_number is not null then 'nhs number ' || record_key.nhs_number
        when one_number.nhs_number is not null then 'nhs number ' || one_number.nhs_number
        when record_key.description is not null then 'description ' || record_key.description
        else 'record ' || record_key.person_record_id
    end as cluster,
    case
        when record_key.nhs_number is not null then 'nhs number'
        when record_key.description is not null then 'name, birth date and postcode'
        else 'alone'
    end as rule
from record_key
left join one_number on one_number.description = record_key.description and record_key.nhs_number is null
"""

# A record that met nobody is alone, whatever it could have been matched by.
_ALONE = """
update cluster set rule = 'alone'
from (select cluster from cluster group by cluster having count(*) = 1) as single
where single.cluster = cluster.cluster and cluster.rule <> 'alone'
"""


def match(connection: psycopg.Connection) -> None:
    """Make the temporary table `cluster` (person_record_id, cluster, rule) of all person records.

    Records with the same `cluster` are one person; the name of a cluster means nothing outside this
    transaction. `rule` says why the record belongs there.
    """
    connection.execute(_RECORD_KEYS.format(forename=_NAME.format("forename"), surname=_NAME.format("surname")))
    connection.execute("analyze record_key")
    connection.execute(_CLUSTERS)
    connection.execute("analyze cluster")
    connection.execute(_ALONE)
