"""The register of purposes: what data are used for, on what basis, and within which limits."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, get_args

import psycopg
import yaml

from cares import contracts, settings, warehouse

REGISTER = settings.EXPECTATIONS / "governance" / "purposes.yml"
COLUMNS = (
    "article_6", "article_9", "confidentiality_basis", "statute", "section_251_reference", "section_251_until", "police_basis",
    "reader", "is_identifiable", "do_opt_outs_apply", "opt_out_days", "needs_verified_number", "smallest_group",
    "retention_years", "most_rows_lost_percent", "most_periods_missing",
)  # fmt: skip
PURPOSES = get_args(contracts.Purpose)
_BASES = ("implied consent", "explicit consent", "statute", "section 251", "not confidential")
_POLICE = "police force"


class PurposeError(Exception):
    """A register of purposes that cannot be obeyed: names every purpose and entry at fault, and what is expected there."""


@dataclass(frozen=True)
class InForce:
    """A purpose as the warehouse has it, and what stops it today, if anything does."""

    purpose: str
    article_6: str
    article_9: str
    confidentiality_basis: str
    reader: str
    feeds: int
    stopped_because: str | None


def take_up() -> None:
    """Bring `governance.purpose` to what the register says, and say which feeds are the police's.

    Raises PurposeError that names every problem of the register; what was in force before stays then.
    """
    register = read(REGISTER)
    everything = contracts.load()
    police = sorted(
        slug for slug, feed in everything.feeds.items() if everything.organisations[feed.organisation].file.kind == _POLICE
    )
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection, connection.cursor() as cursor:
        cursor.executemany(
            f"""insert into governance.purpose (purpose, {", ".join(COLUMNS)})
                values (%s, {", ".join(["%s"] * len(COLUMNS))})
                on conflict (purpose) do update set {", ".join(f"{name} = excluded.{name}" for name in COLUMNS)}""".encode(),
            [(purpose, *(entry.get(column) for column in COLUMNS)) for purpose, entry in register.items()],
        )
        cursor.execute("delete from governance.police_feed where feed <> all(%s)", (police,))
        cursor.executemany(
            "insert into governance.police_feed (feed) values (%s) on conflict do nothing", [(feed,) for feed in police]
        )


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of a register, purpose by purpose. Raises PurposeError that names every problem, one a line."""
    try:
        register = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PurposeError(f"{path.name}: cannot be read as YAML ({type(error).__name__}); correct its text") from None
    if not isinstance(register, dict):
        raise PurposeError(f"{path.name}: expected an entry for each purpose: {', '.join(PURPOSES)}")
    problems = [f"{purpose}: is missing; describe it" for purpose in PURPOSES if purpose not in register]
    for purpose, entry in register.items():
        if purpose not in PURPOSES:
            problems.append(f"{purpose}: is no purpose that contracts name; use {', '.join(PURPOSES)}")
        elif not isinstance(entry, dict):
            problems.append(f"{purpose}: is empty; write its bases, its reader and its limits")
        else:
            problems += [f"{purpose}: {problem}" for problem in _problems(entry)]
    if problems:
        raise PurposeError("\n".join(f"{path.name}: {problem}" for problem in problems))
    return register


def recorded() -> list[InForce]:
    """Each purpose that builds have taken up, with why nothing is shown for it today."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            """
            select purpose.purpose, article_6, article_9,
                confidentiality_basis || coalesce(': ' || statute, '')
                    || coalesce(': ' || section_251_reference || ' until ' || section_251_until, ''),
                reader, (select count(*) from governance.feed_in_use as used where used.purpose = purpose.purpose),
                case when in_force.purpose is null then
                    'the support under section 251 (' || section_251_reference || ') ended on ' || section_251_until
                end
            from governance.purpose
            left join governance.purpose_in_force as in_force using (purpose)
            order by purpose.purpose
            """
        ).fetchall()
    return [InForce(*row) for row in rows]


def remark(connection: psycopg.Connection[Any], purpose: str) -> str | None:
    """What readers must know of a purpose: until when its support holds; None where nothing ends it."""
    row = connection.execute(
        """select section_251_reference, section_251_until, section_251_until < current_date
           from governance.purpose where purpose = %s and section_251_until is not null""",
        (purpose,),
    ).fetchone()
    if not row:
        return None
    reference, until, has_ended = row
    if has_ended:
        return f"No row is shown: the support under section 251 ({reference}) for {purpose} ended on {until}."
    return f"Under section 251 ({reference}) until {until}; after that day no row is shown."


def _problems(entry: dict[str, Any]) -> list[str]:
    problems = [f"{name}: is not known; use {', '.join(COLUMNS)}" for name in entry if name not in COLUMNS]

    def expect(name: str, is_good: Callable[[Any], bool], expected: str, may_be_left_out: bool = False) -> None:
        found = entry.get(name)
        if found is None and may_be_left_out:
            return
        if found is None or not is_good(found):
            problems.append(f"{name}: {'is missing' if found is None else 'is not as expected'}; write {expected}")

    expect("article_6", _matches(r"6\(1\)\([a-f]\)"), "the basis in Article 6, like: 6(1)(e) public task")
    expect("article_9", _matches(r"9\(2\)\([a-j]\)"), "the condition in Article 9, like: 9(2)(h) health or social care")
    expect("confidentiality_basis", lambda found: found in _BASES, f"one of {', '.join(_BASES)}")
    expect("reader", _is_text, "who reads what serves it")
    for name in ("is_identifiable", "do_opt_outs_apply", "needs_verified_number"):
        expect(name, lambda found: isinstance(found, bool), "true or false")
    expect("smallest_group", _at_least(1), "a whole number of people, 1 or more")
    expect("retention_years", _at_least(0), "a whole number of years")
    expect("police_basis", lambda found: isinstance(found, str), "the basis for police data, or nothing", may_be_left_out=True)
    expect("most_rows_lost_percent", _is_percent, "0 to 100", may_be_left_out=True)
    expect("most_periods_missing", _at_least(0), "a whole number of periods", may_be_left_out=True)
    basis = entry.get("confidentiality_basis")
    if basis == "statute":
        expect("statute", _is_text, "the act and its section")
    elif basis != "section 251":
        expect("statute", _is_text, "the act and its section, or nothing", may_be_left_out=True)
    if basis == "section 251":
        expect("section_251_reference", _is_text, "the reference of the support, like: 19/CAG/0001")
        expect("section_251_until", lambda found: type(found) is date, "its last day, like: 2027-03-31")
    else:
        problems += [
            f"{name}: stands although the basis is not section 251; remove it or correct the basis"
            for name in ("section_251_reference", "section_251_until")
            if entry.get(name) is not None
        ]
    if entry.get("do_opt_outs_apply") is True:
        expect("opt_out_days", _at_least(1), "how many days old the list of opt-outs may be, 1 or more")
    return problems


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda found: isinstance(found, str) and re.match(pattern, found) is not None


def _at_least(least: int) -> Callable[[Any], bool]:
    return lambda found: type(found) is int and found >= least


def _is_text(found: Any) -> bool:
    return isinstance(found, str) and bool(found.strip())


def _is_percent(found: Any) -> bool:
    return type(found) in (int, float) and 0 <= found <= 100
