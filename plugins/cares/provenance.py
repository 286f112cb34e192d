"""Where something came from and what became of it: a delivery, a row, a person. Ids, lines, counts and dates; never a value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from cares import contracts, deliveries, warehouse
from cares.contracts import Table
from cares.deliveries import Account, Row
from cares.predicates import identifier

_ROWS_OF_A_RECORD = 20


class ProvenanceError(Exception):
    """Something that is asked about and is not there: says what, and where to look."""


@dataclass(frozen=True)
class Replacement:
    """A table of one delivery that another replaces; of windows and keys, some of its rows."""

    table_name: str
    delivery_id: int
    by_delivery_id: int
    replaces: str


@dataclass(frozen=True)
class Build:
    """A build that sees a delivery."""

    build_id: int
    state: str
    started_at: datetime
    published_at: datetime | None
    rewound_to: datetime | None


@dataclass(frozen=True)
class DeliveryStory(Account):
    """The account of a delivery, and how many rules all its rows keep, what it replaced and what replaced it, and who saw it."""

    rules_kept: int
    replacements: Sequence[Replacement]
    builds: Sequence[Build]


@dataclass(frozen=True)
class BrokenByRow:
    """A rule that a row breaks, and what became of the finding."""

    rule: str
    sentence: str
    if_broken: str
    status: str
    cleared_by_delivery_id: int | None


@dataclass(frozen=True)
class RowRelease:
    """One time that a person let a row in, and when that ended."""

    released_at: datetime
    released_by: str
    reason: str
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str | None


@dataclass(frozen=True)
class Successor:
    """What replaces a row: the later delivery, and the rows there with the same key; none where it was removed."""

    delivery_id: int
    since: datetime
    rows: Sequence[Row]


@dataclass(frozen=True)
class Dispute:
    """Somebody says that a row about them, or the value of one column of it, is wrong."""

    rectification_id: int
    column_name: str | None
    received_on: date


@dataclass(frozen=True)
class RowStory:
    """A row: the file and line it came from, what it met, what became of it, and what replaced it."""

    row: Row
    feed: str
    period: str
    file_name: str
    sha256_start: str
    received_at: datetime
    delivery_state: str
    fate: str
    is_landed: bool
    rules_kept: int
    broken: Sequence[BrokenByRow]
    releases: Sequence[RowRelease]
    is_in_staging: bool
    builds: Sequence[Build]
    successor: Successor | None
    disputes: Sequence[Dispute]


@dataclass(frozen=True)
class RecordStory:
    """A person record as the index links it, and the rows about it: the latest of them, and how many there are."""

    organisation: str
    source: str
    rule: str
    since: datetime
    rows: Sequence[tuple[Row, bool]]
    row_count: int


@dataclass(frozen=True)
class IndexEvent:
    """A change of who is who."""

    at: datetime
    kind: str
    person_id: int
    other_person_id: int | None


@dataclass(frozen=True)
class PersonStory:
    """A person of the index: the records linked now, those that left, and every event."""

    person_id: int
    created_at: datetime
    retired_at: datetime | None
    records: Sequence[RecordStory]
    records_that_left: int
    events: Sequence[IndexEvent]


def of_delivery(delivery_id: int) -> DeliveryStory:
    """The story of a delivery. Raises DeliveryError when there is none of that number."""
    account = deliveries.account(delivery_id)
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        asked = {"delivery": delivery_id}
        return DeliveryStory(
            **vars(account),
            rules_kept=connection.execute(_RULES_KEPT, asked).fetchone()[0],
            replacements=_all(connection, Replacement, _REPLACEMENTS, asked),
            builds=_all(connection, Build, _BUILDS, asked),
        )


def of_row(row: Row) -> RowStory:
    """The story of a row. Raises ProvenanceError when there is no such delivery, table or line."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        found = connection.execute(_ROW, {"delivery": row.delivery_id, "table": row.table, "line": row.line}).fetchone()
        if found is None:
            raise ProvenanceError(_no_such_table(connection, row))
        file_id, feed, period, file_name, sha256, received_at, state, problem, unreadable, has_landed, is_only_counted = found
        if is_only_counted:
            raise ProvenanceError(f"No purpose needs the table {row.table}: its rows are counted, and not kept.")
        table = contracts.load().feed(feed).format.tables.get(row.table)
        asked = {"delivery": row.delivery_id, "file": file_id, "table": row.table, "line": row.line}
        broken = _all(connection, BrokenByRow, _BROKEN_BY_ROW, asked)
        releases = _all(connection, RowRelease, _RELEASES, asked)
        is_there = has_landed and table is not None and _is_landed(connection, table, file_id, row.line)
        staged = _staged(connection, table, file_id, row) if is_there and table else None
        return RowStory(
            row,
            feed,
            period,
            file_name,
            sha256,
            received_at,
            state,
            _fate(row, state, problem, unreadable, is_there, broken, releases),
            is_there,
            connection.execute(_RULES_KEPT_BY_ROW, asked).fetchone()[0] if is_there else 0,
            broken,
            releases,
            staged is not None,
            _all(connection, Build, _BUILDS_OF_ROW, asked) if is_there else [],
            _successor(connection, table, file_id, row, staged) if is_there and table else None,
            _all(connection, Dispute, _DISPUTES_OF_ROW, asked),
        )


def of_person(person: str) -> PersonStory:
    """The story of a person, named by `person/345`, by the number, or by a pseudonym.

    Raises ProvenanceError when there is no such person.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        person_id = _person_id(connection, person)
        asked = {"person": person_id}
        known = connection.execute(
            "select created_at, retired_at from person_index.person where person_id = %(person)s", asked
        ).fetchone()
        if known is None:
            raise ProvenanceError(f"There is no person {person_id} in the index. Persons come into it with: cares build run")
        left = connection.execute(
            """select count(distinct person_record_id) from person_index.membership as was
               where person_id = %(person)s and not exists (
                 select from person_index.membership as now where now.person_record_id = was.person_record_id
                   and now.person_id = was.person_id and now.valid_to is null)""",
            asked,
        ).fetchone()[0]
        created_at, retired_at = known
        events = _all(connection, IndexEvent, _INDEX_EVENTS, asked)
        return PersonStory(person_id, created_at, retired_at, _records(connection, person_id), left, events)


def _no_such_table(connection: psycopg.Connection, row: Row) -> str:
    tables = connection.execute(
        "select table_name from ledger.delivery_file where delivery_id = %s and table_name is not null order by 1",
        (row.delivery_id,),
    ).fetchall()
    if not tables:
        return f"There is no delivery {row.delivery_id} with a table. See: cares delivery list"
    return f"Delivery {row.delivery_id} has no table {row.table}; it has {', '.join(name for (name,) in tables)}."


def _is_landed(connection: psycopg.Connection, table: Table, file_id: int, line: int) -> bool:
    query = f"select exists (select from landing.{identifier(table.landing_name)} where file_id = %s and line_number = %s)"
    return bool(connection.execute(query, (file_id, line)).fetchone()[0])


def _fate(
    row: Row,
    state: str,
    problem: str | None,
    unreadable: str | None,
    is_landed: bool,
    broken: Sequence[BrokenByRow],
    releases: Sequence[RowRelease],
) -> str:
    """What became of a row, in one sentence; raises ProvenanceError where the file has no such line."""
    if problem:
        return f"its file could not be taken in: {problem}"
    if unreadable:
        return f"unreadable, because the line {unreadable}"
    if not is_landed:
        raise ProvenanceError(
            f"Delivery {row.delivery_id} has no row in line {row.line} of {row.table}: the header is line 1, and lines that "
            "hold no row, or were erased, are not kept."
        )
    if state not in ("accepted", "superseded"):
        return f"landed; its delivery is {state}, so that it is not in use"
    if any(finding.if_broken == "set the row aside" for finding in broken):
        is_released = any(release.ended_at is None for release in releases)
        return "accepted: a person let it in although a rule sets it aside" if is_released else "set aside"
    if any(finding.if_broken == "set the value aside" for finding in broken):
        return "accepted, without the values that are set aside"
    return "accepted"


def _staged(connection: psycopg.Connection, table: Table, file_id: int, row: Row) -> tuple[datetime | None, int | None] | None:
    """When a row's staged copy was replaced and by which delivery, as the last build saw it; None where it is not staged."""
    name = f"stg_{table.landing_name}"
    columns = {
        column
        for (column,) in connection.execute(
            "select column_name from information_schema.columns where table_schema = 'staging' and table_name = %s", (name,)
        )
    }
    if not columns:
        return None
    by = "superseded_by_delivery_id" if "superseded_by_delivery_id" in columns else "null::bigint"
    found: tuple[datetime | None, int | None] | None = connection.execute(
        f"""select superseded_at, {by} from staging.{identifier(name)}
            where delivery_id = %s and file_id = %s and line_number = %s""",
        (row.delivery_id, file_id, row.line),
    ).fetchone()
    return found


def _successor(
    connection: psycopg.Connection,
    table: Table,
    file_id: int,
    row: Row,
    staged: tuple[datetime | None, int | None] | None,
) -> Successor | None:
    """What replaces a row: as staging dates it, or as the ledger says for the whole table."""
    since, by = staged or (None, None)
    if by is None:
        since, by = connection.execute(
            """select superseded_at, superseded_by_delivery_id from ledger.table_in_force
               where delivery_id = %s and table_name = %s""",
            (row.delivery_id, row.table),
        ).fetchone() or (None, None)
    if since is None or by is None:
        return None
    landed = f"landing.{identifier(table.landing_name)}"
    keys = [identifier(table.column_names[header]) for header in table.file.key]
    same = " and ".join(f"nullif(btrim(later.{key}), '') is not distinct from nullif(btrim(own.{key}), '')" for key in keys)
    filled = " or ".join(f"btrim(own.{key}) <> ''" for key in keys)
    lines = connection.execute(
        f"""select later.line_number from {landed} as own
            join ledger.delivery_file as file on file.delivery_id = %s and file.table_name = %s
            join {landed} as later on later.file_id = file.file_id and {same or "false"}
            where own.file_id = %s and own.line_number = %s and ({filled or "false"}) order by 1""",
        (by, row.table, file_id, row.line),
    ).fetchall()
    return Successor(by, since, [Row(by, row.table, line) for (line,) in lines])


def _person_id(connection: psycopg.Connection, person: str) -> int:
    if found := re.fullmatch(r"(?:person/)?([0-9]{1,15})", person):
        return int(found[1])
    known = connection.execute("select person_id from governance.pseudonym where pseudonym = %s", (person,)).fetchone()
    if known is None:
        raise ProvenanceError("That is nobody's pseudonym. Name a person as person/345, or by the pseudonym that insight shows.")
    return int(known[0])


def _records(connection: psycopg.Connection, person_id: int) -> list[RecordStory]:
    """The person's records, in order of organisation and source, each with the staged rows of its id."""
    members = connection.execute(_MEMBERS, {"person": person_id}).fetchall()
    rows: dict[str, list[tuple[Row, bool]]] = {record: [] for record, *_ in members}
    for name in connection.execute(_TABLES_ABOUT_PEOPLE).fetchall():
        format, _, table = name[0].removeprefix("stg_").partition("__")
        # A record is named by its source, or by its feed where each feed has numbers of its own.
        query = sql.SQL(
            """select member.person_record_id, staged.delivery_id, staged.line_number, staged.superseded_at is null
               from person_index.membership as member
               join intermediate.int_person_records as described
                 on described.person_record_id = member.person_record_id and {format} = any(described.formats)
               join staging.{table} as staged
                 on staged.local_person_id = described.local_person_id
                   and member.person_record_id in (
                     staged.organisation || '/' || described.source || '/' || staged.local_person_id,
                     staged.feed || '/' || staged.local_person_id)
               where member.person_id = %s and member.valid_to is null"""
        ).format(table=sql.Identifier(name[0]), format=sql.Literal(format))
        for record, delivery_id, line, is_in_force in connection.execute(query, (person_id,)):
            rows[record].append((Row(delivery_id, table, line), is_in_force))
    stories = []
    for record, organisation, source, rule, since in members:
        latest = sorted(rows[record], key=lambda one: (one[1], one[0].delivery_id, one[0].line), reverse=True)
        stories.append(RecordStory(organisation, source, rule, since, latest[:_ROWS_OF_A_RECORD], len(latest)))
    return stories


def _all(connection: psycopg.Connection, kind: type[Any], query: str, asked: dict[str, Any]) -> list[Any]:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, asked).fetchall()


_RULES_KEPT = """
    select count(*) from ledger.check_result where delivery_id = %(delivery)s and rows_broken = 0
"""

# Windows and keys replace row by row: named is who may, which is every later delivery that shares the window or the table.
_REPLACEMENTS = """
    select own.table_name, own.delivery_id, own.superseded_by_delivery_id as by_delivery_id, own.replaces
    from ledger.table_in_force as own
    where own.superseded_by_delivery_id is not null
      and own.feed = (select feed from ledger.delivery where delivery_id = %(delivery)s)
      and %(delivery)s in (own.delivery_id, own.superseded_by_delivery_id)
    union all
    select own.table_name, own.delivery_id, later.delivery_id, own.replaces
    from ledger.table_in_force as own
    join ledger.delivery on delivery.delivery_id = own.delivery_id
    join ledger.table_in_force as later on later.feed = own.feed and later.table_name = own.table_name
    join ledger.delivery as later_delivery on later_delivery.delivery_id = later.delivery_id
    where own.replaces = 'window' and later.replaces = 'window'
      and own.feed = (select feed from ledger.delivery where delivery_id = %(delivery)s)
      and %(delivery)s in (own.delivery_id, later.delivery_id)
      and (later.period_end, later_delivery.received_at, later.delivery_id)
          > (own.period_end, delivery.received_at, own.delivery_id)
      and later.window_start <= own.window_end
    order by 1, 2, 3
"""

_BUILDS = """
    select build_id, build.state, started_at, published_at, rewound_to
    from ledger.build join ledger.build_delivery using (build_id)
    where delivery_id = %(delivery)s order by build_id
"""

_ROW = """
    select file.file_id, delivery.feed, delivery.period, file.file_name, left(file.sha256, 12), delivery.received_at,
           delivery.state, file.problem,
           (select line.problem from ledger.unreadable_line as line
            where line.file_id = file.file_id and line.line_number = %(line)s),
           file.landed_rows is not null, file.not_needed_rows is not null
    from ledger.delivery join ledger.delivery_file as file using (delivery_id)
    where delivery_id = %(delivery)s and file.table_name = %(table)s
"""

_BROKEN_BY_ROW = """
    select finding.rule, result.sentence, finding.if_broken, finding.status, finding.cleared_by_delivery_id
    from ledger.finding_status as finding join ledger.check_result as result using (delivery_id, rule)
    where finding.delivery_id = %(delivery)s and finding.file_id = %(file)s and finding.line_number = %(line)s
    order by finding.rule
"""

_RULES_KEPT_BY_ROW = """
    select count(*) from ledger.check_result as result
    where delivery_id = %(delivery)s and table_name = %(table)s
      and not exists (select from ledger.finding
                      where finding.file_id = %(file)s and finding.line_number = %(line)s and finding.rule = result.rule)
"""

_RELEASES = """
    select released_at, released_by, reason, ended_at, ended_by, end_reason
    from ledger.row_release where file_id = %(file)s and line_number = %(line)s order by release_id
"""

# A build sees a row of a delivery it sees unless the row was set aside at the moment whose facts it shows.
_BUILDS_OF_ROW = """
    select build_id, build.state, started_at, published_at, rewound_to
    from ledger.build join ledger.build_delivery using (build_id)
    where delivery_id = %(delivery)s
      and (not exists (select from ledger.finding
                       where file_id = %(file)s and line_number = %(line)s and if_broken = 'set the row aside')
           or exists (select from ledger.row_release as release
                      where file_id = %(file)s and line_number = %(line)s
                        and release.released_at <= coalesce(rewound_to, started_at)
                        and (release.ended_at is null or release.ended_at > coalesce(rewound_to, started_at))))
    order by build_id
"""

_DISPUTES_OF_ROW = """
    select rectification_id, column_name, received_on from governance.disputed_row
    where delivery_id = %(delivery)s and table_name = %(table)s and line_number = %(line)s order by rectification_id
"""

_MEMBERS = """
    select person_record_id, split_part(person_record_id, '/', 1), split_part(person_record_id, '/', 2), rule, valid_from
    from person_index.membership
    where person_id = %(person)s and valid_to is null
    order by person_record_id
"""

_TABLES_ABOUT_PEOPLE = """
    select table_name from information_schema.columns
    where table_schema = 'staging' and column_name = 'local_person_id' and table_name like 'stg\\_%' order by 1
"""

_INDEX_EVENTS = """
    select at, kind, person_id, other_person_id from person_index.event
    where person_id = %(person)s or other_person_id = %(person)s order by event_id
"""
