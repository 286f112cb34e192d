"""The files of a delivery as they were sent: one by one, or packed; looked at before anything is kept.

A file is one table, or holds several: a workbook has a sheet for each, an XML file elements of different kinds. Each of
them is a part of the file, and is accounted for on its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from cares import contracts
from cares.contracts import Feed
from cares.deliveries.archives import Archive, ArchiveRefused, is_archive, is_gzip, refuse_workbook, unzipped
from cares.deliveries.events import DeliveryError
from cares.reading import FileProblem
from cares.reading.containers import is_workbook, is_xml
from cares.reading.workbooks import Workbook

MANIFEST = "manifest.csv"
# A file whose name ends so says that the others are complete, and is itself none of them.
DONE = ".done"
# And one whose name ends so is still being written.
UNFINISHED = (".part", ".filepart", ".tmp")
_CHUNK = 1 << 20
_LONGEST_NAME = 200
_HIDDEN = "hidden"
# Words that tell of a file and of nobody, beside those of the contracts.
_WORDS_OF_FILES = (
    "csv txt tsv dat xml xlsx xls xlsm xlsb ods pdf doc docx json zip gz rar tar tgz part filepart tmp done manifest returns "
    "first second again corrected correction final new january february march april may june july august september october "
    "november december"
).split()
# A date is written in so many digits, with its time too; an NHS number in 10, or in groups of 3, 3 and 4.
_LENGTHS_OF_DATES = (2, 4, 6, 8, 12, 14)
_OTHER_WORKBOOKS = (".xls", ".xlsm", ".xlsb", ".ods")


class DeliveryRefused(DeliveryError):
    """A delivery that is not taken: says why and what to do, never a value of the data."""


@dataclass(frozen=True)
class Part:
    """A table as a file holds it: which (None: not known, with the reason), and by what name the file has it, if by any."""

    table: str | None
    name: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class SentFile:
    """A file on its way in: its name, the tables in it, and its content, to be read once.

    `left_out` says which of its sheets are no table, by their places, the first being 1: a name may be anybody's.
    """

    name: str
    parts: tuple[Part, ...]
    left_out: tuple[int, ...]
    content: Iterator[bytes]
    was_packed: bool

    @property
    def is_manifest(self) -> bool:
        """Whether it is the delivery's own list of its files."""
        return self.name.casefold() == MANIFEST and all(part.table is None for part in self.parts)


def sent_files(feed: Feed, version: str, paths: Iterable[Any]) -> Iterator[SentFile]:
    """The files that lie at some paths, those that are packed in their place; each is to be read before the next is asked for.

    Raises DeliveryRefused where one cannot be read, is a link, is an archive or workbook that is not harmless or a second
    one of its table, and where there is none.
    """
    seen: set[str] = set()
    is_given = False
    for path in paths:
        name = shown(path.name)
        if name.endswith(DONE):
            continue
        if is_link(path):
            raise DeliveryRefused(f"{feed.slug}: {name} is a link; send the file itself")
        with _refusing(feed, name), path.open("rb") as stream:
            for inner_name, content in _contents(name, stream):
                parts, left_out = parts_of(feed, version, inner_name, stream)
                file = SentFile(inner_name, parts, left_out, _refuse(feed, name, content), is_archive(name) or is_gzip(name))
                for what in [MANIFEST] if file.is_manifest else [part.table for part in parts if part.table]:
                    if what in seen:
                        raise DeliveryRefused(f"{feed.slug}: two files are both {what}; send one file for each table")
                    seen.add(what)
                is_given = is_given or not file.is_manifest
                yield file
    if not is_given:
        raise DeliveryRefused(f"{feed.slug}: no file was given; name at least one")


def look(feed: Feed, version: str, paths: Iterable[Any]) -> None:
    """Raise DeliveryRefused where `sent_files` would, or its reader; keeps nothing, and reads through packed files only."""
    for file in sent_files(feed, version, paths):
        next(file.content, None)
        if file.was_packed:
            for _ in file.content:
                pass


def shown(name: str) -> str:
    """The name of a file or folder as it may be kept and shown: whoever sends it may have named it after a person.

    Of its words stay those that the contracts use and those that tell of files; every other is `hidden`, and so are numbers,
    unless they may be dates and nothing beside them is hidden. What follows `__` is judged on its own.
    """
    return "__".join(map(_without_strange_words, printable(name).split("__")))


def printable(text: str) -> str:
    """A short text of somebody else's as it may be printed: no path, no control characters, not too long."""
    return re.sub(r"[^\w .()-]", "_", text)[:_LONGEST_NAME]


def _without_strange_words(name: str) -> str:
    words, promised = contracts.WORD.findall(name), contracts.load()
    known = promised.words_of_names.union(_WORDS_OF_FILES)
    # A table's name, which may be written in other words than the contract's.
    ends = [end for end in range(len(words) + 1) if contracts.normalised("".join(words[:end])) in promised.stems]
    strange = {word for word in words[max(ends, default=0) :] if len(word) > 1 and word.lower() not in known}
    if all(word.isdigit() and len(word) in _LENGTHS_OF_DATES for word in strange):
        return name
    return contracts.WORD.sub(lambda word: _HIDDEN if word[0] in strange else word[0], name)


def is_link(path: Any) -> bool:
    """Whether a path is a symbolic link, where there are such."""
    return bool(hasattr(path, "is_symlink") and path.is_symlink())


def parts_of(feed: Feed, version: str, name: str, stream: BinaryIO) -> tuple[tuple[Part, ...], tuple[int, ...]]:
    """The tables that a file holds, and the places of the sheets that are none; `stream` is asked only if it is a workbook."""
    if is_workbook(name):
        return _parts_of_workbook(feed, name, stream)
    if is_xml(name):
        rows, known = feed.format.file.xml.rows if feed.format.file.xml else {}, feed.format.recognised(version)
        parts = tuple(Part(table, str(row)) for table, row in rows.items() if table in known)
        return parts or (
            Part(None, problem=f"{feed.slug}: {name}: this feed does not come as XML; send a CSV of each table"),
        ), ()
    table = _table_of(feed, name.rsplit(".", 1)[0])
    return (Part(table, problem=None if table else _why_no_table(feed, name)),), ()


def _parts_of_workbook(feed: Feed, name: str, stream: BinaryIO) -> tuple[tuple[Part, ...], tuple[int, ...]]:
    """The sheets that are named after tables; or its only sheet, where the workbook itself is named after one."""
    try:
        refuse_workbook(stream)
        sheets = list(Workbook(stream).sheets)
        stream.seek(0)
    except FileProblem as found:
        raise ArchiveRefused(str(found)) from None
    tables = {sheet: _table_of(feed, sheet) if shown(sheet) == sheet else None for sheet in sheets}
    parts = tuple(Part(table, sheet) for sheet, table in tables.items() if table)
    own = _table_of(feed, name.rpartition(".")[0])
    if not parts and len(sheets) == 1 and own:
        return (Part(own),), ()
    left_out = tuple(place for place, table in enumerate(tables.values(), 1) if not table)
    problem = f"{feed.slug}: {name}: no sheet is named after a table; name each after one of: {_known(feed)}"
    return parts or (Part(None, problem=problem),), left_out


def _why_no_table(feed: Feed, name: str) -> str:
    """What to do about a file whose name is not that of a table."""
    return f"{feed.slug}: {name}: the name is not that of a table; name the file after one of: {_known(feed)}"


def _known(feed: Feed) -> str:
    return ", ".join(sorted(feed.format.tables))


def _table_of(feed: Feed, stem: str) -> str | None:
    """The table that a name says something is; a date at the end of the name is ignored."""
    stem = contracts.normalised(stem)
    known = feed.format.table_of_stem
    # A table's own name may end in digits too (CYP101_20230131), so that the longest name counts before which only digits go.
    dated = (stem[:end] for end in range(len(stem) - 4, 0, -1) if stem[end:].isdigit())
    return next((known[name] for name in (stem, *dated) if name in known), None)


def _contents(name: str, stream: BinaryIO) -> Iterator[tuple[str, Iterator[bytes]]]:
    if name.lower().endswith(_OTHER_WORKBOOKS):
        raise ArchiveRefused("is a workbook of a kind that is not opened; save it as .xlsx, without macros")
    if is_gzip(name):
        packed = [(name[: -len(".gz")], unzipped(stream))]
    elif is_archive(name):
        archive = Archive(stream)
        packed = [(shown(member), archive.chunks(member)) for member in archive.names()]
    else:
        yield name, iter(lambda: stream.read(_CHUNK), b"")
        return
    if any(is_workbook(inner) for inner, _ in packed):
        raise ArchiveRefused("holds a workbook, which is packed already; send the workbook as it is")
    yield from packed


def _refuse(feed: Feed, name: str, content: Iterator[bytes]) -> Iterator[bytes]:
    with _refusing(feed, name):
        yield from content


@contextmanager
def _refusing(feed: Feed, name: str) -> Iterator[None]:
    try:
        yield
    except ArchiveRefused as refusal:
        raise DeliveryRefused(f"{feed.slug}: {name} {refusal}") from None
    except OSError as error:
        raise DeliveryRefused(f"{feed.slug}: a file cannot be read: {error.strerror}: {name}") from None
