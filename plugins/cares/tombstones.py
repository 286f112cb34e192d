"""Tombstones: keyed hashes of erased people's identifiers, by which their rows are known and taken out wherever they come again.

An erasure leaves tombstones and no name. Whatever is landed later, an old file that is replayed or sent again, is held
against them in the transaction that lands it: rows of erased people are taken out of landing and out of the original file,
and the ledger counts them. Which column says whose row it is stands in `expectations/governance/people.yml`; rows of other
tables go with the rows that they refer to.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import openpyxl
import psycopg
import yaml
from defusedxml import ElementTree

from cares import contracts, removals, settings, warehouse
from cares.contracts import Feed, FileShape, Table
from cares.predicates import identifier, literal
from cares.reading import FileProblem, delimited
from cares.reading.containers import is_workbook, is_xml
from cares.secret_files import SecretError, read_or_make_secret, secret_path

REGISTER = settings.EXPECTATIONS / "governance" / "people.yml"
KEY = "tombstones.key"
_LOCK = "hashtext('cares.tombstones')"
_BY_FEED = "feed"
_CODES = ("practice_code",)


class TombstoneError(Exception):
    """Tombstones that cannot be asked, or a register of people's columns that is wrong: says what to do."""


class _Unreadable(Exception):
    """An original file that nobody can read any more."""


@dataclass(frozen=True)
class Person:
    """How a table says whose row it is: its columns, and the numbering that they belong to."""

    columns: tuple[str, ...]
    numbered_by: str


@dataclass(frozen=True)
class Link:
    """A column of a table whose value names a row of another table, so that the row tells of whom that one tells."""

    table: str
    column: str
    named_table: str
    named_column: str

    @property
    def name(self) -> str:
        """What a tombstone of a named row calls it."""
        return f"{self.named_table}/{self.named_column}"

    @property
    def scope(self) -> str:
        """Within what the named rows are numbered: a feed, or for another format the whole organisation."""
        same = self.table.partition("__")[0] == self.named_table.partition("__")[0]
        return "delivery.feed" if same else "delivery.organisation"


@dataclass(frozen=True)
class People:
    """The register: whose rows each landing table has, which tables name rows of others, and which are told of only by others."""

    persons: dict[str, Person]
    links: tuple[Link, ...]
    told_of_only_by: tuple[Link, ...]


def people() -> People:
    """The register of `people.yml` and of the contracts. Raises TombstoneError where it names what no contract has."""
    return _people(REGISTER)


@lru_cache(maxsize=4)
def _people(path: Path) -> People:
    told = yaml.safe_load(path.read_text("utf-8"))
    tables = {table.landing_name: table for table in contracts.load().tables()}
    persons = {_landing_name(name): Person(tuple(entry["is"]), entry["numbered_by"]) for name, entry in told["people"].items()}
    across = tuple(
        Link(_landing_name(name), column, _landing_name(named.rpartition("/")[0]), named.rpartition("/")[2])
        for name, columns in told["names_rows_of_another_format"].items()
        for column, named in columns.items()
    )
    only_by = tuple(
        Link(_landing_name(named.rpartition("/")[0]), named.rpartition("/")[2], _landing_name(name), column)
        for name, columns in told["told_of_only_by"].items()
        for column, named in columns.items()
    )
    for name, columns in [
        *((name, person.columns) for name, person in persons.items()),
        *((link.table, (link.column,)) for link in (*across, *only_by)),
        *((link.named_table, (link.named_column,)) for link in (*across, *only_by)),
    ]:
        known = tables[name].column_names.values() if name in tables else ()
        if missing := [column for column in columns if column not in known]:
            raise TombstoneError(
                f"{path.name}: {name.replace('__', '/')} has no column {', '.join(missing)}; correct the register, or its contract"
            )
    return People(persons, (*_links(tables, persons), *across), only_by)


def _landing_name(name: str) -> str:
    return name.replace("/", "__")


def _links(tables: dict[str, Table], persons: dict[str, Person]) -> Iterator[Link]:
    """What the contracts say: a table without people of its own refers to the key of another table, or to one of people."""
    for name, table in tables.items():
        if name in persons:
            continue
        for header, column in table.file.columns.items():
            for rule in column.we_expect:
                if not rule.refers_to:
                    continue
                other, _, named = rule.refers_to.partition(".")
                parent = tables[f"{table.format}__{other}"]
                names_one_row = parent.file.key == (named,) and parent is not table
                if names_one_row or parent.landing_name in persons:
                    yield Link(name, table.column_names[header], parent.landing_name, parent.column_names[named])


def nhs_number_columns(table: Table) -> list[str]:
    """The columns of a landing table that hold NHS numbers."""
    return [
        name
        for header, name in table.column_names.items()
        for rule in table.file.columns[header].we_expect
        if (pattern := table.patterns.get(rule.expect or "")) and pattern.check == "nhs_number"
    ]


def person_record(table: str, alias: str = "landed") -> str | None:
    """The expression that names the person record of a row of a landing table; None where it is about nobody in particular."""
    person = people().persons.get(table)
    if person is None:
        return None
    parts = [_clean(f"{alias}.{identifier(column)}", column in _CODES) for column in person.columns]
    local = " || '/' || ".join(parts)
    return (
        f"delivery.feed || '/' || {local}"
        if person.numbered_by == _BY_FEED
        else f"delivery.organisation || {literal(f'/{person.numbered_by}/')} || {local}"
    )


def _clean(column: str, is_code: bool = False) -> str:
    text = f"nullif(btrim({column}, e' \\t\\r\\n\\u00a0'), '')"
    return f"upper({text})" if is_code else text


def _digits(column: str) -> str:
    return f"translate({column}, e' -\\t\\u00a0', '')"


def landing_tables(connection: psycopg.Connection) -> dict[str, Table]:
    """The tables of the contracts that are there in landing."""
    there = {name for (name,) in connection.execute("select tablename from pg_tables where schemaname = 'landing'")}
    return {table.landing_name: table for table in contracts.load().tables() if table.landing_name in there}


def wait_for_landings(connection: psycopg.Connection) -> None:
    """In the transaction that writes tombstones: from its end on, whatever is landed is held against them."""
    connection.execute(f"select pg_advisory_xact_lock({_LOCK})")


def bury(connection: psycopg.Connection, kind: str, identifiers: Iterable[str], covers_until: str | None = None) -> int:
    """Write tombstones of identifiers; with `covers_until`, rows of periods that end after that day may come in. Counts them."""
    key = _key(connection)
    rows = [(kind, mac(key, kind, one), covers_until) for one in sorted(set(identifiers))]
    with connection.cursor() as cursor:
        cursor.executemany(
            """insert into governance.tombstone (kind, mac, covers_until) values (%s, %s, %s)
               on conflict (kind, mac) do update set covers_until = case
                   when tombstone.covers_until is null or excluded.covers_until is null then null
                   else greatest(tombstone.covers_until, excluded.covers_until) end""",
            rows,
        )
    return len(rows)


def mac(key: bytes, kind: str, text: str) -> str:
    """The keyed hash of an identifier."""
    return hmac.digest(key, f"{kind} {text}".encode(), hashlib.sha256).hex()


def _key(connection: psycopg.Connection) -> bytes:
    in_use = connection.execute("select exists (select from governance.tombstone)").fetchone()[0]
    if in_use and not secret_path(KEY).exists():
        raise TombstoneError(
            f"The key {secret_path(KEY)} is gone, and without it nobody can tell whose rows were erased, so that nothing is "
            "landed. Put it back from your own backup."
        )
    try:
        return read_or_make_secret(KEY).encode()
    except SecretError as error:
        raise TombstoneError(str(error)) from None


def begin_marking(connection: psycopg.Connection) -> None:
    """Make the temporary tables of one marking: whom and what to look for, and the rows that were found."""
    for statement in (
        "create temporary table wanted_record (person_record_id text primary key) on commit drop",
        "create temporary table wanted_number (nhs_number text primary key) on commit drop",
        "create temporary table wanted_row (name text, scope text, value text, primary key (name, scope, value)) on commit drop",
        """create temporary table erased_row (
             table_name text, file_id bigint, line_number bigint, primary key (table_name, file_id, line_number)
           ) on commit drop""",
    ):
        connection.execute(statement)


def mark(connection: psycopg.Connection, deliveries: list[int] | None = None) -> None:
    """Fill `erased_row` with every landed row about the wanted, of all deliveries or of some; `wanted_row` grows with them.

    A row goes by its own person's number, by its NHS number unless the sender's number is somebody else's, and by the rows
    that it refers to.
    """
    tables, register = landing_tables(connection), people()
    among = "" if deliveries is None else "and delivery.delivery_id = any(%(deliveries)s)"
    asked = {"deliveries": deliveries}
    for name, table in tables.items():
        record, conditions = person_record(name), []
        if record:
            conditions.append(f"{record} in (select person_record_id from wanted_record)")
        numbers = [
            f"{_digits(f'landed.{identifier(column)}')} in (select nhs_number from wanted_number)"
            for column in nhs_number_columns(table)
        ]
        if numbers:
            somebody_else = f"""exists (select from person_index.membership
                where membership.person_record_id = {record} and membership.valid_to is null
                    and membership.person_record_id not in (select person_record_id from wanted_record))"""
            conditions.append(f"({' or '.join(numbers)})" + (f" and not {somebody_else}" if record else ""))
        if conditions:
            connection.execute(
                f"""insert into erased_row select {literal(name)}, landed.file_id, landed.line_number from {_landed(name)}
                    where ({" or ".join(conditions)}) {among} on conflict do nothing""",
                asked,
            )
    while _spread(connection, tables, register, among, asked):
        pass


def _landed(name: str, alias: str = "landed") -> str:
    return f"""landing.{identifier(name)} as {alias}
        join ledger.delivery_file as file on file.file_id = {alias}.file_id
        join ledger.delivery using (delivery_id)"""


def _spread(connection: psycopg.Connection, tables: dict[str, Table], register: People, among: str, asked: dict) -> int:
    """One step from the rows found to those that refer to them; how many more rows were found."""
    found = 0
    for link in register.links:
        if link.table not in tables or link.named_table not in tables:
            continue
        value = _clean(f"landed.{identifier(link.named_column)}")
        named = literal(link.named_table)
        connection.execute(
            f"""insert into wanted_row select distinct {literal(link.name)}, {link.scope}, {value} from {_landed(link.named_table)}
                join erased_row as gone on gone.table_name = {named} and gone.file_id = landed.file_id and gone.line_number = landed.line_number
                where {value} is not null on conflict do nothing"""
        )
        if not connection.execute("select exists (select from wanted_row where name = %s)", (link.name,)).fetchone()[0]:
            continue
        # What somebody else's row is called by too, such as a tenancy that was passed on, gives nobody away.
        connection.execute(
            f"""delete from wanted_row using {_landed(link.named_table)}
                where wanted_row.name = {literal(link.name)} and wanted_row.scope = {link.scope} and wanted_row.value = {value}
                    and not exists (select from erased_row as gone where gone.table_name = {named}
                        and gone.file_id = landed.file_id and gone.line_number = landed.line_number)"""
        )
        value = _clean(f"landed.{identifier(link.column)}")
        found += connection.execute(
            f"""insert into erased_row select {literal(link.table)}, landed.file_id, landed.line_number from {_landed(link.table)}
                join wanted_row as wanted on wanted.name = {literal(link.name)} and wanted.scope = {link.scope} and wanted.value = {value}
                where true {among} on conflict do nothing""",
            asked,
        ).rowcount
    for link in register.told_of_only_by:
        if link.table not in tables or link.named_table not in tables:
            continue
        own, other = _clean(f"landed.{identifier(link.named_column)}"), _clean(f"told.{identifier(link.column)}")
        told = f"""select from landing.{identifier(link.table)} as told
                   join ledger.delivery_file as beside on beside.file_id = told.file_id
                   {{join}} erased_row as gone on gone.table_name = {literal(link.table)} and gone.file_id = told.file_id
                       and gone.line_number = told.line_number
                   where beside.delivery_id = delivery.delivery_id and {other} = {own} {{where}}"""
        found += connection.execute(
            f"""with named as (
                    select distinct beside.delivery_id, {other} as value from landing.{identifier(link.table)} as told
                    join ledger.delivery_file as beside on beside.file_id = told.file_id
                    join erased_row as gone on gone.table_name = {literal(link.table)} and gone.file_id = told.file_id
                        and gone.line_number = told.line_number)
                insert into erased_row select {literal(link.named_table)}, landed.file_id, landed.line_number
                from {_landed(link.named_table)}
                join named on named.delivery_id = delivery.delivery_id and named.value = {own}
                where not exists ({told.format(join="left join", where="and gone.file_id is null")}) {among}
                on conflict do nothing""",
            asked,
        ).rowcount
    return found


def records_under_numbers(connection: psycopg.Connection) -> list[str]:
    """The records that rows in `erased_row` name beside a wanted NHS number, and that are not wanted yet.

    A record under which rows with other numbers came too is nobody's in particular, and stays out.
    """
    found: set[str] = set()
    for name, table in landing_tables(connection).items():
        record, columns = person_record(name), nhs_number_columns(table)
        if not record or not columns:
            continue
        numbers = ", ".join(f"nullif({_digits(f'landed.{identifier(column)}')}, '')" for column in columns)
        wanted = f"array[{numbers}] && (select array_agg(nhs_number) from wanted_number)"
        found |= {
            one
            for (one,) in connection.execute(
                f"""select {record} from {_landed(name)}
                    left join erased_row as gone on gone.table_name = {literal(name)} and gone.file_id = landed.file_id
                        and gone.line_number = landed.line_number
                    where {record} is not null and {record} not in (select person_record_id from wanted_record)
                        and num_nonnulls({numbers}) > 0
                    group by 1 having bool_and(coalesce({wanted}, false)) and bool_or(gone.file_id is not null)"""
            )
        }
    return sorted(found)


def take_out(connection: psycopg.Connection) -> dict[str, int]:
    """Take the rows of `erased_row` out of landing and the ledger's findings, and count them; table -> rows.

    `rewrite_originals` comes first, so that nothing is left in the files once the rows are gone.
    """
    found: dict[str, int] = {}
    for (name,) in connection.execute("select distinct table_name from erased_row order by 1").fetchall():
        found[name] = connection.execute(
            f"""delete from landing.{identifier(name)} as landed using erased_row as gone
                where gone.table_name = {literal(name)} and gone.file_id = landed.file_id and gone.line_number = landed.line_number"""
        ).rowcount
    for table, columns in {"finding": "", "row_release": "", "unreadable_line": "", "mended_row": "mended_"}.items():
        for prefix in {"", columns}:
            connection.execute(
                f"""delete from ledger.{table} as told using erased_row as gone
                    where told.{prefix}file_id = gone.file_id and told.{prefix}line_number = gone.line_number"""
            )
    connection.execute(
        """update ledger.delivery_file as file set erased_rows = erased_rows + gone.rows
           from (select file_id, count(*) as rows from erased_row group by 1) as gone where gone.file_id = file.file_id"""
    )
    return found


def hold_against(connection: psycopg.Connection, delivery_id: int) -> int:
    """Take rows of erased people out of a delivery, in the transaction that lands it; returns how many there were."""
    connection.execute(f"select pg_advisory_xact_lock_shared({_LOCK})")
    stones = _stones(connection, delivery_id)
    if not stones:
        return 0
    key = _key(connection)
    begin_marking(connection)
    register, tables = people(), landing_tables(connection)
    for name, table in tables.items():
        of_delivery = f"from {_landed(name)} where delivery.delivery_id = %s"
        if record := person_record(name):
            _want(connection, key, stones, "person record", f"select distinct {record} {of_delivery}", delivery_id)
        for column in nhs_number_columns(table):
            number = _digits(f"landed.{identifier(column)}")
            _want(connection, key, stones, "nhs number", f"select distinct {number} {of_delivery}", delivery_id)
        for link in (link for link in register.links if link.table == name and link.named_table in tables):
            value = _clean(f"landed.{identifier(link.column)}")
            found = connection.execute(f"select distinct {link.scope}, {value} {of_delivery}", (delivery_id,)).fetchall()
            wanted = [
                (link.name, scope, value)
                for scope, value in found
                if value and ("row", mac(key, "row", f"{link.name} {scope} {value}")) in stones
            ]
            with connection.cursor() as cursor:
                cursor.executemany("insert into wanted_row values (%s, %s, %s) on conflict do nothing", wanted)
    mark(connection, [delivery_id])
    rewrite_originals(connection)
    gone = sum(take_out(connection).values())
    if gone:
        connection.execute(
            "insert into ledger.delivery_event (delivery_id, by, event, reason) values (%s, %s, 'rows erased', %s)",
            (
                delivery_id,
                warehouse.who_is_at_work(),
                f"{gone:,} rows of people who were erased; they were taken out as they came",
            ),
        )
    for statement in ("wanted_record", "wanted_number", "wanted_row", "erased_row"):
        connection.execute(f"drop table {statement}")
    return gone


def hold_unread_against(connection: psycopg.Connection, delivery_id: int) -> None:
    """Blank what may be about erased people in those files and lines of a delivery that could not be read."""
    stones = _stones(connection, delivery_id)
    if not stones:
        return
    key = _key(connection)
    organisation, feed_slug = connection.execute(
        "select organisation, feed from ledger.delivery where delivery_id = %s", (delivery_id,)
    ).fetchone()
    prefixes = {feed_slug, *(f"{organisation}/{person.numbered_by}" for person in people().persons.values())}

    def tells(value: str) -> bool:
        texts = [("nhs number", re.sub(r"[ \-\t\u00a0]", "", value)), *(("person record", f"{one}/{value}") for one in prefixes)]
        return any((kind, mac(key, kind, text)) in stones for kind, text in texts)

    blank_unread(connection, tells, [delivery_id])


def _stones(connection: psycopg.Connection, delivery_id: int) -> set[tuple[str, str]]:
    return set(
        connection.execute(
            """select kind, mac from governance.tombstone
               where covers_until is null
                   or covers_until >= (select period_end from ledger.delivery where delivery_id = %s)""",
            (delivery_id,),
        ).fetchall()
    )


_WANTED = {"person record": "wanted_record", "nhs number": "wanted_number"}


def _want(
    connection: psycopg.Connection, key: bytes, stones: set[tuple[str, str]], kind: str, query: str, delivery_id: int
) -> None:
    found = [(one,) for (one,) in connection.execute(query, (delivery_id,)) if one and (kind, mac(key, kind, one)) in stones]
    with connection.cursor() as cursor:
        cursor.executemany(f"insert into {_WANTED[kind]} values (%s) on conflict do nothing", found)


def rewrite_originals(connection: psycopg.Connection) -> tuple[int, list[int]]:
    """Write the original files of `erased_row` anew without these rows; how many were, and the deliveries that lost one.

    Lines of text stay as blank lines, so that the numbers of the others stay what they were. A file that cannot be read
    any more goes altogether, when this transaction is committed.
    """
    found: dict[str, list[tuple[int, str, str | None, str, set[int]]]] = {}
    for stored_as, delivery_id, file_name, part, feed, lines in connection.execute(
        """select stored_as, delivery_id, file_name, part, feed, array_agg(line_number)
           from erased_row join ledger.delivery_file using (file_id) join ledger.delivery using (delivery_id)
           where stored_as <> '' group by 1, 2, 3, 4, 5, file_id order by file_id"""
    ).fetchall():
        found.setdefault(stored_as, []).append((delivery_id, file_name, part, feed, set(lines)))
    store = settings.var_folder("store")
    lost: list[int] = []
    for stored_as, parts in found.items():
        path = store / stored_as
        if not path.is_file():
            continue
        delivery_id, file_name, _, feed_slug, lines = parts[0]
        feed = _feed(feed_slug)
        try:
            if feed is None:
                raise _Unreadable
            if is_workbook(file_name):
                _empty_rows(path, {part: lines for _, _, part, _, lines in parts})
            elif is_xml(file_name):
                # The values are still in landing.
                _remove_elements(path, _values(connection, stored_as))
            else:
                blanked = _blank_lines(path, feed.files, lines, lambda values: False)
                _declare_fewer(path.parent / "manifest.csv", file_name, blanked)
        except _Unreadable:
            _let_go(connection, delivery_id, stored_as, "it cannot be read any more, and so not be written anew without the rows")
            lost.append(delivery_id)
    return len(found) - len(lost), lost


def _let_go(connection: psycopg.Connection, delivery_id: int, stored_as: str, because: str) -> None:
    """Let a whole original go, and write down why."""
    removals.remove_later(connection, settings.var_folder("store") / stored_as)
    connection.execute("update ledger.delivery_file set stored_as = '' where stored_as = %s", (stored_as,))
    connection.execute(
        "insert into ledger.delivery_event (delivery_id, by, event, reason) values (%s, %s, 'original deleted', %s)",
        (
            delivery_id,
            warehouse.who_is_at_work(),
            f"the whole of original {stored_as}, because of an erasure: {because}",
        ),
    )


def _feed(slug: str) -> Feed | None:
    try:
        return contracts.load().feed(slug)
    except contracts.ContractError:
        return None


def blank_unread(connection: psycopg.Connection, tells: Callable[[str], bool], deliveries: list[int] | None = None) -> list[int]:
    """Blank those lines of original files that could not be read, and in which a value `tells` of somebody.

    A workbook or an XML file that could not be taken in goes altogether if a value of it tells, or if nobody can look into
    it; returns the deliveries that lost one.
    """
    lost: list[int] = []
    store = settings.var_folder("store")
    for stored_as, delivery_id, file_name, feed_slug, has_landed, unreadable in connection.execute(
        """select stored_as, delivery_id, file_name, feed, bool_and(landed_rows is not null),
                  array_remove(array_agg(unreadable_line.line_number), null)
           from ledger.delivery_file join ledger.delivery using (delivery_id)
           left join ledger.unreadable_line using (file_id)
           where stored_as <> '' and (landed_rows is null or unreadable_rows > 0)
               and (%(all)s or delivery_id = any(%(deliveries)s))
           group by 1, 2, 3, 4""",
        {"all": deliveries is None, "deliveries": deliveries or []},
    ).fetchall():
        path, feed = store / stored_as, _feed(feed_slug)
        if not path.is_file():
            continue
        if feed and not (is_workbook(file_name) or is_xml(file_name)):
            among = set(unreadable) if has_landed else None
            _blank_lines(path, feed.files, set(), lambda values: any(map(tells, values)), among)
        elif not has_landed and (because := _why_it_goes(path, tells)):
            _let_go(connection, delivery_id, stored_as, because)
            lost.append(delivery_id)
    return lost


def _why_it_goes(path: Path, tells: Callable[[str], bool]) -> str | None:
    """Why a workbook or an XML file that could not be taken in may not be kept; None where it may."""
    try:
        return "it could not be taken in" if any(map(tells, _tokens(path))) else None
    except _Unreadable:
        return "nobody can look into it to say whom it tells of"


def _tokens(path: Path) -> Iterator[str]:
    """The values of a workbook or an XML file. Raises _Unreadable where it is neither, as one under a password is."""
    content = path.read_bytes()
    if content[:2] == b"PK":
        with _reading():
            for sheet in openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets:
                for row in sheet.iter_rows(values_only=True):
                    yield from (str(value).strip() for value in row if value is not None)
        return
    is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    if b"\x00" in content and not is_wide:
        raise _Unreadable
    text = content.decode("utf-16" if is_wide else "utf-8", errors="replace")
    yield from (part.strip() for part in re.split(r"[<>]", text) if part.strip())


@contextmanager
def _reading() -> Iterator[None]:
    """Let whatever is wrong with a file be _Unreadable, but not what is wrong with the disk."""
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception:
        raise _Unreadable from None


def _blank_lines(
    path: Path, shape: FileShape, lines: set[int], tells: Callable[[list[str]], bool], among: set[int] | None = None
) -> int:
    """Blank the records that begin on these lines, and those `among` others (None: of all) that `tells` says; counts them."""
    codec = "utf-16" if shape.encoding == "utf-16" else shape.encoding
    errors = "replace" if codec == "utf-16" else "surrogateescape"
    gone: set[int] = set()
    blanked = 0
    for first, last, values in _records(path, shape):
        is_header = first == 1 and shape.has_header
        if first in lines or (not is_header and (among is None or first in among) and tells(values)):
            gone.update(range(first, last + 1))
            blanked += 1
    if not gone:
        return 0
    draft = settings.var_folder("store", "incoming") / f"{os.getpid()}-{secrets.token_hex(6)}"
    with (
        path.open(encoding=codec, errors=errors, newline="") as before,
        os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding=codec, errors=errors, newline=""
        ) as after,
    ):
        for number, line in enumerate(before, 1):
            if number in gone:
                after.write(line[len(line.rstrip("\r\n")) :])
            elif shape.trailer and line.lstrip('"').startswith(shape.trailer):
                after.write(re.sub(r"[0-9]+", lambda count: str(int(count[0]) - blanked), line, count=1))
            else:
                after.write(line)
        after.flush()
        os.fsync(after.fileno())
    os.replace(draft, path)
    return blanked


def _records(path: Path, shape: FileShape) -> Iterator[tuple[int, int, list[str]]]:
    """First and last line and the values of each record; line by line where the file is no text of records."""
    try:
        yield from list(delimited.with_lines(path, shape))
    except (FileProblem, csv.Error):
        codec = "utf-16" if shape.encoding == "utf-16" else shape.encoding
        with path.open(encoding=codec, errors="replace", newline="") as stream:
            for number, line in enumerate(stream, 1):
                yield number, number, [one.strip() for one in re.split(f"[\"'\r\n{re.escape(shape.delimiter)}]+", line)]


def _declare_fewer(manifest: Path, file_name: str, blanked: int) -> None:
    """Let a delivery's manifest declare fewer rows of a file, so that a replay of it is what it says."""
    if not manifest.is_file() or not blanked:
        return
    try:
        rows = list(csv.reader(manifest.read_text("utf-8-sig").splitlines()))
        header = [name.strip().lower() for name in rows[0]]
        for row in rows[1:]:
            if row and row[header.index("file")].strip().casefold() == file_name.casefold():
                row[header.index("rows")] = str(max(int(row[header.index("rows")]) - blanked, 0))
    except (ValueError, IndexError, csv.Error):
        return
    draft = manifest.with_name(".manifest.csv")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
    os.replace(draft, manifest)


def _empty_rows(path: Path, lines_of_sheet: dict[str | None, set[int]]) -> None:
    """Empty rows of a workbook's sheets; the others stay where they are."""
    with path.open("rb") as stream, _reading():
        workbook = openpyxl.load_workbook(stream)
        for title, lines in lines_of_sheet.items():
            sheet = workbook[title] if title in workbook.sheetnames else workbook.worksheets[0]
            for number in lines:
                for cell in sheet[number]:
                    cell.value = None
    draft = settings.var_folder("store", "incoming") / f"{os.getpid()}-{secrets.token_hex(6)}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        workbook.save(stream)
    os.replace(draft, path)


def _values(connection: psycopg.Connection, stored_as: str) -> set[str]:
    """The numbers of the persons whose rows of a file are erased, as the file has them."""
    found: set[str] = set()
    for name, person in people().persons.items():
        if len(person.columns) != 1:
            continue
        if warehouse.is_there(connection, f"landing.{identifier(name)}"):
            found |= {
                value
                for (value,) in connection.execute(
                    f"""select distinct {_clean(f"landed.{identifier(person.columns[0])}")} from landing.{identifier(name)} as landed
                        join erased_row as gone on gone.table_name = {literal(name)} and gone.file_id = landed.file_id
                            and gone.line_number = landed.line_number
                        join ledger.delivery_file as file on file.file_id = landed.file_id
                        where file.stored_as = %s""",
                    (stored_as,),
                )
                if value
            }
    return found


def _remove_elements(path: Path, persons: set[str]) -> None:
    """Take the outermost elements of persons out of an XML file, by their numbers."""
    with _reading():
        root = ElementTree.parse(path).getroot()
    for child in list(root):
        if any((one.text or "").strip() in persons for one in child.iter()):
            root.remove(child)
    draft = settings.var_folder("store", "incoming") / f"{os.getpid()}-{secrets.token_hex(6)}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
    os.replace(draft, path)
