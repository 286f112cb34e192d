"""Text of rows, with a sign between the values: CSV and its kin.

A quick count of records from the bytes goes with PostgreSQL's own reader; a strict parser that names the physical line
is for what neither the count nor PostgreSQL can vouch for.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cares.contracts import Column, FileShape, Table
from cares.reading import LONGEST_VALUE, TOO_LONG, FileProblem, Header, Record, match_header

_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 24
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UTF_8_MARK = b"\xef\xbb\xbf"
_SURROGATE = re.compile("[\ud800-\udfff]")


class NeedsTheStrictParser(Exception):
    """The quick road cannot vouch for this file."""


def is_usual(shape: FileShape) -> bool:
    """Whether the quick road knows how such a file is written."""
    return shape.encoding != "utf-16" and shape.quote == '"' and not shape.trailer


def read_header(path: Path, table: Table, shape: FileShape, version: str) -> Header:
    """The header of a file, matched to the contract by name; where none is written, the contract's columns in their order.

    Raises FileProblem for an empty file, another encoding, a header given twice, or a mandatory one missing.
    """
    line, data_starts_at = _first_line(path, shape)
    if not shape.has_header:
        return Header(tuple(table.columns(version)), data_starts_at=_length_of_mark(path))
    names = _names(line, shape)
    if len(names) < 2 and len(table.file.columns) > 1:
        raise FileProblem(
            f"line 1: no header with values separated by {shape.delimiter!r} was found; the first line must name the columns"
        )
    return match_header(names, table, version, data_starts_at=data_starts_at)


def _names(line: str, shape: FileShape) -> list[str]:
    try:
        return next(csv.reader([line], **_dialect(shape)))
    except (csv.Error, StopIteration):
        raise _no_header(shape) from None


def _no_header(shape: FileShape) -> FileProblem:
    return FileProblem(f"line 1: the header cannot be read as {shape.encoding} text separated by {shape.delimiter!r}")


def _first_line(path: Path, shape: FileShape) -> tuple[str, int]:
    """The first line of a file without its end, and at which byte the next one starts (0 where that is not asked for)."""
    with path.open("rb") as stream:
        start = stream.read(_CHUNK)
    if not start:
        raise FileProblem("is empty (0 bytes); send the file again")
    if start in (_UTF_8_MARK, *_UTF_16):
        raise FileProblem("is empty but for a byte order mark; send the file again")
    if shape.encoding == "utf-16":
        if not start.startswith(_UTF_16):
            raise FileProblem("line 1: does not begin as UTF-16 does; save it as UTF-16 (Unicode text)")
        return next(PhysicalLines(path, shape)).rstrip("\r\n"), 0
    if start.startswith(_UTF_16):
        raise FileProblem(f"line 1: is written in UTF-16, not in {shape.encoding}; save it as {shape.encoding}")
    bom = len(_UTF_8_MARK) if start.startswith(_UTF_8_MARK) else 0
    line_end = re.search(rb"\r\n|\n|\r", start)
    end, data_starts_at = (line_end.start(), line_end.end()) if line_end else (len(start), len(start))
    try:
        return start[bom:end].decode(shape.encoding), data_starts_at
    except UnicodeDecodeError:
        raise _no_header(shape) from None


def _length_of_mark(path: Path) -> int:
    """How many bytes a byte order mark takes at the beginning of a file."""
    with path.open("rb") as stream:
        return len(_UTF_8_MARK) if stream.read(len(_UTF_8_MARK)) == _UTF_8_MARK else 0


def _dialect(shape: FileShape) -> dict[str, Any]:
    """How Python's reader is told of the way in which a file is written."""
    if shape.quote == "none":
        return {"delimiter": shape.delimiter, "strict": True, "quoting": csv.QUOTE_NONE, "quotechar": None}
    return {"delimiter": shape.delimiter, "strict": True, "quotechar": shape.quote}


def whole_lines(stream: BinaryIO) -> Iterator[bytes]:
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
                raise NeedsTheStrictParser
    if rest:
        yield rest


class RecordCount:
    """Counts the records of a CSV from its bytes, and gives up where a quotation mark or line end is not plain.

    Plain means: each mark opens or closes a whole field, no quoted field runs over a line end, and lines
    end in one way. Only then is a line a record, whatever COPY makes of it.
    """

    def __init__(self, delimiter: bytes) -> None:
        self._delimiter = delimiter
        self.records = 0

    def add(self, block: bytes) -> None:
        """Count a block of whole lines; raises NeedsTheStrictParser where marks or line ends are not plain."""
        if b'"' in block and not self._marks_are_plain(block):
            raise NeedsTheStrictParser
        # A line longer than a value may be has half of that length without a line end, at one of these places.
        half = LONGEST_VALUE // 2
        if any(block.find(b"\n", start, start + half) < 0 for start in range(0, len(block) - half, half)):
            raise NeedsTheStrictParser
        if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
            raise NeedsTheStrictParser
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


def is_trailer(values: list[str], shape: FileShape) -> bool:
    """Whether a record is the last line that says how many rows there are."""
    return bool(shape.trailer and values and values[0].strip() == shape.trailer)


def declared_rows(record: Record) -> int:
    """How many rows a file has by its last line. Raises FileProblem where that is no number."""
    count = record.values[1].strip() if len(record.values) > 1 else ""
    if not re.fullmatch("[0-9]{1,15}", count):
        raise FileProblem(f"line {record.line}: the last line does not say in its second value how many rows there are")
    return int(count)


def records(path: Path, shape: FileShape, header: Header, columns: dict[str, Column]) -> Iterator[Record]:
    """Each record of a file below its header; one that cannot be read says why.

    Raises FileProblem where the file's structure itself is in doubt, so that nothing is guessed: other
    bytes than the declared encoding's, NUL, a quotation mark that does not close, an end in mid-row.
    """
    expected = len(header.fields)
    lines = PhysicalLines(path, shape)
    for record in _each(lines, shape):
        if lines.number > record.line and not _line_breaks_are_explained(record.values, header, columns):
            raise FileProblem(
                f"line {record.line}: a quoted value runs over the end of the line, in a column that holds no line "
                "breaks, so that rows could be swallowed; close the quotation mark, or have the contract say free_text"
            )
        if record.problem or len(record.values) == expected or is_trailer(record.values, shape):
            yield record
            continue
        if len(record.values) < expected and lines.at_end_without_line_end:
            raise FileProblem(f"line {record.line}: the file ends in the middle of a row; send the whole file")
        yield Record(
            record.line,
            record.values,
            f"has {len(record.values)} values where the header has {expected}"
            if shape.has_header
            else f"has {len(record.values)} values where the contract has {expected}",
        )


def _each(lines: PhysicalLines, shape: FileShape) -> Iterator[Record]:
    """Each record as its quotation marks have it, whatever its number of values; blank lines are none."""
    csv.field_size_limit(LONGEST_VALUE)
    reader = csv.reader(lines, **_dialect(shape))
    if shape.has_header:
        next(reader)
    while True:
        starts_on = lines.number + 1
        problem, values = None, list[str]()
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # A line with an odd number of marks leaves one open: where its value ends is anybody's guess.
            if lines.number > starts_on or lines.marks % 2:
                raise FileProblem(
                    f"line {starts_on}: a quotation mark opens a value and does not close on that line; "
                    "remove it, or double every quotation mark inside a quoted value"
                ) from None
            problem = TOO_LONG if "field limit" in str(error) else "has text after a closing quotation mark"
        if values or problem:
            yield Record(starts_on, values, problem)


def with_lines(path: Path, shape: FileShape) -> Iterator[tuple[int, int, list[str]]]:
    """The first and the last line of each record below the header, and its values; raises FileProblem as `records` does."""
    lines = PhysicalLines(path, shape)
    for record in _each(lines, shape):
        yield record.line, lines.number, record.values


def _line_breaks_are_explained(values: list[str], header: Header, columns: dict[str, Column]) -> bool:
    if len(values) != len(header.fields):
        return False
    return all(
        name is not None and columns[name].free_text
        for name, value in zip(header.fields, values, strict=True)
        if "\n" in value or "\r" in value
    )


def count_rows(path: Path, shape: FileShape) -> int:
    """How many rows a file of a table has that no contract describes. Raises FileProblem where that cannot be told.

    As it is not known which column may hold line breaks, any may.
    """
    line, data_starts_at = _first_line(path, shape)
    if shape.has_header:
        _names(line, shape)
    if is_usual(shape):
        try:
            return _count_quickly(path, shape, data_starts_at if shape.has_header else 0)
        except NeedsTheStrictParser:
            pass
    found, declared = 0, None
    for record in _each(PhysicalLines(path, shape), shape):
        if is_trailer(record.values, shape):
            declared = declared_rows(record)
        else:
            found += 1
    if shape.trailer:
        refuse_another_count(shape.trailer, declared, found)
    return found


def _count_quickly(path: Path, shape: FileShape, data_starts_at: int) -> int:
    count = RecordCount(shape.delimiter.encode())
    with path.open("rb") as stream:
        stream.seek(data_starts_at)
        for block in whole_lines(stream):
            # A blank line is no row.
            if block.startswith((b"\n", b"\r")) or b"\n\n" in block or b"\n\r" in block:
                raise NeedsTheStrictParser
            count.add(block)
    return count.records


def refuse_another_count(trailer: str, declared: int | None, found: int) -> None:
    """Raise FileProblem where a file has not as many rows as its last line declares, or no such line."""
    if declared is None:
        raise FileProblem(
            f"{found:,} rows were found and no last line that begins with {trailer} and says how many there are; "
            "send the whole file"
        )
    if declared != found:
        raise FileProblem(f"the last line declares {declared:,} rows and {found:,} were found; send the whole file")


class PhysicalLines:
    """The physical lines of a file, counted from 1; raises FileProblem for bytes that its encoding does not have.

    `number` is that of the line read last, and `marks` how many quotation marks it holds.
    """

    def __init__(self, path: Path, shape: FileShape) -> None:
        self.number = 0
        self.marks = 0
        self.at_end_without_line_end = False
        self._encoding = shape.encoding
        self._mark = shape.quote if len(shape.quote) == 1 else None
        codec = "utf-8-sig" if shape.encoding == "utf-8" else shape.encoding
        # Either way a wrong byte is read as half of a pair, which is found below and which no text has.
        errors = "surrogatepass" if shape.encoding == "utf-16" else "surrogateescape"
        self._stream: io.TextIOBase = path.open(encoding=codec, errors=errors, newline="")

    def __iter__(self) -> PhysicalLines:
        return self

    def __next__(self) -> str:
        try:
            line = self._stream.readline(_LONGEST_LINE)
        except UnicodeDecodeError:
            raise self._wrong_bytes() from None
        if len(line) == _LONGEST_LINE:
            raise FileProblem(f"line {self.number + 1}: is longer than {_LONGEST_LINE:,} characters; this is not a CSV of rows")
        if not line:
            self._stream.close()
            raise StopIteration
        self.number += 1
        self.marks = line.count(self._mark) if self._mark else 0
        if not line.isascii() and _SURROGATE.search(line):
            raise self._wrong_bytes()
        if "\x00" in line:
            raise FileProblem(f"line {self.number}: holds a NUL byte; export the file again as text")
        self.at_end_without_line_end = line[-1] not in "\r\n"
        return line

    def _wrong_bytes(self) -> FileProblem:
        return FileProblem(
            f"line {max(self.number, 1)}: holds bytes that are not {self._encoding}; save the file as {self._encoding}"
        )
