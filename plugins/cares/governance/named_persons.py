"""How somebody names a person to a command: by a person record, or by an NHS number."""

from __future__ import annotations

import re

import psycopg

from cares import warehouse


class NamedPersonError(Exception):
    """Nobody, or more than one person, is named: says what to name instead, never the value."""


def records_named(connection: psycopg.Connection, named: str) -> list[str]:
    """The person records that a command names: the one that it names, or all of today that have its NHS number.

    They are of one person. Raises NamedPersonError where the index knows nobody so, or two persons have the number.
    """
    if "/" in named:
        found = connection.execute(
            "select person_record_id, person_id from person_index.membership where valid_to is null and person_record_id = %s",
            (named.strip(),),
        ).fetchall()
    elif re.fullmatch(r"[0-9]{10}", number := re.sub(r"[ -]", "", named), re.ASCII):
        found = _records_with(connection, number)
    else:
        raise NamedPersonError(
            "Name a person by a record (organisation, source and the source's own id, for example council/cld/12345) "
            "or by an NHS number of ten digits."
        )
    if not found:
        raise NamedPersonError(
            "The index knows nobody by this name. A record is named by its organisation, its source and the source's own id, for "
            "example council/cld/12345; an NHS number has ten digits. Whoever came with the last deliveries is known after a build."
        )
    if len({person for _, person in found}) > 1:
        raise NamedPersonError("More than one person has this NHS number. Name one of their records instead: cares why NUMBER")
    return sorted(record for record, _ in found)


def other_records(connection: psycopg.Connection, records: list[str]) -> list[str]:
    """The other records of today of the persons whose `records` are named."""
    return [
        record
        for (record,) in connection.execute(
            """select distinct fellow.person_record_id
               from person_index.membership as own
               join person_index.membership as fellow on fellow.person_id = own.person_id and fellow.valid_to is null
               where own.valid_to is null and own.person_record_id = any(%(records)s)
                   and fellow.person_record_id <> all(%(records)s)
               order by 1""",
            {"records": records},
        )
    ]


def _records_with(connection: psycopg.Connection, number: str) -> list[tuple[str, int]]:
    if not warehouse.is_there(connection, "intermediate.int_person_records"):
        return []
    return connection.execute(
        """select record.person_record_id, membership.person_id
           from intermediate.int_person_records as record
           join person_index.membership on membership.person_record_id = record.person_record_id and membership.valid_to is null
           where record.nhs_number = %s""",
        (number,),
    ).fetchall()
