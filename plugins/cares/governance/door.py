"""The door of the Shared Care Record: who may open it, what is shown of one person, and how much it is used.

The database judges (`record.open` of migration 0018): a login of an organisation's staff calls it, and it writes the opening
down in a transaction of its own before it shows a row. Here stands who may come in, and the way to the door from the command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from typing import Any

import psycopg
import yaml

from cares import contracts, settings, warehouse

REGISTER = settings.EXPECTATIONS / "governance" / "shared_care_record.yml"
PURPOSES = ("direct care", "emergency")
_ENTRIES = (
    "may_open", "only_for_referred_through_contact_cares", "emergency_hours", "people_a_day", "hours", "open_all_day",
)  # fmt: skip


class DoorError(Exception):
    """A record that is not shown, or a register of who may open it that cannot be obeyed: says why, and nothing of anybody."""


@dataclass(frozen=True)
class Register:
    """Who may open the record, for how long an emergency stands, and which openings are looked at."""

    kinds: frozenset[str]
    only_for_referred: frozenset[str]
    emergency_hours: int
    people_a_day: int
    opens_at: time
    closes_at: time
    open_all_day: frozenset[str]


@dataclass(frozen=True)
class Shown:
    """The record of one person: who they are, and their care, the latest first. Both are empty where nothing can be shown."""

    person: dict[str, Any]
    care: list[dict[str, Any]]


@dataclass(frozen=True)
class Use:
    """How often the staff of an organisation opened the record in a month, by what came of it. Counts as they are: round them."""

    organisation: str
    month: date
    shown: int
    empty: int
    refused: int
    emergencies: int


def read() -> Register:
    """The register. Raises DoorError that names every entry at fault."""
    try:
        entries = yaml.safe_load(REGISTER.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise DoorError(f"{REGISTER.name}: cannot be read. Put back the file that is committed.") from None
    if not isinstance(entries, dict) or set(entries) != set(_ENTRIES):
        raise DoorError(f"{REGISTER.name}: expected the entries {', '.join(_ENTRIES)}, and nothing else.")
    organisations = contracts.load().organisations
    known = {"may_open": {one.file.kind for one in organisations.values()}}
    problems = []
    for name in ("may_open", "only_for_referred_through_contact_cares", "open_all_day"):
        allowed = known.get(name, set(organisations))
        if not isinstance(entries[name], list) or not set(entries[name]) <= allowed:
            problems.append(f"{REGISTER.name}: {name}: expected a list, of {', '.join(sorted(allowed))}")
    for name in ("emergency_hours", "people_a_day"):
        if not isinstance(entries[name], int) or isinstance(entries[name], bool) or entries[name] < 1:
            problems.append(f"{REGISTER.name}: {name}: expected a whole number above 0")
    try:
        opens_at, closes_at = (time.fromisoformat(entries["hours"][end]) for end in ("from", "until"))
    except (TypeError, KeyError, ValueError):
        problems.append(f'{REGISTER.name}: hours: expected from and until, as in {{from: "07:00", until: "22:00"}}')
    if problems:
        raise DoorError("\n".join(problems))
    return Register(
        frozenset(entries["may_open"]),
        frozenset(entries["only_for_referred_through_contact_cares"]),
        entries["emergency_hours"],
        entries["people_a_day"],
        opens_at,
        closes_at,
        frozenset(entries["open_all_day"]),
    )


def take_up() -> None:
    """Bring `governance.record_opener` to what the register and the organisations' files say. Raises DoorError as `read` does."""
    register, organisations = read(), contracts.load().organisations
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection, connection.cursor() as cursor:
        cursor.execute("delete from governance.record_opener where organisation <> all(%s)", (list(organisations),))
        cursor.executemany(
            """insert into governance.record_opener (organisation, name, kind, may_open, is_only_for_referred, emergency_hours)
               values (%s, %s, %s, %s, %s, %s)
               on conflict (organisation) do update set
                   name = excluded.name, kind = excluded.kind, may_open = excluded.may_open,
                   is_only_for_referred = excluded.is_only_for_referred, emergency_hours = excluded.emergency_hours""",
            [
                (
                    slug,
                    one.file.name,
                    one.file.kind,
                    one.file.kind in register.kinds,
                    slug in register.only_for_referred,
                    register.emergency_hours,
                )
                for slug, one in organisations.items()
            ],
        )


def open_record(organisation: str, nhs_number: str, staff: str, purpose: str, reason: str | None = None) -> Shown:
    """Open the record of one person as a member of staff, with the login of their organisation; the opening is written down.

    Raises DoorError where it is refused or the door is closed; `WarehouseError` where there is no such organisation.
    """
    with warehouse.safe_errors(), warehouse.connect(f"staff_{organisation}", autocommit=True) as connection:
        try:
            rows = connection.execute(
                "select part, content from record.open(%s, %s, %s, %s)", (nhs_number, staff, purpose, reason)
            ).fetchall()
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState) as error:
            # The words are those of record.open, which names nobody.
            raise DoorError(error.diag.message_primary) from None
    parts = _by_part(rows)
    return Shown(parts["person"][0] if parts["person"] else {}, parts["care"])


def use() -> list[Use]:
    """How often the record was opened, by organisation and month, the latest month first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return [
            Use(*row)
            for row in connection.execute(
                """
                select
                    coalesce(organisation, 'no organisation'),
                    cast(date_trunc('month', at) as date) as month,
                    count(*) filter (where outcome = 'shown'),
                    count(*) filter (where outcome = 'empty'),
                    count(*) filter (where outcome = 'refused'),
                    count(*) filter (where is_emergency and outcome <> 'refused')
                from audit.opening
                group by 1, 2
                order by 2 desc, 1
                """
            )
        ]


def _by_part(rows: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    parts: dict[str, list[dict[str, Any]]] = {"person": [], "care": []}
    for part, content in rows:
        parts[part].append(content)
    return parts
