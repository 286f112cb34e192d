"""Restricted persons (S-flag): nobody may find their home, whoever sent what tells of it, in whatever build.

Published views ask `governance.restricted_person_in_build` whenever they are read, so that a restriction needs no build.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cares import reasons, warehouse
from cares.governance import named_persons


class RestrictionError(Exception):
    """A restriction that cannot be made or lifted: says why, never a person's data."""


@dataclass(frozen=True)
class Restriction:
    """One restriction, by the record by which the person was named; lifted, or in force."""

    person_record_id: str
    restricted_at: datetime
    restricted_by: str
    lifted_at: datetime | None


def restrict(named: str, because: str) -> int:
    """Hide a person's home from every reader now; returns how many person records it reaches today.

    Raises NamedPersonError where nobody is named, and RestrictionError where the person is restricted already.
    """
    because = reasons.one_line(because, RestrictionError)
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        records = named_persons.records_named(connection, named)
        added = connection.execute(
            """insert into governance.restricted_record (person_record_id, reason, restricted_by)
               select record, %s, %s from unnest(cast(%s as text[])) as record
               on conflict (person_record_id) where lifted_at is null do nothing""",
            (because, warehouse.who_is_at_work(), records),
        ).rowcount
        if not added:
            raise RestrictionError("This person is restricted already. To end that: cares unrestrict --because '...'")
        return len(records) + len(named_persons.other_records(connection, records))


def lift(named: str, because: str) -> None:
    """End every restriction of a person, by whichever record it was made: each build shows their home again, at once.

    Raises NamedPersonError where nobody is named, and RestrictionError where the person is not restricted.
    """
    because = reasons.one_line(because, RestrictionError)
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        records = named_persons.records_named(connection, named)
        lifted = connection.execute(
            """update governance.restricted_record
               set lifted_at = clock_timestamp(), lifted_by = %s, lifted_because = %s
               where lifted_at is null and person_record_id = any(%s)""",
            (warehouse.who_is_at_work(), because, records + named_persons.other_records(connection, records)),
        ).rowcount
    if not lifted:
        raise RestrictionError("This person is not restricted.")


def recorded() -> list[Restriction]:
    """Every restriction there was, the latest first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            """select person_record_id, restricted_at, restricted_by, lifted_at from governance.restricted_record
               order by restriction_id desc"""
        ).fetchall()
    return [Restriction(*row) for row in rows]
