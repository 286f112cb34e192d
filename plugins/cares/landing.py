"""Landing: an organisation's files as sent, every column text, nothing lost and nothing miscounted.

A file goes down one of two roads. The quick one streams its bytes through COPY and counts the records
from the bytes, independently of COPY. Where the two counts differ, or a quotation mark stands where it
has no business, or COPY refuses, the file goes down the slow one: a strict parser that names the
physical line. A table of a workbook or an XML file goes down the slow one too, from its own reader.
Neither road ever raises with a value of the data in its message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from cares import contracts, removals, settings, tombstones, warehouse
from cares.contracts import Feed, FileShape, Table
from cares.predicates import identifier, literal
from cares.reading import Container, FileProblem, Header, Record, delimited, unknown_columns
from cares.reading.containers import opened

_POSTGRES_ENCODING = {"utf-8": "UTF8", "cp1252": "WIN1252", "latin-1": "LATIN1"}


@dataclass
class Landed:
    """What became of a file's records; `left_out` says what of it the contract does not know.

    `declared` is how many rows the file's own last line says it has, where the contract wants such a line.
    """

    received: int = 0
    landed: int = 0
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    loaded_by: str = "copy"
    left_out: str | None = None
    declared: int | None = None


Progress = Callable[[int], None]


@dataclass(frozen=True)
class ContractChange:
    """Something that changed because a contract did: when, of which format and table (None: a code list), in words."""

    at: datetime
    format: str
    table: str | None
    change: str


def history() -> list[ContractChange]:
    """What `prepare` changed since the warehouse was made, the oldest first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            "select at, format, table_name, change from ledger.contract_change order by change_id"
        ).fetchall()
    return [ContractChange(*row) for row in rows]


def prepare() -> None:
    """Make or migrate landing tables, `accepted` views, code lists and local teams so that they hold what the contracts say.

    Does nothing when they do already. Columns are added or renamed and never removed: old deliveries stay readable. What
    changes is written into `ledger.contract_change`. Raises ContractError where a renamed column cannot take over.
    """
    tables = list(contracts.load().tables())
    codes = list(_codes())
    teams = list(_local_teams())
    shapes = [(_renamings(table), table.column_names, _accepted_view(table)) for table in tables]
    shape = hashlib.sha256(repr((shapes, codes, teams)).encode()).hexdigest()
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        if _recorded_shape(connection) == shape:
            return
        connection.execute("select pg_advisory_xact_lock(hashtext('cares.landing.prepare'))")
        if _recorded_shape(connection) == shape:
            return
        for table in tables:
            _prepare_table(connection, table)
        _prepare_codes(connection, codes)
        _prepare_local_teams(connection, teams)
        connection.execute(
            """insert into ledger.landing_shape (shape) values (%s)
               on conflict (only_row) do update set shape = excluded.shape, prepared_at = now()""",
            (shape,),
        )


def _renamings(table: Table) -> list[tuple[str, str, str]]:
    """The columns of a table that had another name: (earlier name, name, header)."""
    return [(earlier, name, header) for header, name in table.column_names.items() for earlier in table.earlier_names(header)]


_Code = tuple[str, str, str, str, str | None, str | None, str | None]


def _codes() -> Iterator[_Code]:
    for format in contracts.load().formats.values():
        for name, code_list in format.code_lists.items():
            for code, entry in code_list.codes.items():
                yield format.name, name, code, entry.means, entry.since, entry.until, entry.replaced_by


def _prepare_codes(connection: psycopg.Connection, codes: list[_Code]) -> None:
    before = {tuple(row[:3]): row[3:] for row in connection.execute("select * from ledger.code").fetchall()}
    after = {code[:3]: code[3:] for code in codes}
    known = {format for format, *_ in before}
    for place in [*after, *(place for place in before if place not in after)]:
        format, name, code = place
        if format in known and before.get(place) != after.get(place):
            _remember(connection, format, None, f"{name}: {_code_change(code, before.get(place), after.get(place))}")
    connection.execute("delete from ledger.code")
    with connection.cursor() as cursor:
        cursor.executemany("insert into ledger.code values (%s, %s, %s, %s, %s, %s, %s)", codes)


def _local_teams() -> Iterator[tuple[str, str, str]]:
    for feed in contracts.load().feeds.values():
        for team, service in feed.file.local_teams.items():
            yield feed.slug, team, service


def _prepare_local_teams(connection: psycopg.Connection, teams: list[tuple[str, str, str]]) -> None:
    before = {(feed, team): service for feed, team, service in connection.execute("select * from ledger.local_team").fetchall()}
    after = {(feed, team): service for feed, team, service in teams}
    feeds = contracts.load().feeds
    for feed, team in sorted(before.keys() | after.keys()):
        was, now = before.get((feed, team)), after.get((feed, team))
        if was != now and feed in feeds and _recorded_shape(connection):
            gives = f"gives {now}" if now else "is not known any more"
            _remember(connection, feeds[feed].format.name, None, f"{feed}: the local team {team} {gives}")
    connection.execute("delete from ledger.local_team")
    with connection.cursor() as cursor:
        cursor.executemany("insert into ledger.local_team values (%s, %s, %s)", teams)


def _code_change(code: str, before: tuple | None, after: tuple | None) -> str:
    """What became of a code, given as (meaning, first version, last version, replacement) or None where it is not accepted."""
    if after is None:
        return f"the code {code} is no longer in the contract"
    bounds = f"from version {after[1] or 'the first'} to {after[2] or 'the last'}"
    if before is None:
        return f"the code {code} was added, accepted {bounds}"
    if before[1:] == after[1:]:
        return f"the code {code} is described in other words"
    if before[3] != after[3]:
        return f"the code {code} is now {f'replaced by {after[3]}' if after[3] else 'not replaced by another'}"
    return f"the code {code} is now accepted {bounds}"


def _remember(connection: psycopg.Connection, format: str, table: str | None, change: str) -> None:
    connection.execute(
        "insert into ledger.contract_change (format, table_name, change) values (%s, %s, %s)", (format, table, change)
    )


def _recorded_shape(connection: psycopg.Connection) -> str | None:
    row = connection.execute("select shape from ledger.landing_shape").fetchone()
    return row[0] if row else None


def _prepare_table(connection: psycopg.Connection, table: Table) -> None:
    name = table.landing_name
    before = _columns_of(connection, f"landing.{identifier(name)}")
    accepted_before = _columns_of(connection, f"accepted.{identifier(name)}")
    line_sequence = f"landing.{identifier(name + '__line')}"
    connection.execute(f"create sequence if not exists {line_sequence} cache 1000 minvalue 1")
    connection.execute(
        f"""create table if not exists landing.{identifier(name)} (
              file_id integer not null default current_setting('cares.file_id')::integer,
              line_number integer not null default nextval({literal(line_sequence)}::regclass))"""
    )
    connection.execute(
        f"create index if not exists {identifier(name + '__file_id')} on landing.{identifier(name)} "
        "using brin (file_id) with (pages_per_range = 16)"
    )
    for earlier, column, header in _renamings(table):
        _rename_column(connection, table, header, earlier, column)
    # What was renamed is neither new nor gone.
    new_names = {earlier: column for earlier, column, _ in _renamings(table)}
    before, accepted_before = ([new_names.get(column, column) for column in columns] for columns in (before, accepted_before))
    added = [f"add column {identifier(column)} text" for column in table.column_names.values() if column not in before]
    if added:
        connection.execute(f"alter table landing.{identifier(name)} {', '.join(added)}")
    comments = [f"comment on table landing.{identifier(name)} is {literal(f'Each row is {table.file.each_row_is}, as sent.')}"]
    comments += [
        f"comment on column landing.{identifier(name)}.{identifier(column)} "
        f"is {literal(f'{header}: {table.file.columns[header].means}')}"
        for header, column in table.column_names.items()
    ]
    connection.execute("; ".join(comments))
    connection.execute(f"drop view if exists accepted.{identifier(name)}")
    connection.execute(_accepted_view(table))
    if not before:
        _remember(connection, table.format, table.name, f"the table was made, with {len(table.column_names)} columns")
        return
    for change in _changes(table, before, accepted_before, _columns_of(connection, f"accepted.{identifier(name)}")):
        _remember(connection, table.format, table.name, change)


def _columns_of(connection: psycopg.Connection, relation: str) -> list[str]:
    """The columns of a table or view, in their order; none where it does not exist."""
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
        (relation,),
    ).fetchall()
    return [column for (column,) in rows]


def _changes(table: Table, before: list[str], accepted_before: list[str], accepted: list[str]) -> Iterator[str]:
    """What is another in a table than it was, in words."""
    for header, column in table.column_names.items():
        if column not in before:
            yield f"the column {column} was added ({header}); rows of earlier deliveries have none in it"
        elif accepted_before and column in accepted and column not in accepted_before:
            yield f"the column {column} goes further than landing from now on, also of earlier deliveries"
        elif column in accepted_before and column not in accepted:
            yield f"the column {column} goes no further than landing any more"
    for column in accepted_before:
        if column not in accepted and column not in table.column_names.values():
            yield f"the column {column} is no longer in the contract; what was sent in it stays in landing"


def _rename_column(connection: psycopg.Connection, table: Table, header: str, earlier: str, column: str) -> None:
    """Give a landed column the name that its header has now, with all that the ledger says of it, unless that was done.

    Raises ContractError where both names hold values of their own, so that neither can take the other's place.
    """
    landing = f"landing.{identifier(table.landing_name)}"
    there = _columns_of(connection, landing)
    if earlier not in there:
        return
    if column in there:
        without_values = next((name for name in (earlier, column) if not _holds_values(connection, landing, name)), None)
        if without_values is None:
            raise contracts.ContractError(
                f"{table.format}/{table.name}: {header} cannot be the new name of the column {earlier}: deliveries have come "
                f"with values in {earlier} and with values in {column}; take renamed_from out of "
                f"expectations/formats/{table.format}/{table.name}.yml and keep both columns, with until and since"
            )
        connection.execute(f"drop view if exists accepted.{identifier(table.landing_name)}")
        connection.execute(f"alter table {landing} drop column {identifier(without_values)}")
        if without_values == earlier:
            return
    connection.execute(f"alter table {landing} rename column {identifier(earlier)} to {identifier(column)}")
    _rename_in_ledger(connection, table, header, earlier)
    _remember(
        connection,
        table.format,
        table.name,
        f"the column {earlier} is called {column} from now on ({header}), also of earlier deliveries",
    )


def _rename_in_ledger(connection: psycopg.Connection, table: Table, header: str, earlier: str) -> None:
    """Let findings and check results name a column, and its rules, by its new header: values are set aside by that name."""
    names = {
        "column": table.column_names[header],
        "rules": f"{table.name}.{header}.",
        "format": table.format,
        "table": table.name,
        "earlier": earlier,
    }
    renamed = "column_name = %(column)s, rule = %(rules)s || substring(told.rule from '[^.]*$')"
    of_the_column = """delivery.delivery_id = told.delivery_id and delivery.format = %(format)s
                       and told.table_name = %(table)s and told.column_name = %(earlier)s"""
    connection.execute(f"update ledger.finding as told set {renamed} from ledger.delivery where {of_the_column}", names)
    # A delivery that was checked while the contract had both columns has a result of the new name already.
    connection.execute(
        f"""update ledger.check_result as told set {renamed} from ledger.delivery
            where {of_the_column} and not exists (
              select from ledger.check_result as other where other.delivery_id = told.delivery_id
                and other.rule = %(rules)s || substring(told.rule from '[^.]*$'))""",
        names,
    )


def _holds_values(connection: psycopg.Connection, table: str, column: str) -> bool:
    found = connection.execute(f"select exists (select from {table} where {identifier(column)} is not null)").fetchone()
    return bool(found[0])


def _accepted_view(table: Table) -> str:
    """The view of the rows that count: of deliveries in force, without rows and values that are set aside."""
    name = identifier(table.landing_name)
    columns = ", ".join(_columns_to_accept(table))
    return f"""
        create view accepted.{name} as
        select file.delivery_id, delivery.revision, delivery.organisation, delivery.feed, delivery.format_version,
               delivery.period_start, delivery.period_end, delivery.accepted_at,
               landed.file_id, landed.line_number, {columns}
        from landing.{name} as landed
        join ledger.delivery_file as file on file.file_id = landed.file_id
        join ledger.counted_delivery as delivery on delivery.delivery_id = file.delivery_id
        left join (select file_id, line_number, array_agg(column_name) as columns from ledger.finding
                   where if_broken = 'set the value aside' group by file_id, line_number) as aside
          on aside.file_id = landed.file_id and aside.line_number = landed.line_number
        where not exists (select from ledger.finding
                          left join ledger.released_row as released using (file_id, line_number)
                          where finding.file_id = landed.file_id and finding.line_number = landed.line_number
                            and finding.if_broken = 'set the row aside' and released.file_id is null)"""


def _columns_to_accept(table: Table) -> list[str]:
    """What the table's view in `accepted` selects: the columns that a purpose needs, without values set aside.

    A feed's local codes are given as the codes that they stand for.
    """
    return [
        f"case when {literal(name)} = any(aside.columns) then null{_local_codes(table, header)} "
        f"else landed.{identifier(name)} end as {identifier(name)}"
        for header, name in table.column_names.items()
        if table.file.columns[header].needed_for
    ]


def _local_codes(table: Table, header: str) -> str:
    """The branches that translate a column's local codes, feed by feed."""
    value = f"landed.{identifier(table.column_names[header])}"
    lists = {expectation.one_of for expectation in table.file.columns[header].we_expect if expectation.one_of}
    return "".join(
        f" when delivery.feed = {literal(feed.slug)} and btrim({value}) = {literal(local)} then {literal(code)}"
        for feed in contracts.load().feeds.values()
        if feed.format.name == table.format
        for name in sorted(lists & feed.file.local_codes.keys())
        for local, code in feed.file.local_codes[name].items()
    )


def land(delivery_id: int, progress: Progress | None = None) -> None:
    """Land every file of a received delivery, all or none of them, and write the counts into the ledger.

    Doing it again changes nothing. A file that cannot be taken in leaves the delivery without landed
    rows or counts, and its problem in `ledger.delivery_file`; `deliveries.decide` then rejects the delivery.
    `progress` is told the bytes read since its last call.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        feed_slug, version = connection.execute(
            "select feed, format_version from ledger.delivery where delivery_id = %s for update", (delivery_id,)
        ).fetchone()
        feed = contracts.load().feed(feed_slug)
        files = connection.execute(
            """select file_id, table_name, file_name, part, stored_as from ledger.delivery_file
               where delivery_id = %s and landed_rows is null and problem is null and table_name is not null
               order by table_name""",
            (delivery_id,),
        ).fetchall()
        is_spoiled: bool = connection.execute(
            "select exists (select from ledger.delivery_file where delivery_id = %s and problem is not null)", (delivery_id,)
        ).fetchone()[0]
        problems: dict[int, str] = {}
        told: set[tuple[str, str]] = set()
        results: dict[int, Landed] = {}
        containers: dict[str, Container | None] = {}
        with connection.transaction() as everything:
            for file_id, table_name, file_name, part, stored_as in files:
                table = feed.format.tables[table_name]
                path = settings.var_folder("store") / stored_as
                if stored_as not in containers:
                    containers[stored_as] = opened(path, file_name, feed.format)
                container = containers[stored_as]
                try:
                    with connection.transaction():
                        results[file_id] = (
                            _land_part(connection, file_id, container, part, table, feed, version)
                            if container
                            else _land_file(connection, file_id, path, table, feed, version, progress)
                        )
                except FileProblem as found:
                    # What is wrong with a file of several tables is told once.
                    if (stored_as, str(found)) not in told:
                        problems[file_id] = f"{feed_slug}/{table_name}: {file_name}: {found}"
                    told.add((stored_as, str(found)))
            # The other files are read all the same: whoever mends one hears of all problems at once.
            if problems or is_spoiled:
                raise psycopg.Rollback(everything)
            for file_id, landed in results.items():
                _record(connection, file_id, landed)
            if results:
                tombstones.hold_against(connection, delivery_id)
        if files:
            tombstones.hold_unread_against(connection, delivery_id)
        for file_id, problem in problems.items():
            connection.execute("update ledger.delivery_file set problem = %s where file_id = %s", (problem, file_id))
    removals.remove()


def _record(connection: psycopg.Connection, file_id: int, landed: Landed) -> None:
    connection.execute(
        """update ledger.delivery_file
           set received_rows = %s, landed_rows = %s, unreadable_rows = %s, loaded_by = %s,
               declared_rows = coalesce(declared_rows, %s) where file_id = %s""",
        (landed.received, landed.landed, len(landed.unreadable), landed.loaded_by, landed.declared, file_id),
    )
    if landed.left_out:
        connection.execute(
            """insert into ledger.delivery_event (delivery_id, event, reason)
               select delivery_id, 'columns left out', table_name || ': ' || %s from ledger.delivery_file where file_id = %s""",
            (landed.left_out, file_id),
        )
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ledger.unreadable_line (file_id, line_number, problem) values (%s, %s, %s)",
            [(file_id, line, problem) for line, problem in landed.unreadable],
        )


def _land_file(
    connection: psycopg.Connection,
    file_id: int,
    path: Path,
    table: Table,
    feed: Feed,
    version: str,
    progress: Progress | None,
) -> Landed:
    header = delimited.read_header(path, table, feed.files, version)
    landed = None
    if not header.unknown and delimited.is_usual(feed.files):
        try:
            with connection.transaction():
                landed = _copy(connection, file_id, path, table, feed.files, header, progress)
        except (delimited.NeedsTheStrictParser, psycopg.DataError):
            landed = None
    if landed is None:
        records = delimited.records(path, feed.files, header, table.file.columns)
        landed = _line_by_line(connection, file_id, table, feed, header, records, feed.files)
        landed.left_out = unknown_columns(header)
    if landed.received == 0:
        _refuse_no_rows(table, feed)
    return landed


def _land_part(
    connection: psycopg.Connection,
    file_id: int,
    container: Container,
    part: str | None,
    table: Table,
    feed: Feed,
    version: str,
) -> Landed:
    """Land one table of a workbook or an XML file, whose records are counted in another way than they are read."""
    source = container.source(part, table, version)
    landed = _line_by_line(connection, file_id, table, feed, source.header, source.records)
    if landed.received != source.counted:
        raise FileProblem(
            f"{source.counted:,} rows were counted and {landed.received:,} could be told apart; save the file anew and send it again"
        )
    landed.left_out = source.left_out()
    if source.is_nil:
        _refuse_no_rows(table, feed)
    return landed


def _refuse_no_rows(table: Table, feed: Feed) -> None:
    if table.file.never_empty:
        raise FileProblem("has a header and no rows, and the format has no delivery without rows of this table; send the rows")
    if feed.file.a_file_with_no_rows == "reject the delivery":
        raise FileProblem("has a header and no rows, and this feed does not take that as a nil return; send the rows")


def _copy(
    connection: psycopg.Connection,
    file_id: int,
    path: Path,
    table: Table,
    shape: FileShape,
    header: Header,
    progress: Progress | None,
) -> Landed:
    count = delimited.RecordCount(shape.delimiter.encode())
    sequence = f"landing.{identifier(table.landing_name + '__line')}"
    # One COPY at a time numbers the lines of one table: the sequence is shared by all who land into it.
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", (sequence,))
    connection.execute("select set_config('cares.file_id', %s, true)", (str(file_id),))
    connection.execute("select setval(%s::regclass, %s, false)", (sequence, 2 if shape.has_header else 1))
    columns = sql.SQL(", ").join(sql.Identifier(table.column_names[name]) for name in header.fields if name)
    # An empty value is no value, quoted or not.
    statement = sql.SQL("copy landing.{} ({}) from stdin (format csv, delimiter {}, encoding {}, force_null ({}))").format(
        sql.Identifier(table.landing_name), columns, shape.delimiter, _POSTGRES_ENCODING[shape.encoding], columns
    )
    cursor = connection.cursor()
    with path.open("rb") as stream, cursor.copy(statement) as copy:
        stream.seek(header.data_starts_at)
        for block in delimited.whole_lines(stream):
            count.add(block)
            copy.write(block)
            if progress:
                progress(len(block))
    if cursor.rowcount != count.records:
        raise delimited.NeedsTheStrictParser
    return Landed(received=count.records, landed=cursor.rowcount)


def _line_by_line(
    connection: psycopg.Connection,
    file_id: int,
    table: Table,
    feed: Feed,
    header: Header,
    records: Iterable[Record],
    shape: FileShape | None = None,
) -> Landed:
    """Land records one by one; `shape` is how their text is written, where they come from text."""
    landed = Landed(loaded_by="line by line")
    names = [table.column_names[name] for name in header.fields if name]
    keep = [number for number, name in enumerate(header.fields) if name]
    statement = sql.SQL("copy landing.{} (file_id, line_number, {}) from stdin").format(
        sql.Identifier(table.landing_name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor().copy(statement) as copy:
        for record in records:
            if shape and landed.declared is not None:
                raise FileProblem(f"line {record.line}: more follows the last line, which begins with {shape.trailer}")
            if shape and delimited.is_trailer(record.values, shape):
                landed.declared = delimited.declared_rows(record)
                continue
            landed.received += 1
            if record.problem:
                if feed.file.lines_that_cannot_be_read == "reject the delivery":
                    raise FileProblem(f"line {record.line}: {record.problem}")
                landed.unreadable.append((record.line, record.problem))
            else:
                copy.write_row([file_id, record.line, *(record.values[number] or None for number in keep)])
                landed.landed += 1
    if shape and shape.trailer:
        delimited.refuse_another_count(shape.trailer, landed.declared, landed.received)
    return landed
