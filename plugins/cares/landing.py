"""Landing: an organisation's files as sent, every column text, nothing lost and nothing miscounted.

A file goes down one of two roads. The quick one streams its bytes through COPY and counts the records
from the bytes, independently of COPY. Where the two counts differ, or a quotation mark stands where it
has no business, or COPY refuses, the file goes down the slow one: a strict parser that names the
physical line. Neither road ever raises with a value of the data in its message.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import psycopg
from psycopg import sql

from cares import contracts, settings, warehouse
from cares.contracts import Column, Feed, FileShape, Table
from cares.predicates import identifier, literal

_CHUNK = 1 << 20
_LONGEST_VALUE = 131_072
_LONGEST_LINE = 1 << 24
_POSTGRES_ENCODING = {"utf-8": "UTF8", "cp1252": "WIN1252", "latin-1": "LATIN1"}


class FileProblem(Exception):
    """A file that cannot be taken in: the message names the line and what to do, never a value."""


class _NeedsTheStrictParser(Exception):
    """The quick road cannot vouch for this file."""


@dataclass(frozen=True)
class Header:
    """The header of a file: the contract's header of each field (None: unknown), and where the data start."""

    fields: tuple[str | None, ...]
    unknown: tuple[int, ...]
    data_starts_at: int


@dataclass
class Landed:
    """What became of a file's records; `left_out` are the positions of columns that the contract does not know."""

    received: int = 0
    landed: int = 0
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    loaded_by: str = "copy"
    left_out: tuple[int, ...] = ()


Progress = Callable[[int], None]


def prepare() -> None:
    """Make or migrate the landing tables, the `accepted` views and the code lists so that they hold what the contracts say.

    Does nothing when they do already. Columns are only ever added: old deliveries stay readable.
    """
    tables = list(contracts.load().tables())
    codes = list(_codes())
    shapes = [(table.landing_name, table.column_names, _columns_to_accept(table)) for table in tables]
    shape = hashlib.sha256(repr((shapes, codes)).encode()).hexdigest()
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        if _recorded_shape(connection) == shape:
            return
        connection.execute("select pg_advisory_xact_lock(hashtext('cares.landing.prepare'))")
        for table in tables:
            _prepare_table(connection, table)
        connection.execute("delete from ledger.code")
        with connection.cursor() as cursor:
            cursor.executemany("insert into ledger.code values (%s, %s, %s, %s, %s, %s)", codes)
        connection.execute(
            """insert into ledger.landing_shape (shape) values (%s)
               on conflict (only_row) do update set shape = excluded.shape, prepared_at = now()""",
            (shape,),
        )


def _codes() -> Iterator[tuple[str | None, ...]]:
    for format in contracts.load().formats.values():
        for name, code_list in format.code_lists.items():
            for code, entry in code_list.codes.items():
                yield format.name, name, code, entry.means, entry.since, entry.until


def _recorded_shape(connection: psycopg.Connection) -> str | None:
    row = connection.execute("select shape from ledger.landing_shape").fetchone()
    return row[0] if row else None


def _prepare_table(connection: psycopg.Connection, table: Table) -> None:
    name = table.landing_name
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
    for header, column in table.column_names.items():
        connection.execute(f"alter table landing.{identifier(name)} add column if not exists {identifier(column)} text")
        connection.execute(
            f"comment on column landing.{identifier(name)}.{identifier(column)} "
            f"is {literal(f'{header}: {table.file.columns[header].means}')}"
        )
    connection.execute(
        f"comment on table landing.{identifier(name)} is {literal(f'Each row is {table.file.each_row_is}, as sent.')}"
    )
    columns = ", ".join(_columns_to_accept(table))
    connection.execute(f"drop view if exists accepted.{identifier(name)}")
    connection.execute(
        f"""create view accepted.{identifier(name)} as
            select file.delivery_id, delivery.revision, delivery.organisation, delivery.feed, delivery.format_version,
                   delivery.period_start, delivery.period_end, delivery.accepted_at,
                   landed.file_id, landed.line_number, {columns}
            from landing.{identifier(name)} as landed
            join ledger.delivery_file as file on file.file_id = landed.file_id
            join ledger.delivery on delivery.delivery_id = file.delivery_id
            left join (select file_id, line_number, array_agg(column_name) as columns from ledger.finding
                       where if_broken = 'set the value aside' and released_at is null
                       group by file_id, line_number) as aside
              on aside.file_id = landed.file_id and aside.line_number = landed.line_number
            where delivery.state in ('accepted', 'superseded')
              and not exists (select from ledger.finding
                              where finding.file_id = landed.file_id and finding.line_number = landed.line_number
                                and finding.if_broken = 'set the row aside' and finding.released_at is null)"""
    )


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
            """select file_id, table_name, file_name, stored_as from ledger.delivery_file
               where delivery_id = %s and landed_rows is null and problem is null and table_name is not null
               order by table_name""",
            (delivery_id,),
        ).fetchall()
        problems: dict[int, str] = {}
        results: dict[int, Landed] = {}
        with connection.transaction() as everything:
            for file_id, table_name, file_name, stored_as in files:
                table = feed.format.tables[table_name]
                path = settings.var_folder("store") / stored_as
                try:
                    with connection.transaction():
                        results[file_id] = _land_file(connection, file_id, path, table, feed, version, progress)
                except FileProblem as found:
                    problems[file_id] = f"{feed_slug}/{table_name}: {file_name}: {found}"
            if problems:
                raise psycopg.Rollback(everything)
        for file_id, landed in results.items():
            if not problems:
                _record(connection, file_id, landed)
        for file_id, problem in problems.items():
            connection.execute("update ledger.delivery_file set problem = %s where file_id = %s", (problem, file_id))


def _record(connection: psycopg.Connection, file_id: int, landed: Landed) -> None:
    connection.execute(
        """update ledger.delivery_file
           set received_rows = %s, landed_rows = %s, unreadable_rows = %s, loaded_by = %s where file_id = %s""",
        (landed.received, landed.landed, len(landed.unreadable), landed.loaded_by, file_id),
    )
    if landed.left_out:
        positions = ", ".join(map(str, landed.left_out))
        connection.execute(
            """insert into ledger.delivery_event (delivery_id, event, reason)
               select delivery_id, 'columns left out',
                      table_name || ': the contract does not know the column(s) at position ' || %s
               from ledger.delivery_file where file_id = %s""",
            (positions, file_id),
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
    header = read_header(path, table, feed.files, version)
    landed = None
    if not header.unknown:
        try:
            with connection.transaction():
                landed = _copy(connection, file_id, path, table, feed.files, header, progress)
        except (_NeedsTheStrictParser, psycopg.DataError):
            landed = None
    if landed is None:
        landed = _line_by_line(connection, file_id, path, table, feed, header)
    if landed.received == 0 and feed.file.a_file_with_no_rows == "reject the delivery":
        raise FileProblem("has a header and no rows, and this feed does not take that as a nil return; send the rows")
    return landed


def read_header(path: Path, table: Table, shape: FileShape, version: str) -> Header:
    """The header of a file, matched to the contract by name (case, spaces and punctuation aside).

    Raises FileProblem for an empty file, another encoding, a header given twice, or a mandatory one missing.
    """
    with path.open("rb") as stream:
        start = stream.read(_CHUNK)
    if not start:
        raise FileProblem("is empty (0 bytes); send the file again")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise FileProblem(f"line 1: is written in UTF-16, not in {shape.encoding}; save it as {shape.encoding}")
    bom = 3 if start.startswith(b"\xef\xbb\xbf") else 0
    line_end = re.search(rb"\r\n|\n|\r", start)
    end, data_starts_at = (line_end.start(), line_end.end()) if line_end else (len(start), len(start))
    try:
        line = start[bom:end].decode(shape.encoding)
        names = next(csv.reader([line], delimiter=shape.delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        raise FileProblem(
            f"line 1: the header cannot be read as {shape.encoding} text separated by {shape.delimiter!r}"
        ) from None
    if len(names) < 2 and len(table.file.columns) > 1:
        raise FileProblem(
            f"line 1: no header with values separated by {shape.delimiter!r} was found; the first line must name the columns"
        )
    matched = [table.headers.get(contracts.normalised(name)) for name in names]
    twice = [header for header, count in Counter(h for h in matched if h).items() if count > 1]
    if twice:
        raise FileProblem(f"line 1: the header {twice[0]} is given twice; keep one")
    missing = [header for header in table.must_be_present(version) if header not in matched]
    if missing:
        raise FileProblem(
            f"line 1: the mandatory column {missing[0]} is missing"
            + (f" (and {len(missing) - 1} more)" if len(missing) > 1 else "")
            + "; send the file with every column that the contract marks as mandatory"
        )
    unknown = tuple(number for number, header in enumerate(matched, 1) if header is None)
    return Header(tuple(matched), unknown, data_starts_at)


def _copy(
    connection: psycopg.Connection,
    file_id: int,
    path: Path,
    table: Table,
    shape: FileShape,
    header: Header,
    progress: Progress | None,
) -> Landed:
    count = _RecordCount(shape.delimiter.encode())
    sequence = f"landing.{identifier(table.landing_name + '__line')}"
    # One COPY at a time numbers the lines of one table: the sequence is shared by all who land into it.
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", (sequence,))
    connection.execute("select set_config('cares.file_id', %s, true)", (str(file_id),))
    connection.execute("select setval(%s::regclass, 2, false)", (sequence,))
    columns = sql.SQL(", ").join(sql.Identifier(table.column_names[name]) for name in header.fields if name)
    # An empty value is no value, quoted or not.
    statement = sql.SQL("copy landing.{} ({}) from stdin (format csv, delimiter {}, encoding {}, force_null ({}))").format(
        sql.Identifier(table.landing_name), columns, shape.delimiter, _POSTGRES_ENCODING[shape.encoding], columns
    )
    cursor = connection.cursor()
    with path.open("rb") as stream, cursor.copy(statement) as copy:
        stream.seek(header.data_starts_at)
        for block in _whole_lines(stream):
            count.add(block)
            copy.write(block)
            if progress:
                progress(len(block))
    if cursor.rowcount != count.records:
        raise _NeedsTheStrictParser
    return Landed(received=count.records, landed=cursor.rowcount)


def _whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The stream in blocks that end where a line ends, the last one perhaps without."""
    rest = b""
    while chunk := stream.read(_CHUNK):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield rest + chunk[:end]
            rest = chunk[end:]
        else:
            rest += chunk
            if len(rest) > _LONGEST_LINE:
                raise _NeedsTheStrictParser
    if rest:
        yield rest


class _RecordCount:
    """Counts the records of a CSV from its bytes, and gives up where a quotation mark or line end is not plain.

    Plain means: each mark opens or closes a whole field, no quoted field runs over a line end, and lines
    end in one way. Only then is a line a record, whatever COPY makes of it.
    """

    def __init__(self, delimiter: bytes) -> None:
        self._delimiter = delimiter
        self.records = 0

    def add(self, block: bytes) -> None:
        """Count a block of whole lines; raises _NeedsTheStrictParser where marks or line ends are not plain."""
        if b'"' in block and not self._marks_are_plain(block):
            raise _NeedsTheStrictParser
        # A line longer than a value may be has half of that length without a line end, at one of these places.
        half = _LONGEST_VALUE // 2
        if any(block.find(b"\n", start, start + half) < 0 for start in range(0, len(block) - half, half)):
            raise _NeedsTheStrictParser
        if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
            raise _NeedsTheStrictParser
        self.records += block.count(b"\n") + (not block.endswith(b"\n"))

    def _marks_are_plain(self, block: bytes) -> bool:
        """Is every mark that opens at the start of a field, and every one that closes at the end of one, on one line?

        The text between marks is outside and inside in turn: outside must end where a field starts and start
        where a field ends, and inside must not run over a line end.
        """
        pieces = block.split(b'"')
        outside, inside = pieces[::2], pieces[1::2]
        if len(pieces) % 2 == 0 or any(b"\n" in piece for piece in inside):
            return False
        starts = (self._delimiter, b"\n")
        ends = (self._delimiter, b"\n", b"\r\n")
        before, after = outside[:-1], outside[1:]
        return (
            (before[0] == b"" or before[0].endswith(starts))
            and all(piece.endswith(starts) for piece in before[1:])
            and all(piece.startswith(ends) for piece in after[:-1])
            and (after[-1] == b"" or after[-1].startswith(ends))
        )


def _line_by_line(connection: psycopg.Connection, file_id: int, path: Path, table: Table, feed: Feed, header: Header) -> Landed:
    landed = Landed(loaded_by="line by line", left_out=header.unknown)
    names = [table.column_names[name] for name in header.fields if name]
    keep = [number for number, name in enumerate(header.fields) if name]
    statement = sql.SQL("copy landing.{} (file_id, line_number, {}) from stdin").format(
        sql.Identifier(table.landing_name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor().copy(statement) as copy:
        for line_number, fields, problem in _records(path, feed.files, header, table.file.columns):
            landed.received += 1
            if problem:
                if feed.file.lines_that_cannot_be_read == "reject the delivery":
                    raise FileProblem(f"line {line_number}: {problem}")
                landed.unreadable.append((line_number, problem))
            else:
                copy.write_row([file_id, line_number, *(fields[number] or None for number in keep)])
                landed.landed += 1
    return landed


def _records(
    path: Path, shape: FileShape, header: Header, columns: dict[str, Column]
) -> Iterator[tuple[int, list[str], str | None]]:
    """Each record of a file with the physical line on which it starts, or why it cannot be read.

    Raises FileProblem where the file's structure itself is in doubt, so that nothing is guessed: other
    bytes than the declared encoding's, NUL, a quotation mark that does not close, an end in mid-row.
    """
    expected = len(header.fields)
    lines = _PhysicalLines(path, shape.encoding)
    csv.field_size_limit(_LONGEST_VALUE)
    reader = csv.reader(lines, delimiter=shape.delimiter, strict=True)
    next(reader)
    while True:
        starts_on = lines.number + 1
        problem, fields = None, []
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.number > starts_on or "unexpected end" in str(error):
                raise FileProblem(
                    f"line {starts_on}: a quotation mark opens a value and does not close on that line; "
                    "remove it, or double every quotation mark inside a quoted value"
                ) from None
            problem = (
                f"holds a value longer than {_LONGEST_VALUE:,} characters"
                if "field limit" in str(error)
                else "has text after a closing quotation mark"
            )
        if lines.number > starts_on and not _line_breaks_are_explained(fields, header, columns):
            raise FileProblem(
                f"line {starts_on}: a quoted value runs over the end of the line, in a column that holds no line "
                "breaks, so that rows could be swallowed; close the quotation mark, or have the contract say free_text"
            )
        if not fields and not problem:
            continue
        if not problem and len(fields) != expected:
            if len(fields) < expected and lines.at_end_without_line_end:
                raise FileProblem(f"line {starts_on}: the file ends in the middle of a row; send the whole file")
            problem = f"has {len(fields)} values where the header has {expected}"
        yield starts_on, fields, problem


def _line_breaks_are_explained(fields: list[str], header: Header, columns: dict[str, Column]) -> bool:
    if len(fields) != len(header.fields):
        return False
    return all(
        name is not None and columns[name].free_text
        for name, value in zip(header.fields, fields, strict=True)
        if "\n" in value or "\r" in value
    )


class _PhysicalLines:
    """The physical lines of a file, counted from 1; raises FileProblem for bytes that its encoding does not have."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.number = 0
        self.at_end_without_line_end = False
        self._encoding = encoding
        codec = "utf-8-sig" if encoding == "utf-8" else encoding
        self._stream: io.TextIOBase = path.open(encoding=codec, errors="surrogateescape", newline="")

    def __iter__(self) -> _PhysicalLines:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(_LONGEST_LINE)
        if len(line) == _LONGEST_LINE:
            raise FileProblem(f"line {self.number + 1}: is longer than {_LONGEST_LINE:,} characters; this is not a CSV of rows")
        if not line:
            self._stream.close()
            raise StopIteration
        self.number += 1
        if not line.isascii() and re.search("[\ud800-\udfff]", line):
            raise FileProblem(f"line {self.number}: holds bytes that are not {self._encoding}; save the file as {self._encoding}")
        if "\x00" in line:
            raise FileProblem(f"line {self.number}: holds a NUL byte; export the file again as text")
        self.at_end_without_line_end = line[-1] not in "\r\n"
        return line
