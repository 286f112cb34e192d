"""Staff whom an organisation registered to open the Shared Care Record, by the organisation's own numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cares import contracts, warehouse


class StaffError(Exception):
    """A member of staff who cannot be registered or ended: says why, and what to do."""


@dataclass(frozen=True)
class Member:
    """One member of staff: of whom, by which number, since when and until when."""

    organisation: str
    staff: str
    registered_at: datetime
    registered_by: str
    left_at: datetime | None


def register(organisation: str, staff: str, surname: str | None = None, person_record: str | None = None) -> None:
    """Let a member of staff open records from now on, as far as their organisation may.

    Their surname and their own person record (organisation/source/local id), where they are told, serve to find openings of
    their own record or a relative's. Raises StaffError for an unknown organisation or record, an empty number, or one that
    was registered before.
    """
    staff = staff.strip()
    known = contracts.load().organisations
    if organisation not in known:
        raise StaffError(f"There is no organisation {organisation!r}: use one of {', '.join(sorted(known))}.")
    if not staff or len(staff) > 100 or not staff.isprintable():
        raise StaffError("The number of a member of staff is what their organisation calls them by, on one line.")
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        if (
            person_record
            and not connection.execute(
                "select exists (select from person_index.membership where person_record_id = %s)", (person_record,)
            ).fetchone()[0]
        ):
            raise StaffError("The index knows no such person record. Write it as organisation/source/the source's own id.")
        added = connection.execute(
            """insert into governance.staff (organisation, staff, surname, person_record_id, registered_by)
               values (%s, %s, %s, %s, %s) on conflict do nothing""",
            (organisation, staff, surname, person_record, warehouse.who_is_at_work()),
        ).rowcount
    if not added:
        raise StaffError(f"{organisation} has registered this number before. A number is never used again: give another.")


def end(organisation: str, staff: str) -> None:
    """Let a member of staff open no record from now on. Raises StaffError where there is none of that number."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        ended = connection.execute(
            """update governance.staff set left_at = now(), left_by = %s
               where organisation = %s and staff = %s and left_at is null""",
            (warehouse.who_is_at_work(), organisation, staff.strip()),
        ).rowcount
    if not ended:
        raise StaffError(f"{organisation} has nobody of this number who may open records: see cares staff list")


def registered() -> list[Member]:
    """All who are or were registered, by organisation and number."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return [
            Member(*row)
            for row in connection.execute(
                """select organisation, staff, registered_at, registered_by, left_at from governance.staff
                   order by organisation, staff"""
            )
        ]
