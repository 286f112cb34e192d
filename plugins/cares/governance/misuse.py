"""Signs of misuse of the Shared Care Record, for governance to look at. A sign is no proof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cares import warehouse
from cares.governance import door

SIGNALS = ("own record", "same surname", "same address", "no referral", "out of hours", "volume", "emergency")

# Surnames and addresses are compared as the linked dataset has them; of nobody is anything kept but the opening's number.
_LOOK = """
with opening as (
    select
        number, at, organisation, staff, person_id, outcome, is_emergency, refused_because,
        at at time zone 'Europe/London' as clock
    from audit.opening
    where organisation is not null
),
member as (
    select staff.organisation, staff.staff, own.person_id, coalesce(staff.surname, persons.surname) as surname,
        persons.address, persons.postcode
    from governance.staff
    left join person_index.membership as own
        on own.person_record_id = staff.person_record_id and own.valid_to is null
    left join linked_care.persons on persons.person_id = own.person_id
),
pair as (
    select opening.number, member.person_id = opening.person_id as is_own,
        lower(member.surname) = lower(persons.surname) as has_surname,
        lower(member.address) = lower(persons.address) and member.postcode = persons.postcode as has_address
    from opening
    join member using (organisation, staff)
    left join linked_care.persons on persons.person_id = opening.person_id
    where opening.person_id is not null
),
found as (
    select number, 'own record' as signal from pair where is_own
    union all
    select number, 'same surname' from pair where has_surname and is_own is not true
    union all
    select number, 'same address' from pair where has_address and is_own is not true
    union all
    select number, 'no referral' from opening where refused_because in ('relationship', 'unknown person')
    union all
    select number, 'out of hours' from opening
    where organisation <> all(%(open_all_day)s)
        and (cast(clock as time) < %(opens_at)s or cast(clock as time) >= %(closes_at)s)
    union all
    select number, 'emergency' from opening where is_emergency
    union all
    select number, 'volume' from (
        select number, dense_rank() over (partition by organisation, staff, day order by first_of_person) as people
        from (
            select number, organisation, staff, cast(clock as date) as day,
                case when person_id is null then number else min(number) over (
                    partition by organisation, staff, cast(clock as date), person_id
                ) end as first_of_person
            from opening
        ) as by_person
    ) as counted
    where people > %(people_a_day)s
)
insert into governance.misuse_signal (number, signal)
select number, signal from found
on conflict do nothing
"""


@dataclass(frozen=True)
class Signal:
    """One sign, and the opening that gives it: who and when, and not whose record."""

    signal: str
    number: int
    at: datetime
    organisation: str
    staff: str
    outcome: str


def look() -> int:
    """Look for signs in all openings, and keep what is new; returns how many signs were new."""
    register = door.read()
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        if not warehouse.is_there(connection, "linked_care.persons"):
            return 0
        return connection.execute(
            _LOOK,
            {
                "open_all_day": sorted(register.open_all_day),
                "opens_at": register.opens_at,
                "closes_at": register.closes_at,
                "people_a_day": register.people_a_day,
            },
        ).rowcount


def found() -> list[Signal]:
    """All signs, the latest opening first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return [
            Signal(*row)
            for row in connection.execute(
                """select signal, number, at, organisation, coalesce(staff, ''), outcome
                   from governance.misuse_signal join audit.opening using (number)
                   order by number desc, array_position(%s, signal)""",
                (list(SIGNALS),),
            )
        ]
