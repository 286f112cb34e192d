"""A person's right to see what is held about them (Article 15): prepared, reviewed by a person, then released as a pack.

The list of what is held says where each row is and never what it says; its values are read again whenever a page is written.
What a review withholds for serious harm or adoption leaves no trace in the pack: to be told that something is missing may
do the harm. That something about others is left out is said.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from psycopg.rows import class_row

from cares import contracts, english, provenance, reasons, settings, simulated, warehouse
from cares.contracts import Table
from cares.deliveries import Row
from cares.governance import certificates
from cares.predicates import identifier
from cares.rights import calendar_months, held_rows
from cares.rights.held_rows import HeldRow
from cares.rights.tables_of_others import rows_of

REGISTER = settings.EXPECTATIONS / "governance" / "subject_access.yml"
GROUNDS = ("serious harm", "third party", "adoption")


class SubjectAccessError(Exception):
    """A step that cannot be taken: says why and what to do, never a person's data."""


@dataclass(frozen=True)
class Request:
    """One request to see what is held, and how far it is."""

    request_id: int
    person_id: int
    received_on: date
    due_on: date
    prepared_at: datetime
    reviewed_at: datetime | None
    released_at: datetime | None
    items: int
    to_look_at: int
    withheld: int
    is_late: bool

    @property
    def state(self) -> str:
        """`prepared`, `reviewed` or `released`."""
        return "released" if self.released_at else "reviewed" if self.reviewed_at else "prepared"


@dataclass(frozen=True)
class Item:
    """A row in a request: where it is, what is to be looked for in it, and what was decided."""

    item: int
    delivery_id: int
    table_name: str
    line_number: int
    is_shared: bool
    look_for: list[str]
    looked_at_by: str | None
    withheld_columns: list[str] | None
    withheld_for: str | None
    withheld_because: str | None
    advised_by: str | None

    @property
    def row(self) -> Row:
        """The row as it is named everywhere."""
        return Row(self.delivery_id, self.table_name, self.line_number)

    @property
    def is_left_out(self) -> bool:
        """Whether the whole row is withheld."""
        return self.withheld_for is not None and not self.withheld_columns


@dataclass(frozen=True)
class Value:
    """One value of a row as it was sent, with what its column and its code mean."""

    header: str
    means: str
    value: str
    code_means: str | None = None


@dataclass(frozen=True)
class ShownRow:
    """A row as a pack or a draft shows it, with where it comes from and what became of it."""

    number: int
    row: str
    table: str
    each_row_is: str
    file_name: str
    sha256_start: str
    line: int
    received_on: date
    what_became_of_it: str
    is_disputed: bool
    values: list[Value]
    others_left_out: bool = False
    item: Item | None = field(default=None, repr=False)


def prepare(person: str, received_on: date) -> Request:
    """List every row that is held about a person who asked, and write the draft that a reviewer reads.

    `person` is `person/345`, a pseudonym, or a person record such as `council/cld/12345`. Done again before the release, the
    list is brought up to date, what was decided about a row stays, and the review has to be ended anew. Raises
    SubjectAccessError where the day is in the future or the person's records may be another's, ProvenanceError where there
    is no such person.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        today = connection.execute("select current_date").fetchone()[0]
        if received_on > today:
            raise SubjectAccessError(f"{received_on} is in the future; give the day on which the request came")
        person_id = _person(connection, person)
        _refuse_where_it_may_be_another(connection, person_id)
        found = connection.execute(
            """insert into governance.subject_access (person_id, received_on, due_on, prepared_by) values (%s, %s, %s, %s)
               on conflict (person_id) where released_at is null
               do update set prepared_at = now(), prepared_by = excluded.prepared_by, reviewed_at = null, reviewed_by = null
               returning request_id""",
            (person_id, received_on, calendar_months.after(received_on, 1), warehouse.who_is_at_work()),
        ).fetchone()
        _keep_items(connection, found[0], held_rows.of_person(connection, person_id))
    write_draft(found[0])
    return request(found[0])


def requests() -> list[Request]:
    """All requests, the one that is due first before the others, and those that are answered last."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return (
            connection.cursor(row_factory=class_row(Request))
            .execute(f"{_REQUESTS} order by released_at is not null, due_on, request_id")
            .fetchall()
        )


def request(request_id: int) -> Request:
    """One request; SubjectAccessError where there is none of that number."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return _request(connection, request_id)


def items(request_id: int) -> list[Item]:
    """The rows of a request, by their numbers. Raises SubjectAccessError where there is no such request."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        _request(connection, request_id)
        return _items(connection, request_id)


def draft_of(request_id: int) -> Path:
    """Where the draft of a request is, that the reviewer reads."""
    return _folder(request_id) / "draft.html"


def withhold(
    request_id: int,
    numbers: Sequence[int],
    ground: str,
    because: str,
    columns: Sequence[str] = (),
    advised_by: str | None = None,
) -> None:
    """Leave rows, or some columns of them, out of the pack. `because` is why, and stays with us.

    Raises SubjectAccessError where the request is answered, an item or a column is not there, the ground is none, or serious
    harm is not said by a professional.
    """
    if ground not in GROUNDS:
        raise SubjectAccessError(f"{ground!r} is no ground to withhold anything; use {english.any_of(GROUNDS)}")
    if ground == "serious harm" and not (advised_by or "").strip():
        raise SubjectAccessError(
            "Whether it does serious harm is for a health or social work professional to say. Name theirs: --advised-by '...'"
        )
    because = reasons.one_line(because, SubjectAccessError)
    with _reviewing(request_id) as connection:
        for one in _named(connection, request_id, numbers):
            headers = _table_of(connection, one).file.columns
            if wrong := [column for column in columns if column not in headers]:
                raise SubjectAccessError(
                    f"The table of item {one.item} has no column {english.any_of(map(repr, wrong))}; "
                    "name it as the draft does, or withhold the whole row"
                )
            connection.execute(
                """update governance.subject_access_item
                   set withheld_for = %s, withheld_because = %s, withheld_columns = %s, advised_by = %s,
                       looked_at_by = %s, looked_at = now()
                   where request_id = %s and item = %s""",
                (ground, because, list(columns) or None, advised_by, warehouse.who_is_at_work(), request_id, one.item),
            )


def show(request_id: int, numbers: Sequence[int]) -> None:
    """Say of rows that they were looked at and may be shown whole; SubjectAccessError as `withhold` raises it."""
    with _reviewing(request_id) as connection:
        named = [one.item for one in _named(connection, request_id, numbers)]
        connection.execute(
            """update governance.subject_access_item
               set withheld_for = null, withheld_because = null, withheld_columns = null, advised_by = null,
                   looked_at_by = %s, looked_at = now()
               where request_id = %s and item = any(%s)""",
            (warehouse.who_is_at_work(), request_id, named),
        )


def end_review(request_id: int) -> None:
    """Say that the review is done. Raises SubjectAccessError while a row waits that has to be looked at."""
    with _reviewing(request_id) as connection:
        waiting = [str(one.item) for one in _items(connection, request_id) if one.look_for and not one.looked_at_by]
        if waiting:
            some = english.all_of(waiting[:10]) + (" and more" if len(waiting) > 10 else "")
            raise SubjectAccessError(
                f"{english.counted(len(waiting), 'item')} of request {request_id} wait to be looked at: {some}. Read the draft, then "
                f"withhold or show each: cares subject-access review {request_id} --withhold ITEM --for GROUND --because '...', "
                f"or: --show ITEM"
            )
        connection.execute(
            "update governance.subject_access set reviewed_at = now(), reviewed_by = %s where request_id = %s",
            (warehouse.who_is_at_work(), request_id),
        )


def extend(request_id: int, because: str) -> Request:
    """Take two months more, as the law allows where a request is complex; whoever asked is told, and why."""
    because = reasons.one_line(because, SubjectAccessError)
    with _reviewing(request_id) as connection:
        received_on = _request(connection, request_id).received_on
        connection.execute(
            "update governance.subject_access set due_on = %s, extended_because = %s where request_id = %s",
            (calendar_months.after(received_on, 3), because, request_id),
        )
    return request(request_id)


def release(request_id: int, identity_seen: str) -> Path:
    """Write the pack that the person is given, and its certificate; returns the pack's folder. The draft goes.

    `identity_seen` is how it was made sure that who asks is the person. Raises SubjectAccessError where the review was not
    ended, or rows have come or gone since.
    """
    identity_seen = reasons.one_line(identity_seen, SubjectAccessError, hint=" It is about who asks: how they were known.")
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        asked = _request(connection, request_id)
        if asked.released_at:
            raise SubjectAccessError(f"Request {request_id} was answered on {asked.released_at:%Y-%m-%d}; prepare a new one.")
        if not asked.reviewed_at:
            raise SubjectAccessError(
                f"The review of request {request_id} is not ended, and nothing is released before. "
                f"When it is: cares subject-access review {request_id} --done"
            )
        _refuse_where_it_may_be_another(connection, asked.person_id)
        listed = _items(connection, request_id)
        now = {one.row for one in held_rows.of_person(connection, asked.person_id)}
        if changed := len(now ^ {one.row for one in listed}):
            connection.execute(
                "update governance.subject_access set reviewed_at = null, reviewed_by = null where request_id = %s", (request_id,)
            )
            connection.commit()
            raise SubjectAccessError(
                f"{english.counted(changed, 'row')} came or went since the review. Bring the list up to date, and review what is "
                f"new: cares subject-access prepare, of person/{asked.person_id}"
            )
        folder = _folder(request_id) / "pack"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        pack = _pack(connection, asked, [one for one in listed if not one.is_left_out])
        _write(folder / "pack.html", _page("subject_access.html", pack=pack, is_draft=False))
        _write(folder / "pack.json", json.dumps(_as_json(pack), indent=2, ensure_ascii=False, default=str))
        digest = _write_manifest(folder)
        withheld = {ground: sum(one.withheld_for == ground for one in listed) for ground in GROUNDS}
        certificate_id, _ = certificates.write(
            connection,
            "subject access",
            f"The answer to request {request_id} was written: every row that is held about the person, where each came from, "
            f"and who saw it. The SHA-256 of its manifest is {digest}.",
            f"Article 15 of the UK GDPR; received {asked.received_on}, due {asked.due_on}; reviewed before the release",
            {"rows held": len(listed), **{f"rows withheld, {ground}": number for ground, number in withheld.items()}},
        )
        connection.execute(
            """update governance.subject_access set released_at = now(), released_by = %s, identity_seen = %s,
                   manifest_sha256 = %s, certificate_id = %s
               where request_id = %s""",
            (warehouse.who_is_at_work(), identity_seen, digest, certificate_id, request_id),
        )
    draft_of(request_id).unlink(missing_ok=True)
    return folder


def _person(connection: psycopg.Connection[Any], person: str) -> int:
    if person.count("/") >= 2:
        found = connection.execute(
            "select person_id from person_index.membership where person_record_id = %s and valid_to is null", (person,)
        ).fetchone()
        if not found:
            raise SubjectAccessError(
                "The index knows no such person record. A record is named by its organisation, its source and the source's own "
                "id, for example: council/cld/12345"
            )
        return int(found[0])
    return provenance.of_person(person).person_id


def _refuse_where_it_may_be_another(connection: psycopg.Connection[Any], person_id: int) -> None:
    """Raise SubjectAccessError while it is in doubt whether all records are the person's own: a pack may tell of nobody else."""
    in_doubt, for_the_guardian = connection.execute(_DOUBTS, {"person": person_id}).fetchone()
    if in_doubt:
        raise SubjectAccessError(
            "Records of this person are withheld because they may have been linked wrongly, so that a pack could show somebody "
            "else's. Let the next build split them: cares build run. Or end the withholding: cares person-index release"
        )
    if for_the_guardian:
        raise SubjectAccessError("It is not for this command to answer this request. Ask the Caldicott guardian.")


def _keep_items(connection: psycopg.Connection[Any], request_id: int, rows: Sequence[HeldRow]) -> None:
    """Bring the items of a request in line with the rows that are held; what was decided about a row stays with it."""
    before = {one.row: one for one in _items(connection, request_id)}
    now = {one.row for one in rows}
    gone = [one.item for row, one in before.items() if row not in now]
    connection.execute("delete from governance.subject_access_item where request_id = %s and item = any(%s)", (request_id, gone))
    number = max((one.item for one in before.values()), default=0)
    for one in rows:
        if one.row in before:
            continue
        number += 1
        connection.execute(
            """insert into governance.subject_access_item
                 (request_id, item, delivery_id, table_name, line_number, is_shared, look_for)
               values (%s, %s, %s, %s, %s, %s, %s)""",
            (
                request_id,
                number,
                one.row.delivery_id,
                one.row.table,
                one.row.line,
                one.is_shared,
                _look_for(connection, one),
            ),
        )


def _look_for(connection: psycopg.Connection[Any], one: HeldRow) -> list[str]:
    """Why a person has to look at a row before it is shown."""
    format = contracts.load().feed(one.feed).format
    table = format.tables[one.row.table]
    filled = _values(connection, table, one.file_id, one.row.line)
    reasons = grounds_of(f"{format.name}.{table.name}", filled)
    if one.is_shared:
        reasons.append("third party: the row tells of others too")
    free = [header for header, column in table.file.columns.items() if column.free_text and header in filled]
    if free:
        reasons.append(f"third party, serious harm: free text in {english.all_of(free)}")
    return reasons


def grounds_of(table: str, filled: dict[str, str]) -> list[str]:
    """The grounds for which the register has somebody look at a row of format.table, by its filled values (header -> value)."""
    return [
        ground
        for ground, tables in _to_look_at().items()
        if table in tables
        and (not tables[table] or any(filled.get(header, "").strip() in codes for header, codes in tables[table].items()))
    ]


@cache
def _to_look_at() -> dict[str, dict[str, dict[str, list[str]]]]:
    """Ground -> format.table -> header -> codes that tell; no header: every row of the table.

    Raises SubjectAccessError where the register names what is not there.
    """
    register = yaml.safe_load(REGISTER.read_text("utf-8"))
    known = {f"{table.format}.{table.name}": table for table in contracts.load().tables()}
    if wrong := sorted(set(register) - set(GROUNDS)):
        raise SubjectAccessError(f"{REGISTER.name}: {wrong[0]!r} is no ground; use {english.any_of(GROUNDS)}")
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for ground, entries in register.items():
        for entry in entries:
            (name, codes), *_ = entry.items() if isinstance(entry, dict) else [(entry, {})]
            if name not in known:
                raise SubjectAccessError(f"{REGISTER.name}: there is no table {name!r}; name it as format.table")
            if missing := [header for header in codes if header not in known[name].file.columns]:
                raise SubjectAccessError(f"{REGISTER.name}: {name} has no column {missing[0]!r}; name it by its header")
            found.setdefault(ground, {})[name] = codes
    return found


@contextmanager
def _reviewing(request_id: int) -> Iterator[psycopg.Connection[Any]]:
    """A transaction in which a request is looked at; whatever is decided in it takes back that the review was ended."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute("select from governance.subject_access where request_id = %s for update", (request_id,))
        if _request(connection, request_id).released_at:
            raise SubjectAccessError(f"Request {request_id} was answered already; prepare a new one.")
        connection.execute(
            "update governance.subject_access set reviewed_at = null, reviewed_by = null where request_id = %s", (request_id,)
        )
        yield connection


def _request(connection: psycopg.Connection[Any], request_id: int) -> Request:
    found = (
        connection.cursor(row_factory=class_row(Request)).execute(f"{_REQUESTS} where request_id = %s", (request_id,)).fetchone()
    )
    if not found:
        raise SubjectAccessError(f"There is no request {request_id}. See: cares subject-access list")
    return found


def _items(connection: psycopg.Connection[Any], request_id: int) -> list[Item]:
    return (
        connection.cursor(row_factory=class_row(Item))
        .execute(
            """select item, delivery_id, table_name, line_number, is_shared, look_for, looked_at_by, withheld_columns,
                      withheld_for, withheld_because, advised_by
               from governance.subject_access_item where request_id = %s order by item""",
            (request_id,),
        )
        .fetchall()
    )


def _named(connection: psycopg.Connection[Any], request_id: int, numbers: Sequence[int]) -> list[Item]:
    known = {one.item: one for one in _items(connection, request_id)}
    if missing := [str(number) for number in numbers if number not in known]:
        raise SubjectAccessError(
            f"Request {request_id} has no item {english.any_of(missing)}. See: cares subject-access review {request_id}"
        )
    return [known[number] for number in numbers]


def _table_of(connection: psycopg.Connection[Any], one: Item) -> Table:
    feed = connection.execute("select feed from ledger.delivery where delivery_id = %s", (one.delivery_id,)).fetchone()[0]
    return contracts.load().feed(feed).format.tables[one.table_name]


def write_draft(request_id: int) -> None:
    """Write the page that the reviewer reads: every item with its number, what is to be looked for and what was decided."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        pack = _pack(connection, _request(connection, request_id), _items(connection, request_id), is_draft=True)
    _write(draft_of(request_id), _page("subject_access.html", pack=pack, is_draft=True))


@dataclass(frozen=True)
class Pack:
    """Everything that is told to a person who asks."""

    request_id: int
    received_on: date
    due_on: date
    written_at: datetime
    simulated: str | None
    purposes: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    records: list[dict[str, Any]]
    openings: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    groups: list[tuple[str, list[ShownRow]]]
    others_left_out: bool


def _pack(connection: psycopg.Connection[Any], asked: Request, listed: Sequence[Item], is_draft: bool = False) -> Pack:
    titles = {one.row: _feed_title(connection, one.delivery_id) for one in listed}
    listed = sorted(listed, key=lambda one: (titles[one.row], one.item))
    groups: dict[str, list[ShownRow]] = {}
    for item, row in zip(listed, _shown_rows(connection, listed, is_draft), strict=True):
        groups.setdefault(titles[item.row], []).append(row)
    left_out = connection.execute(
        "select exists (select from governance.subject_access_item where request_id = %s and withheld_for = 'third party')",
        (asked.request_id,),
    ).fetchone()[0]
    return Pack(
        asked.request_id,
        asked.received_on,
        asked.due_on,
        connection.execute("select now()").fetchone()[0],
        simulated.WORD if simulated.is_simulated() else None,
        rows_of(connection, _PURPOSES),
        _sources(connection, listed),
        rows_of(connection, _RECORDS, person=asked.person_id),
        _openings(connection, asked.person_id),
        _decisions(connection, asked.person_id),
        list(groups.items()),
        left_out,
    )


def _shown_rows(connection: psycopg.Connection[Any], listed: Sequence[Item], is_draft: bool) -> list[ShownRow]:
    shown = []
    for number, one in enumerate(listed, 1):
        table = _table_of(connection, one)
        story = provenance.of_row(one.row)
        file_id = connection.execute(_FILE, (one.delivery_id, one.table_name)).fetchone()[0]
        values = _values(connection, table, file_id, one.line_number)
        withheld = set() if is_draft else set(one.withheld_columns or ())
        shown.append(
            ShownRow(
                one.item if is_draft else number,
                str(one.row),
                table.file.title,
                table.file.each_row_is,
                story.file_name,
                story.sha256_start,
                one.line_number,
                story.received_at.date(),
                story.fate + (f"; replaced by delivery {story.successor.delivery_id}" if story.successor else ""),
                bool(story.disputes),
                [
                    Value(header, table.file.columns[header].means, value, _code_means(table, header, value))
                    for header, value in values.items()
                    if header not in withheld
                ],
                bool(withheld) and one.withheld_for == "third party",
                one if is_draft else None,
            )
        )
    return shown


def _values(connection: psycopg.Connection[Any], table: Table, file_id: int, line: int) -> dict[str, str]:
    """The filled values of a row as they were sent, by header."""
    names = list(table.column_names.items())
    found = connection.execute(
        f"""select {", ".join(identifier(name) for _, name in names)} from landing.{identifier(table.landing_name)}
            where file_id = %s and line_number = %s""",
        (file_id, line),
    ).fetchone()
    filled = zip((header for header, _ in names), found or (), strict=bool(found))
    return {header: value for header, value in filled if value is not None and value.strip()}


def _code_means(table: Table, header: str, value: str) -> str | None:
    for rule in table.file.columns[header].we_expect:
        if rule.one_of:
            code = table.code_lists[rule.one_of].codes.get(value.strip())
            return code.means if code and code.means != value.strip() else None
    return None


def _feed_title(connection: psycopg.Connection[Any], delivery_id: int) -> str:
    slug = connection.execute("select feed from ledger.delivery where delivery_id = %s", (delivery_id,)).fetchone()[0]
    known = contracts.load()
    feed = known.feed(slug)
    return f"{known.organisations[feed.organisation].file.name}: {feed.file.title}"


def _sources(connection: psycopg.Connection[Any], listed: Sequence[Item]) -> list[dict[str, Any]]:
    """Who sent how many of the rows, and under which agreement."""
    counted: dict[str, int] = {}
    for one in listed:
        slug = connection.execute("select feed from ledger.delivery where delivery_id = %s", (one.delivery_id,)).fetchone()[0]
        counted[slug] = counted.get(slug, 0) + 1
    known = contracts.load()
    return [
        {
            "organisation": known.organisations[known.feed(slug).organisation].file.name,
            "feed": known.feed(slug).file.title,
            "rows": rows,
            "agreements": [
                f"{one['agreement']} ({', '.join(one['purposes'])})"
                for one in rows_of(
                    connection,
                    "select agreement, purposes from governance.sharing_agreement where feed = %(feed)s order by 1",
                    feed=slug,
                )
            ],
        }
        for slug, rows in sorted(counted.items())
    ]


def _openings(connection: psycopg.Connection[Any], person_id: int) -> list[dict[str, Any]]:
    """Who opened the person's record, when and what for, refused ones too; the latest first."""
    return rows_of(connection, _OPENINGS, person=person_id)


def _decisions(connection: psycopg.Connection[Any], person_id: int) -> list[dict[str, Any]]:
    """What people decided about the person's data, with its day; never what another person decided about another's."""
    decided = [one for query in (_PERMISSIONS, _RESTRICTIONS, _DISPUTES) for one in rows_of(connection, query, person=person_id)]
    # Read as governance does: what may give a changed identity away is not seen by this login.
    with warehouse.connect("governance") as clerk:
        records = [one["person_record_id"] for one in rows_of(connection, _RECORDS, person=person_id) if not one["until"]]
        decided += rows_of(clerk, _PAIRS, records=records)
    return sorted(decided, key=lambda one: one["at"])


def _page(template: str, **values: Any) -> str:
    environment = Environment(
        loader=PackageLoader("cares.rights"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"day": english.day, "counted": english.counted, "all_of": english.all_of}
    return environment.get_template(template).render(**values)


def _as_json(pack: Pack) -> dict[str, Any]:
    told = asdict(pack)
    told["rows"] = [
        {"from": source, **{key: value for key, value in asdict(row).items() if key != "item"}}
        for source, rows in pack.groups
        for row in rows
    ]
    del told["groups"]
    return told


def _write_manifest(folder: Path) -> str:
    """List the files of a folder with their SHA-256; returns that of the list."""
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    text = json.dumps(files, indent=2)
    _write(folder / "manifest.json", text)
    return hashlib.sha256(text.encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _folder(request_id: int) -> Path:
    return settings.var_folder("subject_access", f"request_{request_id}")


_REQUESTS = """
    select request_id, person_id, received_on, due_on, prepared_at, reviewed_at, released_at,
           (select count(*) from governance.subject_access_item as item where item.request_id = asked.request_id) as items,
           (select count(*) from governance.subject_access_item as item
            where item.request_id = asked.request_id and look_for <> '{}' and looked_at_by is null) as to_look_at,
           (select count(*) from governance.subject_access_item as item
            where item.request_id = asked.request_id and withheld_for is not null) as withheld,
           released_at is null and due_on < current_date as is_late
    from governance.subject_access as asked
"""

_DOUBTS = """
    select
        exists (
            select from person_index.withheld_record as withheld join person_index.membership as own using (person_record_id)
            where own.person_id = %(person)s and own.valid_to is null
                and withheld.released_at is null and withheld.split_at is null
        ),
        exists (
            select from person_index.pair_to_decide as asked
            join person_index.membership as one on one.person_record_id = record_l and one.valid_to is null
            join person_index.membership as other on other.person_record_id = record_r and other.valid_to is null
            where is_sealed and one.person_id = %(person)s and other.person_id = %(person)s
                and not exists (
                    select from person_index.pair_decision as decision
                    where (decision.record_l, decision.record_r) = (asked.record_l, asked.record_r)
                        and undone_at is null and decision = 'must link')
        )
"""

_FILE = "select file_id from ledger.delivery_file where delivery_id = %s and table_name = %s"

_PURPOSES = """
    select purpose, article_6, article_9, confidentiality_basis, reader, is_identifiable, retention_years
    from governance.purpose order by purpose
"""

# A link that ended says only that it was there: whose record it is now is another person's.
_RECORDS = """
    select person_record_id, split_part(person_record_id, '/', 1) as organisation,
           rule, valid_from as since, valid_to as until
    from person_index.membership where person_id = %(person)s and valid_to is null
    order by person_record_id
"""

# Under whatever number the person's records stood when somebody opened them. Reasons are left out: they may name others.
_OPENINGS = """
    select distinct opening.number, opening.at, coalesce(opening.organisation, opening.login) as organisation,
           coalesce(opening.staff, '') as staff,
           coalesce(opening.purpose, '') || case when opening.is_emergency then ' (emergency)' else '' end as purpose, opening.outcome
    from audit.opening
    where exists (
        select from person_index.membership as own join person_index.membership as stood using (person_record_id)
        where own.person_id = %(person)s and own.valid_to is null and stood.person_id = opening.person_id
            and opening.at >= stood.valid_from and (stood.valid_to is null or opening.at < stood.valid_to))
    order by opening.number desc
"""

_PERMISSIONS = """
    select distinct decision_id, decided_at as at, 'permission to show your record: ' || state as what,
           scope || coalesce(' (' || organisation || ')', '') || coalesce('; ' || capacity, '') as detail, decided_by as by
    from governance.record_decision join governance.record_decision_about using (decision_id)
    join person_index.membership using (person_record_id)
    where person_id = %(person)s and valid_to is null
"""

_RESTRICTIONS = """
    select restricted_at as at, 'your home was hidden from everybody' as what,
           case when lifted_at is not null then 'until ' || cast(cast(lifted_at as date) as text) end as detail, restricted_by as by
    from governance.restricted_record join person_index.membership using (person_record_id)
    where person_id = %(person)s and valid_to is null
"""

_DISPUTES = """
    select recorded_at as at, 'a correction of a row was asked for' as what,
           format('row %%s/%%s/%%s; %%s', now_delivery_id, table_name, now_line_number, coalesce(outcome, 'not answered yet')) as detail,
           recorded_by as by
    from governance.rectification
    where exists (
        select from governance.subject_access_item as item join governance.subject_access as asked using (request_id)
        where asked.person_id = %(person)s and item.delivery_id = rectification.now_delivery_id
            and item.table_name = rectification.table_name and item.line_number = rectification.now_line_number)
"""

_PAIRS = """
    select decided_at as at,
           case decision when 'must link' then 'two records were said to be yours'
                         else 'a record was said not to be yours' end as what,
           array_to_string(array(select record from unnest(array[record_l, record_r]) as record where record = any(%(records)s)), ', ')
               as detail,
           decided_by as by
    from person_index.pair_decision
    where undone_at is null and not is_sealed and (record_l = any(%(records)s) or record_r = any(%(records)s))
"""
