"""Partnership agreements: what is told of each body and when. Facts to report; no gate asks them."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass, fields

import yaml

from cares import settings, warehouse

REGISTER = settings.EXPECTATIONS / "governance" / "partnership.yml"
STATES = ("proposed", "approved", "delegated", "signed", "in force", "refreshed", "left")


class PartnershipError(Exception):
    """A register of partnership agreements that cannot be read: names every entry at fault, and what is expected."""


@dataclass(frozen=True)
class Event:
    """What one source tells of one agreement and body; `since` is a day, month or year, as exactly as the source has it."""

    agreement: str
    body: str
    since: str
    state: str
    told: str
    source: str


def take_up() -> list[Event]:
    """Bring `governance.partnership_event` to what the register says, and return it in the order of time.

    Raises PartnershipError that names every problem of the register; what was recorded before stays then.
    """
    events = _read()
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection, connection.cursor() as cursor:
        cursor.execute("delete from governance.partnership_event")
        cursor.executemany(
            """insert into governance.partnership_event (agreement, body, since, state, told, source)
               values (%s, %s, %s, %s, %s, %s)""",
            [astuple(event) for event in events],
        )
    return events


def _read() -> list[Event]:
    try:
        # A month would be read as a text and a day as a date: everything is read as it is written.
        entries = yaml.load(REGISTER.read_text("utf-8"), yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PartnershipError(f"{REGISTER.name}: cannot be read as YAML ({type(error).__name__}); correct its text") from None
    if not isinstance(entries, list):
        raise PartnershipError(f"{REGISTER.name}: expected a list of what was told, one entry for each agreement, body and time")
    names = {field.name for field in fields(Event)}
    problems: list[str] = []
    events: list[Event] = []
    for number, entry in enumerate(entries, 1):
        place = f"{REGISTER.name}: entry {number}"
        if not isinstance(entry, dict) or set(entry) != names or not all(isinstance(v, str) and v for v in entry.values()):
            problems.append(f"{place}: expected {', '.join(field.name for field in fields(Event))}, each with a text")
            continue
        if entry["state"] not in STATES:
            problems.append(f"{place}: state: found {entry['state']!r}; use {', '.join(STATES)}")
        if not re.fullmatch(r"\d{4}(-\d{2}){0,2}", entry["since"], re.ASCII):
            problems.append(f"{place}: since: write a day, month or year, like 2019-01")
        event = Event(**entry)
        if any(
            (event.agreement, event.body, event.since, event.state) == (e.agreement, e.body, e.since, e.state) for e in events
        ):
            problems.append(f"{place}: tells what an entry before it tells; remove one of them")
        events.append(event)
    if problems:
        raise PartnershipError("\n".join(problems))
    return sorted(events, key=lambda event: (event.since, event.agreement, event.body))
