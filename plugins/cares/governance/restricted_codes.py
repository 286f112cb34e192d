"""Restricted codes: care that nobody may read of, such as assisted conception, wherever its code stands.

The list is `expectations/governance/restricted_codes.yml`. Of the events that hold one of its codes only their ids and the
rules are kept; published views leave them out whenever they are read.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import psycopg
import yaml
from psycopg import sql

from cares import settings, warehouse

LIST = settings.EXPECTATIONS / "governance" / "restricted_codes.yml"
CODE_SYSTEMS = (
    "ICD-10", "OPCS-4", "SNOMED CT", "Read v2", "CTV3", "HRG", "treatment function", "main specialty", "site", "clinic", "team",
    "CLD", "SSDA903",
)  # fmt: skip
_SYSTEMS_OF_LISTS = ("SNOMED CT", "ICD-10", "OPCS-4", "Read v2", "CTV3")
_DELIVERED_LISTS = "staging.stg_clinical_lists__members"


class RestrictedCodeError(Exception):
    """A list of restricted codes that cannot be obeyed: says where, what was found and what is expected."""


@dataclass(frozen=True)
class Rule:
    """One rule of the list: its codes as (code system, code, whether every code counts that begins so)."""

    name: str
    codes: tuple[tuple[str, str, bool], ...]
    lists: tuple[str, ...]


@dataclass(frozen=True)
class CodeList:
    """The list as it was written: its version, the SHA-256 of its text, and its rules."""

    version: str
    text_sha256: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Withheld:
    """How much one rule holds back: its codes in force, and the care events that hold one of them."""

    rule: str
    codes: int
    care_events: int


def read() -> CodeList:
    """The list as it stands in the file. Raises RestrictedCodeError that names every problem, one a line."""
    text = LIST.read_text("utf-8")
    try:
        written = yaml.safe_load(text)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        raise RestrictedCodeError(f"{LIST.name}{f': line {place.line + 1}' if place else ''}: this is no YAML") from None
    if not isinstance(written, dict) or not isinstance(written.get("rules"), dict) or not written["rules"]:
        raise RestrictedCodeError(f"{LIST.name}: expected a version and rules, each with because, source and codes")
    problems: list[str] = [] if written.get("version") else ["version: is empty; give each change of the list a new one"]
    rules = tuple(_rule(str(name), entry, problems) for name, entry in written["rules"].items())
    if problems:
        raise RestrictedCodeError("\n".join(f"{LIST.name}: {problem}" for problem in problems))
    return CodeList(str(written["version"]), hashlib.sha256(text.encode()).hexdigest(), rules)


def take_up(schema: str = "intermediate") -> list[Withheld]:
    """Obey the list as it stands: find the care events that hold one of its codes and hide them, in every build, from now on.

    `schema` is where the build at work has its care events. Raises RestrictedCodeError where the list is wrong, or
    was changed and has its old version.
    """
    listed = read()
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('cares.restricted_codes'))")
        _take_up_list(connection, listed)
        codes = sql.Identifier(schema, "int_event_codes")
        if warehouse.is_there(connection, codes.as_string(connection)):
            _find_events(connection, codes, is_whole=schema == "intermediate")
    return withheld()


def withheld() -> list[Withheld]:
    """What each rule in force holds back, by name; the counts are true ones, to be rounded wherever they are shown."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            """select rule, count(*), (select count(*) from governance.restricted_event as event where event.rule = listed.rule)
               from governance.restricted_code as listed group by rule order by rule"""
        ).fetchall()
    return [Withheld(*row) for row in rows]


def missing_lists() -> list[tuple[str, str]]:
    """The lists that a rule names and that were never delivered: rule and list. Of such a rule its other codes are held back;
    where it has none, every coded care event is.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        known = {name for (name,) in connection.execute("select distinct list from governance.restricted_list_member")}
    return [(rule.name, name) for rule in read().rules for name in rule.lists if name not in known]


def version_in_force() -> str | None:
    """The version of the list that is obeyed; None before the first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        row = connection.execute("select version from governance.restricted_code_list where is_in_force").fetchone()
    return row[0] if row else None


def _rule(name: str, entry: Any, problems: list[str]) -> Rule:
    if not isinstance(entry, dict):
        problems.append(f"{name}: expected because, source and codes")
        return Rule(name, (), ())
    for part in ("because", "source"):
        if not str(entry.get(part) or "").strip():
            problems.append(f"{name}: {part}: is empty; say {'why' if part == 'because' else 'where the codes come from'}")
    codes = []
    systems = entry.get("codes") or {}
    for system, members in systems.items():
        if system not in CODE_SYSTEMS:
            problems.append(f"{name}: found the code system {system!r}; use one of {', '.join(CODE_SYSTEMS)}")
        for written in members or {}:
            if not isinstance(written, str):
                problems.append(f'{name}: {system}: {written} is no text; put it into quotes, as "{written}"')
            code = _plain(str(written).removesuffix("*"))
            if not re.fullmatch(r"[!-)+-~]+", code):
                problems.append(
                    f"{name}: {system}: {written!r} is no code; write letters and digits, and one * at the end for all that begin so"
                )
            codes.append((str(system), code, str(written).endswith("*")))
    lists = tuple(str(delivered) for delivered in entry.get("lists") or [])
    if not codes and not lists:
        problems.append(f"{name}: has no code; name one, or take the rule away")
    return Rule(name, tuple(dict.fromkeys(codes)), lists)


def _plain(code: str) -> str:
    return re.sub(r"[ .]", "", code).upper()


def _take_up_list(connection: psycopg.Connection, listed: CodeList) -> None:
    known = connection.execute(
        "select text_sha256 from governance.restricted_code_list where version = %s", (listed.version,)
    ).fetchone()
    if known and known[0] != listed.text_sha256:
        raise RestrictedCodeError(
            f"{LIST.name}: the text was changed, but its version is still {listed.version}, which was taken up before. "
            "Give it a new version."
        )
    connection.execute(
        "update governance.restricted_code_list set is_in_force = false where is_in_force and version <> %s", (listed.version,)
    )
    connection.execute(
        """insert into governance.restricted_code_list (version, text_sha256, taken_up_by, is_in_force) values (%s, %s, %s, true)
           on conflict (version) do update set is_in_force = true""",
        (listed.version, listed.text_sha256, warehouse.who_is_at_work()),
    )
    connection.execute("delete from governance.restricted_code")
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into governance.restricted_code (rule, code_system, code, is_prefix) values (%s, %s, %s, %s)",
            [(rule.name, *code) for rule in listed.rules for code in rule.codes],
        )
        for rule in listed.rules:
            _take_up_delivered(cursor, rule)


def _take_up_delivered(cursor: psycopg.Cursor[Any], rule: Rule) -> None:
    """Add the codes of the lists that a rule names, as each was delivered last.

    Of a rule that has no other code, and none of whose lists ever came, nobody knows what it is about: every code counts.
    """
    values = {"rule": rule.name, "lists": list(rule.lists), "systems": list(_SYSTEMS_OF_LISTS)}
    if warehouse.is_there(cursor.connection, _DELIVERED_LISTS):
        cursor.execute(
            f"""create temporary table delivered_member on commit drop as
                select distinct list, upper(translate(code, '. ', '')) as code from {_DELIVERED_LISTS}
                where list = any(%(lists)s) and superseded_at is null and code is not null""",
            values,
        )
        cursor.execute(
            """delete from governance.restricted_list_member as known
               where list in (select list from delivered_member)
                   and not exists (select from delivered_member as now where now.list = known.list and now.code = known.code)"""
        )
        cursor.execute(
            "insert into governance.restricted_list_member select list, code from delivered_member on conflict do nothing"
        )
        cursor.execute("drop table delivered_member")
    # A list says not of which system its codes are. One that ended was restricted while it was used.
    cursor.execute(
        """insert into governance.restricted_code (rule, code_system, code, is_prefix)
           select distinct %(rule)s, system.name, code, false
           from governance.restricted_list_member
           join unnest(cast(%(systems)s as text[])) as system (name) on (system.name = 'SNOMED CT') = (code ~ '^[0-9]{6,18}$')
           where list = any(%(lists)s)
           on conflict do nothing""",
        values,
    )
    cursor.execute(
        """insert into governance.restricted_code (rule, code_system, code, is_prefix)
           select %(rule)s, system.name, '', true from unnest(cast(%(systems)s as text[])) as system (name)
           where not exists (select from governance.restricted_code where rule = %(rule)s)""",
        values,
    )


def _find_events(connection: psycopg.Connection, codes: sql.Identifier, is_whole: bool) -> None:
    """Keep which care events hold a restricted code. Unless `codes` are those of an earlier day, what is not found is gone."""
    connection.execute(
        sql.SQL(
            """create temporary table restricted_match on commit drop as
               select met.code_system, met.code, listed.rule
               from (select distinct code_system, code from {}) as met
               join governance.restricted_code as listed
                   on met.code_system in (listed.code_system, 'not known')
                   and case
                       when listed.is_prefix then starts_with(upper(translate(met.code, '. ', '')), listed.code)
                       else upper(translate(met.code, '. ', '')) = listed.code
                   end"""
        ).format(codes)
    )
    connection.execute(
        sql.SQL(
            """create temporary table restricted_found on commit drop as
               select distinct coded.care_event_id, match.rule
               from {} as coded join restricted_match as match using (code_system, code)"""
        ).format(codes)
    )
    connection.execute(
        """insert into governance.restricted_care_event (care_event_id, rule)
           select care_event_id, rule from restricted_found
           on conflict (care_event_id, rule) do update set gone_at = null where restricted_care_event.gone_at is not null"""
    )
    if is_whole:
        connection.execute(
            """update governance.restricted_care_event as held set gone_at = clock_timestamp()
               where gone_at is null and not exists (
                   select from restricted_found as found
                   where found.care_event_id = held.care_event_id and found.rule = held.rule
               )"""
        )
    connection.execute("drop table restricted_match, restricted_found")
