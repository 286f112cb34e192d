"""What must be in place before real data are switched on: each thing with its owner, its date and its state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

from cares import settings, warehouse

REGISTER = settings.EXPECTATIONS / "governance" / "readiness.yml"
STATES = ("missing", "being written", "in place")
_TEXTS = ("what", "owner", "kept_at")
_DAYS = ("decided_on", "expires_on")


class ReadinessError(Exception):
    """A register of readiness that cannot be read: names every entry at fault, and what is expected."""


@dataclass(frozen=True)
class Item:
    """One thing that must be in place; `state` may be `expired`, where it was in place until a day that has passed."""

    item: str
    what: str
    owner: str
    state: str
    decided_on: date | None
    expires_on: date | None
    kept_at: str | None


def take_up() -> None:
    """Bring `governance.readiness` to what the register says.

    Raises ReadinessError that names every problem of the register; what was recorded before stays then.
    """
    entries = _read()
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection, connection.cursor() as cursor:
        cursor.execute("delete from governance.readiness")
        cursor.executemany(
            """insert into governance.readiness (item, what, owner, state, decided_on, expires_on, kept_at)
               values (%s, %s, %s, %s, %s, %s, %s)""",
            [
                (item, *(entry.get(name) for name in ("what", "owner", "state", "decided_on", "expires_on", "kept_at")))
                for item, entry in entries.items()
            ],
        )


def recorded() -> list[Item]:
    """What the register said when it was taken up, as it counts today: what is missing or has expired first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            """select item, what, owner, state_today, decided_on, expires_on, kept_at from governance.readiness_today
               order by array_position(array['missing', 'expired', 'being written', 'in place'], state_today), item"""
        ).fetchall()
    return [Item(*row) for row in rows]


def _read() -> dict[str, dict[str, Any]]:
    try:
        entries = yaml.safe_load(REGISTER.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ReadinessError(f"{REGISTER.name}: cannot be read as YAML ({type(error).__name__}); correct its text") from None
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise ReadinessError(f"{REGISTER.name}: expected an entry for each thing, with what, owner and state")
    problems = [f"{REGISTER.name}: {item}: {problem}" for item, entry in entries.items() for problem in _problems(entry)]
    if problems:
        raise ReadinessError("\n".join(problems))
    return entries


def _problems(entry: dict[str, Any]) -> list[str]:
    known = (*_TEXTS, "state", *_DAYS)
    problems = [f"{name}: is not known; use {', '.join(known)}" for name in entry if name not in known]
    needed = ["what", "owner", *(("kept_at",) if entry.get("state") == "in place" else ())]
    problems += [f"{name}: is missing; write it" for name in needed if not entry.get(name)]
    problems += [f"{name}: write a text" for name in _TEXTS if entry.get(name) and not isinstance(entry[name], str)]
    if entry.get("state") not in STATES:
        problems.append(f"state: is not as expected; use {', '.join(STATES)}")
    problems += [
        f"{name}: write a day, like 2026-03-31" for name in _DAYS if entry.get(name) is not None and type(entry[name]) is not date
    ]
    if entry.get("state") == "in place" and entry.get("decided_on") is None:
        problems.append("decided_on: is missing; write the day from which on it is in place")
    return problems
