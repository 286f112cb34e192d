"""Opt-outs: the national data opt-out, asked for and answered, and Type 1 opt-outs, which practices record.

NHS England answers a list of NHS numbers with those of them that may be used beyond people's own care. The latest answer is
held against the person index, and a person is cleared where no number of theirs is missing from it: one who opted out under
one number is out under all, and after death as before. Nobody's opt-out is written down; a number that was never asked about
counts as one that may not be used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from cares import contracts, english, warehouse

FEED = "nhs_england/national_data_opt_outs"
WITHDRAWN = "opt-out withdrawn"  # how the meaning of a Type 1 code begins that takes an opt-out back
# The name of a mailbox stands first in the name of a file; this one where there is none.
NO_MAILBOX = "STHELENSCARES"

# Whose each record that a build still shows is or was, and whose it is now: who was two persons then may be one now.
_SHOWN = """
create temporary table shown_record on commit drop as
with since as (
    select min(coalesce(identified_at, as_at)) as day
    from ledger.build
    where state in ('building', 'tested', 'published', 'superseded')
)
select distinct person_id, person_record_id from (
    select shown.person_id, coalesce(other.person_record_id, shown.person_record_id) as person_record_id
    from person_index.membership as shown
    left join person_index.membership as now on now.person_record_id = shown.person_record_id and now.valid_to is null
    left join person_index.membership as other on other.person_id = now.person_id and other.valid_to is null
    where shown.valid_to is null or shown.valid_to > (select day from since)
) as linked;
create index on shown_record (person_record_id);
analyze shown_record
"""

# Every number that a row in force tells of a record, and the one that is kept where none is.
_NUMBERS = """
create temporary table told_number on commit drop as
select person_record_id, nhs_number, nhs_number_status_code from intermediate.int_person_rows
where is_in_force and nhs_number is not null
union
select person_record_id, nhs_number, nhs_number_status_code from intermediate.int_person_records
where nhs_number is not null;
create index on told_number (person_record_id);
analyze told_number
"""

_LIST = """
insert into governance.opt_out_list (delivery_id)
select delivery_id
from ledger.delivery
where state = 'accepted' and delivery_id in (
    select delivery_id from staging.stg_national_data_opt_outs__numbers where superseded_at is null
)
order by period_end desc, received_at desc, delivery_id desc
limit 1
"""

# Where there is no answer, everybody with a number lacks it there.
_CLEARED = """
insert into governance.cleared_person (person_id)
select distinct person_id from shown_record
except
select shown_record.person_id
from shown_record
inner join told_number using (person_record_id)
where not exists (
    select
    from staging.stg_national_data_opt_outs__numbers as answer inner join governance.opt_out_list using (delivery_id)
    where answer.nhs_number = told_number.nhs_number
)
"""

# A source that traces its numbers says which of them it could not verify; the others pass the check that all numbers pass.
_NUMBERED = """
insert into governance.numbered_person (person_id)
select distinct shown_record.person_id
from shown_record inner join told_number using (person_record_id)
where coalesce(told_number.nhs_number_status_code, '01') = '01'
"""

# Of all that a person's practices recorded the latest counts; on the same day, or without one, an opt-out does.
_TYPE_1 = """
with told as (
    select
        shown_record.person_id,
        registrations.type_1_opt_out_on as recorded_on,
        registrations.type_1_opt_out_code = any(%(withdrawn)s) as is_withdrawn
    from staging.stg_gp_summary__registrations as registrations
    inner join shown_record
        on shown_record.person_record_id = registrations.organisation || '/gp_summary/' || registrations.local_person_id
    where registrations.superseded_at is null
        and registrations.is_deleted is not true
        and registrations.type_1_opt_out_code is not null
)
insert into governance.type_1_objector (person_id)
select distinct person_id from told as objection
where not is_withdrawn and not exists (
    select from told as withdrawal
    where withdrawal.person_id = objection.person_id and withdrawal.is_withdrawn
        and withdrawal.recorded_on > objection.recorded_on
)
"""

_READ = (
    "intermediate.int_person_rows",
    "intermediate.int_person_records",
    "staging.stg_national_data_opt_outs__numbers",
    "staging.stg_gp_summary__registrations",
)


class OptOutError(Exception):
    """Opt-outs cannot be asked for: says why and what to do, never a number."""


@dataclass(frozen=True)
class PurposeNow:
    """How a purpose that obeys opt-outs stands now: how old the answer may be, until when it tells, how many people are shown.

    The answer tells until the end of its period, or until it was received if that was before: an old one that is sent
    again is no younger. `told_until` is None where there is no answer.
    """

    purpose: str
    days: int
    told_until: datetime | None
    is_fresh: bool
    needs_verified_number: bool
    people: int
    cleared: int

    @property
    def says(self) -> str:
        """One sentence, fit for a remark on published tables."""
        if self.told_until is None:
            return f"Nobody is shown for {self.purpose}: no list of national data opt-outs is there."
        if not self.is_fresh:
            return (
                f"Nobody is shown for {self.purpose}: the list of national data opt-outs tells of them until "
                f"{self.told_until:%Y-%m-%d} and may be {english.counted(self.days, 'day')} old."
            )
        return f"Opt-outs for {self.purpose} as told until {self.told_until:%Y-%m-%d}."


@dataclass(frozen=True)
class Status:
    """How opt-outs stand: each purpose that obeys them, and counts of people as the index has them now."""

    purposes: list[PurposeNow]
    people: int
    without_verified_number: int
    not_on_the_list: int
    type_1: int


def judge() -> None:
    """Hold the latest answer and what practices recorded against the person index, and keep who may be shown.

    Called whenever the index was updated, and for a build of an earlier day. Before the first build there is nothing to judge.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        if not warehouse.is_there(connection, *_READ):
            return
        # Whoever reads meanwhile sees what was kept before.
        for table in ("opt_out_list", "cleared_person", "numbered_person", "type_1_objector"):
            connection.execute(sql.SQL("delete from governance.{}").format(sql.Identifier(table)))
        connection.execute(_SHOWN)
        connection.execute(_NUMBERS)
        connection.execute(_LIST)
        connection.execute(_CLEARED)
        connection.execute(_NUMBERED)
        connection.execute(_TYPE_1, {"withdrawn": withdrawals()})
        for table in ("cleared_person", "numbered_person", "type_1_objector"):
            connection.execute(sql.SQL("analyze governance.{}").format(sql.Identifier(table)))


def withdrawals() -> list[str]:
    """The codes that take a Type 1 opt-out back, as the contract has them; any other code of a practice counts as an opt-out."""
    codes = contracts.load().formats["gp_summary"].code_lists["type_1_opt_out"].codes
    return [code for code, entry in codes.items() if entry.means.startswith(WITHDRAWN)]


def status() -> Status:
    """How opt-outs stand now."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        people, cleared, numbered, shown = connection.execute(
            """with current as (select distinct person_id from person_index.membership where valid_to is null)
               select count(*), count(cleared_person.person_id), count(numbered_person.person_id),
                      count(*) filter (where cleared_person.person_id is not null and numbered_person.person_id is not null)
               from current
               left join governance.cleared_person using (person_id)
               left join governance.numbered_person using (person_id)"""
        ).fetchone()
        objectors = connection.execute(
            """select count(distinct person_id) from governance.type_1_objector
               inner join person_index.membership using (person_id) where valid_to is null"""
        ).fetchone()[0]
        purposes = [
            PurposeNow(purpose, days, told_until, fresh, needs, (shown if needs else cleared) if fresh else 0, cleared)
            for purpose, days, told_until, fresh, needs in connection.execute(
                """select purpose, opt_outs.opt_out_days, told_until, is_fresh, needs_verified_number
                   from governance.purpose_opt_outs as opt_outs inner join governance.purpose using (purpose) order by purpose"""
            )
        ]
    return Status(purposes, people, people - numbered, people - cleared, objectors)


def remarks(connection: psycopg.Connection) -> list[str]:
    """What published tables say of opt-outs: a sentence for each purpose that obeys them."""
    return [
        PurposeNow(purpose, days, told_until, is_fresh, False, 0, 0).says
        for purpose, days, told_until, is_fresh in connection.execute(
            "select purpose, opt_out_days, told_until, is_fresh from governance.purpose_opt_outs order by purpose"
        )
    ]


def numbers() -> Iterator[str]:
    """Every NHS number that a row in force gives to anybody in the index, each once, in order.

    Raises OptOutError before the first build.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        if not warehouse.is_there(connection, *_READ[:2]):
            raise OptOutError("There are no NHS numbers to ask about before the first build: cares build run")
        connection.execute(_NUMBERS)
        with connection.cursor(name="numbers") as cursor:
            for (number,) in cursor.execute("select distinct nhs_number from told_number order by nhs_number"):
                yield number


def content(asked: list[str]) -> bytes:
    """The file that NHS England takes: each number on a line of its own with a comma after it, ends of lines as LF."""
    return "".join(f"{number},\n" for number in asked).encode("ascii")


def request(mailbox: str = NO_MAILBOX) -> tuple[str, bytes]:
    """The name and content of a file that asks NHS England about everybody's numbers.

    Its name is that of our mailbox, the day, and its number within the month. Raises OptOutError where there is nobody to ask
    about. Whoever has sent it calls `was_asked`.
    """
    asked = list(numbers())
    if not asked:
        raise OptOutError("The person index knows no NHS number, so that there is nothing to ask about.")
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        earlier = connection.execute(
            "select count(*) from governance.opt_out_request where asked_at >= date_trunc('month', now())"
        ).fetchone()[0]
    return f"{mailbox}-{datetime.now(UTC):%d%m%y}-{earlier + 1:04d}.dat", content(asked)


def was_asked(name: str, text: bytes, sent_by: str) -> None:
    """Write down that a file of `request` was sent: by mesh, or by hand."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute(
            "insert into governance.opt_out_request (file_name, numbers, asked_by, sent_by) values (%s, %s, %s, %s)",
            (name, text.count(b"\n"), warehouse.who_is_at_work(), sent_by),
        )


def write_request(folder: Path) -> tuple[Path, int]:
    """Write the file to be handed over into a folder, for its owner only; gives its path and how many numbers it holds.

    Raises OptOutError where it cannot be written, or there is nobody to ask about.
    """
    if not folder.is_dir():
        raise OptOutError(f"{folder} is not a folder; name one that is there, and that nobody else can read")
    name, text = request()
    path = folder / name
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OptOutError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(handle, "wb") as file:
        file.write(text)
    was_asked(name, text, "hand")
    return path, text.count(b"\n")
