"""The evidence pack: what holds on a day, so that a governance lead can prove who could see what, and why. No person's data.

What is missing, has expired or is late comes first. Each section is a table, told from what the warehouse itself obeys:
as one HTML page, as JSON, and with a list of hashes by which it can be shown later that nothing was changed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.xmlreader import AttributesImpl

import psycopg
from jinja2 import Environment, PackageLoader, StrictUndefined

from cares import english, settings, simulated, warehouse
from cares.governance import access, audit, opt_outs
from cares.governance.access import AccessError
from cares.reading import FileProblem, safe_xml
from cares.reports import disclosure
from cares.rights.tables_of_others import rows_of

_REGISTERS = settings.EXPECTATIONS / "governance"
# Schemas of single builds are told together: they hold the same tables again.
_BUILDS = "builds, each in its own schema"


class EvidenceError(Exception):
    """A pack that cannot be written: says why and what to do."""


@dataclass(frozen=True)
class Section:
    """One table of the pack: what it shows, its headings, its rows, and a sentence where there is something to say."""

    title: str
    says: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True)
class Concern:
    """Something that is missing, has expired or is late, and what follows or is to be done."""

    what: str
    then: str


@dataclass(frozen=True)
class Evidence:
    """The whole pack, as page and JSON tell it."""

    written_at: datetime
    written_by: str
    simulated: str | None
    concerns: list[Concern]
    sections: list[Section]
    registers: dict[str, str]


def write(junit: Path | None = None) -> Path:
    """Write the pack of today; returns its folder below `VAR/evidence`, readable by its owner alone.

    `junit` is the file of a test run, of which the pack then tells the counts and what failed, never why. Raises EvidenceError where that file is none.
    """
    tests = _tests(junit) if junit else None
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        # What the sections say is of one moment.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        at: datetime = connection.execute("select now()").fetchone()[0]
        verified = audit.verify()
        sections = [section(connection) for section in _SECTIONS]
        sections.append(_audit(verified))
        sections += [tests] if tests else []
        evidence = Evidence(
            at,
            warehouse.who_is_at_work(),
            simulated.WORD if simulated.is_simulated() else None,
            [
                *_concerns(connection),
                *(Concern(f"The audit of openings: {problem}", "Look at once.") for problem in verified.problems),
            ],
            sections,
            {path.name: _digest(path.read_bytes()) for path in sorted(_REGISTERS.glob("*.yml"))},
        )
    folder = settings.var_folder("evidence") / f"{at:%Y-%m-%d_%H%M%S}"
    folder.mkdir(mode=0o700, exist_ok=True)
    _write(folder / "evidence.html", _page(evidence))
    _write(folder / "evidence.json", json.dumps(asdict(evidence), indent=2, ensure_ascii=False, default=str))
    hashes = {path.name: _digest(path.read_bytes()) for path in sorted(folder.iterdir()) if path.name != "manifest.json"}
    _write(folder / "manifest.json", json.dumps(hashes, indent=2))
    return folder


def changed(folder: Path) -> list[str]:
    """The files of a pack that are not as they were written, or are gone or new; none where all is well.

    Raises EvidenceError where the folder is no pack.
    """
    manifest = folder / "manifest.json"
    if not manifest.exists():
        raise EvidenceError(f"{folder} is no evidence pack: it has no manifest.json")
    hashes: dict[str, str] = json.loads(manifest.read_text("utf-8"))
    there = {path.name for path in folder.iterdir()} - {"manifest.json"}
    return sorted(
        name for name in there | set(hashes) if name not in there or hashes.get(name) != _digest((folder / name).read_bytes())
    )


def _concerns(connection: psycopg.Connection[Any]) -> list[Concern]:
    """What is missing, expired or late, readiness first."""
    found = [
        Concern(
            f"{one['what'].rstrip('.')}: {one['state_today']}",
            f"Owner: {one['owner']}. Real data are not switched on before it is in place.",
        )
        for one in rows_of(connection, _NOT_READY)
    ]
    found += [Concern(one["what"], one["follows"]) for query in _LATE for one in rows_of(connection, query)]
    try:
        access.check()
    except (AccessError, FileNotFoundError) as error:
        why = " ".join(str(error).split()) if isinstance(error, AccessError) else f"{access.MATRIX.name} is not there."
        found.append(Concern("Access is not as it was agreed", why))
    found += [
        Concern(f"{one.purpose}: {one.says}", "It shows nobody until a list comes: cares opt-out status")
        for one in opt_outs.status().purposes
        if not one.is_fresh
    ]
    return found


def _readiness(connection: psycopg.Connection[Any]) -> Section:
    return _section(
        connection,
        "Before switching on",
        "What must be in place, who owns it and how it stands.",
        {
            "what": "What",
            "owner": "Owner",
            "state_today": "State",
            "decided_on": "Since",
            "expires_on": "Until",
            "kept_at": "Kept at",
        },
        """select what, owner, state_today, decided_on, expires_on, kept_at from governance.readiness_today
           order by array_position(array['missing', 'expired', 'being written', 'in place'], state_today), item""",
    )


def _purposes(connection: psycopg.Connection[Any]) -> Section:
    return _section(
        connection,
        "Purposes and their bases",
        "Each published table serves one of them; one that has no basis today shows no row.",
        {
            "purpose": "Purpose", "article_6": "Article 6", "article_9": "Article 9", "confidence": "Confidentiality",
            "police_basis": "Police data", "reader": "Reader", "smallest_group": "Smallest group", "today": "Today",
        },
        """select purpose, article_6, article_9,
                  confidentiality_basis || coalesce(': ' || statute, '')
                    || coalesce(': ' || section_251_reference || ' until ' || section_251_until, '') as confidence,
                  police_basis, reader, smallest_group,
                  case when purpose in (select purpose from governance.purpose_in_force) then 'in force' else 'STOPPED' end as today
           from governance.purpose order by purpose""",
    )  # fmt: skip


def _agreements(connection: psycopg.Connection[Any]) -> Section:
    return _section(
        connection,
        "Sharing agreements",
        "Without one in force a delivery is not taken, and what came before is treated as the agreement says.",
        {
            "feed": "Feed", "agreement": "Agreement", "purposes": "Purposes", "signed_on": "Signed", "in_force_from": "From",
            "in_force_until": "Until", "on_ending": "On ending", "today": "Today",
        },
        """select feed, agreement, array_to_string(purposes, ', ') as purposes, signed_on, in_force_from, in_force_until,
                  on_ending || coalesce(' ' || kept_until, '') as on_ending,
                  case when in_force_from > current_date then 'not yet'
                       when in_force_until < current_date then 'ended' else 'in force' end as today
           from governance.sharing_agreement order by feed, in_force_from""",
    )  # fmt: skip


def _partnership(connection: psycopg.Connection[Any]) -> Section:
    return _section(
        connection,
        "Partnership agreements",
        "Facts that are told of each body. They are no gate.",
        {"agreement": "Agreement", "body": "Body", "since": "Since", "state": "State", "source": "Source"},
        "select agreement, body, since, state, source from governance.partnership_event order by since, agreement, body",
    )


def _matrix(connection: psycopg.Connection[Any]) -> Section:
    """Role x schema: how many tables a login may read."""
    roles = [f"cares_{role}" for role in warehouse.roles() if role not in ("owner", "airflow")]
    told: dict[str, dict[str, str]] = {}
    for role, schema, readable, tables in connection.execute(_PRIVILEGES, {"builds": _BUILDS, "roles": roles}).fetchall():
        told.setdefault(schema, {})[role] = f"{readable} of {tables}" if readable else "–"
    schemas = sorted(told)
    return Section(
        "Who may read what",
        "Role by schema: how many of its tables and views a login may read. Views hide rows from those who may read them.",
        ("Role", *schemas),
        [(role.removeprefix("cares_"), *(told[schema].get(role, "–") for schema in schemas)) for role in roles],
    )


def _rows_seen(_: psycopg.Connection[Any]) -> Section:
    """Role x organisation x table: how many rows a login sees, asked through that login itself."""
    return Section(
        "Rows that each login sees",
        "Asked through the logins themselves. A login that is not named reads no table at all. Small counts are hidden.",
        ("Role", "Organisation", "Table", "Rows"),
        [
            (cell.role, cell.organisation or "", cell.table, "some columns" if cell.rows is None else disclosure.shown(cell.rows))
            for cell in access.matrix()
        ],
    )


def _opt_outs(connection: psycopg.Connection[Any]) -> Section:
    now = opt_outs.status()
    return Section(
        "Opt-outs",
        "Counts of people are rounded. No person's own choice is kept as such.",
        ("What", "How it stands"),
        [
            ("people in the index", disclosure.shown(now.people)),
            ("kept out because they are not on the list of those who may be used", disclosure.shown(now.not_on_the_list)),
            ("without a verified NHS number", disclosure.shown(now.without_verified_number)),
            ("with a Type 1 opt-out", disclosure.shown(now.type_1)),
            *((one.purpose, one.says) for one in now.purposes),
        ],
    )


def _suppressions(connection: psycopg.Connection[Any]) -> Section:
    rows = connection.execute(_SUPPRESSIONS).fetchall()
    rows += connection.execute(_CODES).fetchall()
    version = connection.execute("select max(version) from governance.restricted_code_list where is_in_force").fetchone()[0]
    return Section(
        "What is kept from readers",
        f"Counted by rule, never by code; the list of restricted codes is version {version or 'none yet'}. Small counts are hidden.",
        ("Rule", "People, records or events"),
        [(rule, disclosure.shown(count)) for rule, count in rows],
    )


def _overrides(connection: psycopg.Connection[Any]) -> Section:
    rows = connection.execute(_OVERRIDES).fetchall()
    return Section(
        "Overrides",
        "Where a person set a rule aside: each is on record with who and why.",
        ("What", "How often"),
        [(what, disclosure.shown(count)) for what, count in rows],
    )


def _sign_offs(connection: psycopg.Connection[Any]) -> Section:
    return _section(
        connection,
        "Sign-offs",
        "Risks that a Caldicott guardian or SIRO accepts for one use, under a hash of what it shows.",
        {
            "purpose": "Use", "build_id": "Build", "role": "Role", "name": "Who", "at": "When", "until": "Until", "risks": "Risks",
            "state": "State", "content_hash": "Hash of the content",
        },
        """select purpose, build_id, role, name, cast(at as date) as at, until, array_to_string(risks, '; ') as risks,
                  case when withdrawn_at is not null then 'withdrawn' when until < current_date then 'ended' else 'in force' end
                    as state, left(content_hash, 16) as content_hash
           from governance.sign_off order by sign_off_id desc""",
    )  # fmt: skip


def _openings(connection: psycopg.Connection[Any]) -> Section:
    rows = connection.execute(
        """select to_char(at, 'YYYY-MM'), coalesce(organisation, 'no organisation'),
                  count(*) filter (where outcome = 'shown'), count(*) filter (where outcome = 'empty'),
                  count(*) filter (where outcome = 'refused'), count(*) filter (where is_emergency and outcome <> 'refused')
           from audit.opening group by 1, 2 order by 1 desc, 2"""
    ).fetchall()
    return Section(
        "Openings of the Shared Care Record",
        "By month and organisation; small counts are hidden.",
        ("Month", "Organisation", "Shown", "Empty", "Refused", "Emergencies"),
        [(month, organisation, *(disclosure.shown(count) for count in counts)) for month, organisation, *counts in rows],
    )


def _rights(connection: psycopg.Connection[Any]) -> Section:
    rows = connection.execute(_RIGHTS).fetchall()
    return Section(
        "Rights of people",
        "What was asked and how it stands, as counts; each act has its certificate.",
        ("What", "How many"),
        [(what, disclosure.shown(count)) for what, count in rows],
    )


def _certificates(connection: psycopg.Connection[Any]) -> Section:
    return _section(
        connection,
        "Certificates",
        "How often each act was certified, and when last.",
        {"act": "Act", "times": "Times", "last": "Last", "numbers": "Numbers"},
        """select act, count(*) as times, cast(max(at) as date) as last, min(certificate_id) || ' to ' || max(certificate_id) as numbers
           from governance.certificate group by act order by act""",
    )


def _builds(connection: psycopg.Connection[Any]) -> Section:
    return _section(
        connection,
        "Builds",
        "The last ten: what readers could see, and since when.",
        {"build_id": "Build", "state": "State", "started_at": "Started", "published_at": "Published", "as_at": "Facts as at"},
        """select build_id, state, to_char(started_at, 'YYYY-MM-DD HH24:MI') as started_at,
                  to_char(published_at, 'YYYY-MM-DD HH24:MI') as published_at, to_char(as_at, 'YYYY-MM-DD HH24:MI') as as_at
           from ledger.build order by build_id desc limit 10""",
    )


def _audit(verified: audit.Verified) -> Section:
    return Section(
        "The audit's own integrity",
        "Every hash was computed anew and held against the anchors outside the database.",
        ("What", "Found"),
        [
            ("verdict", "broken" if verified.problems else "intact"),
            ("rows", f"{verified.rows:,}"),
            ("anchored up to row", f"{verified.anchored_rows:,}"),
            ("anchored at", str(verified.anchored_at or "never")),
            *(("problem", problem) for problem in verified.problems),
        ],
    )


class _Suites(safe_xml.Listener):
    """Hears of the suites of a junit file and adds up their counts."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
        self.times: list[str] = []
        self.failed: list[str] = []
        self._case = ""

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        super().startElement(name, attrs)
        if name == "testsuite":
            for count in self.counts:
                self.counts[count] += int(attrs.get(count, "0"))
            self.times.append(attrs.get("timestamp", ""))
        elif name == "testcase":
            self._case = f"{attrs.get('classname', '')}: {attrs.get('name', '')}"
        elif name in ("failure", "error"):
            self.failed.append(self._case)


def _tests(junit: Path) -> Section:
    suites = _Suites()
    try:
        content = junit.read_bytes()
        safe_xml.tell_all(suites, [content])
    except (OSError, FileProblem, ValueError):
        raise EvidenceError(f"{junit} is no junit file; write one with: pytest --junit-xml=FILE") from None
    if not suites.times:
        raise EvidenceError(f"{junit} holds no test suite; write it with: pytest --junit-xml=FILE")
    return Section(
        "Tests",
        f"As {junit.name} tells them. The text of a failure stays there: it may quote the data of a test.",
        ("What", "Found"),
        [
            ("run at", ", ".join(suites.times)),
            ("SHA-256 of the file", _digest(content)),
            *((count, f"{number:,}") for count, number in suites.counts.items()),
            *(("failed", case) for case in suites.failed),
        ],
    )


_SECTIONS: tuple[Callable[[psycopg.Connection[Any]], Section], ...] = (
    _readiness, _purposes, _agreements, _partnership, _matrix, _rows_seen, _opt_outs, _suppressions, _overrides, _sign_offs, _openings,
    _rights, _certificates, _builds,
)  # fmt: skip


def _section(connection: psycopg.Connection[Any], title: str, says: str, headings: dict[str, str], query: str) -> Section:
    rows = [tuple(_told(row[name]) for name in headings) for row in rows_of(connection, query)]
    return Section(title, says, tuple(headings.values()), rows)


def _told(value: Any) -> str:
    return "" if value is None else str(value)


def _page(evidence: Evidence) -> str:
    environment = Environment(
        loader=PackageLoader("cares.rights"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"day": english.day}
    return environment.get_template("evidence.html").render(evidence=evidence)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


_NOT_READY = """
    select what, owner, state_today from governance.readiness_today where state_today <> 'in place'
    order by array_position(array['missing', 'expired', 'being written'], state_today), item
"""

_LATE: Sequence[str] = (
    "select 'No register of readiness was ever taken up' as what, 'It is, by each build: cares build run' as follows "
    "where not exists (select from governance.readiness)",
    """select format('The purpose %s has no basis today', purpose) as what,
              'What serves it shows no row. See: cares purpose list' as follows
       from governance.purpose where purpose not in (select purpose from governance.purpose_in_force) order by 1""",
    """select format('The support under section 251 for %s ends on %s', purpose, section_251_until) as what,
              'Have it renewed: what serves the purpose stops with it.' as follows
       from governance.purpose where section_251_until between current_date and current_date + 60 order by 1""",
    """select format('%s: the agreement %s %s', feed, agreement,
                     case when in_force_until < current_date then 'ended on ' || in_force_until
                          else 'ends on ' || in_force_until end) as what,
              format('On ending: %s.', on_ending) as follows
       from governance.sharing_agreement as ending
       where in_force_until < current_date + 60 and not exists (
           select from governance.sharing_agreement as other
           where other.feed = ending.feed and other.in_force_from <= current_date
               and (other.in_force_until is null or other.in_force_until >= current_date + 60))
       order by 1""",
    """select format('Build %s waits for a sign-off for %s', build_id, purpose) as what,
              'Readers see the build before. See: cares sign-off list' as follows
       from governance.unaccepted_use join ledger.build using (build_id)
       where build.state in ('tested', 'published') order by 1""",
    """select format('%s of people to see what is held about them %s late', case count(*) when 1 then 'A request' else 'Requests' end,
                     case count(*) when 1 then 'is' else 'are' end) as what,
              'Answer: cares subject-access list' as follows
       from governance.subject_access where released_at is null and due_on < current_date having count(*) > 0""",
    """select format('%s for a correction %s late', case count(*) when 1 then 'A request' else 'Requests' end,
                     case count(*) when 1 then 'is' else 'are' end) as what,
              'Ask the senders again: cares rectify list' as follows
       from governance.rectification where ended_at is null and due_on < current_date having count(*) > 0""",
)

_PRIVILEGES = """
    with known as (
        select class.oid, case when namespace.nspname ~ '__(b[0-9]+|next)$' then %(builds)s else namespace.nspname end as schema
        from pg_class as class join pg_namespace as namespace on namespace.oid = class.relnamespace
        where class.relkind in ('r', 'v', 'm', 'p')
            and namespace.nspname !~ '^(pg_|information_schema|public|dblink)'
    )
    select role, schema, count(*) filter (where has_any_column_privilege(role, known.oid, 'select')
                                              and has_schema_privilege(role, class.relnamespace, 'usage')), count(*)
    from known join pg_class as class using (oid) cross join unnest(cast(%(roles)s as text[])) as role
    group by 1, 2
"""

_SUPPRESSIONS = """
    select 'records withheld because they may be linked wrongly', count(distinct person_record_id)
    from person_index.withheld_record where released_at is null and split_at is null
    union all
    select 'people whose home nobody may find (S-flag)', count(distinct person_record_id)
    from governance.restricted_record where lifted_at is null
    union all
    select 'people whose Shared Care Record may be shown', count(*) from governance.permitted_record
    union all
    select 'objections to one organisation', count(*) from governance.objection
    union all
    select 'cells of board figures hidden', count(*) from governance.released_cell
    where counted > 0 and shown is null
    union all
    select 'rows disputed by the person they are about', count(*) from governance.disputed_row
"""

_CODES = """
    select 'care events, ' || rule, count(distinct care_event_id) from governance.restricted_event group by 1 order by 1
"""

_OVERRIDES = """
    select 'records opened in an emergency, without permission', count(*) from audit.opening where is_emergency and outcome <> 'refused'
    union all
    select 'rows let in although a rule sets them aside', count(*) from ledger.row_release where ended_at is null
    union all
    select 'deliveries accepted by a person after they were held',
           count(distinct delivery_id) from ledger.delivery_event where event = 'accepted'
               and delivery_id in (select delivery_id from ledger.delivery_event where event = 'held')
    union all
    select 'sign-offs in force', count(*) from governance.sign_off where withdrawn_at is null and until >= current_date
    union all
    select 'signals of misuse raised', count(*) from governance.misuse_signal
    union all
    select 'pseudonym keys changed', count(*) from governance.pseudonym_rotation
"""

_RIGHTS = """
    select 'requests to see what is held, answered', count(*) from governance.subject_access where released_at is not null
    union all
    select 'requests to see what is held, waiting', count(*) from governance.subject_access where released_at is null
    union all
    select 'corrections: ' || coalesce(outcome, 'waiting'), count(*) from governance.rectification group by 1
    union all
    select 'legal holds in force', count(*) from governance.legal_hold where ended_at is null
    union all
    select 'rows erased', coalesce(sum(erased_rows), 0) from ledger.delivery_file
"""
