"""The files of a delivery as they were sent: one by one, or together in a zip file; looked at before anything is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from cares import contracts
from cares.contracts import Feed
from cares.deliveries.archives import Archive, ArchiveRefused, is_archive
from cares.deliveries.events import DeliveryError

MANIFEST = "manifest.csv"
# A file whose name ends so says that the others are complete, and is itself none of them.
DONE = ".done"
_CHUNK = 1 << 20
_LONGEST_NAME = 200


class DeliveryRefused(DeliveryError):
    """A delivery that is not taken: says why and what to do, never a value of the data."""


@dataclass(frozen=True)
class SentFile:
    """A file on its way in: its name, the table that it holds (None: not known), and its content, to be read once."""

    name: str
    table: str | None
    content: Iterator[bytes]
    was_packed: bool

    @property
    def is_manifest(self) -> bool:
        """Whether it is the delivery's own list of its files."""
        return self.table is None and self.name.casefold() == MANIFEST


def sent_files(feed: Feed, paths: Iterable[Any]) -> Iterator[SentFile]:
    """The files that lie at some paths, those in zip files in their place; each is to be read before the next is asked for.

    Raises DeliveryRefused where one cannot be read, is a link, is an archive that is not harmless or a second one of its
    table, and where there is none.
    """
    seen: list[str | None] = []
    for path in paths:
        name = shown(path.name)
        if name.endswith(DONE):
            continue
        if is_link(path):
            raise DeliveryRefused(f"{feed.slug}: {name} is a link; send the file itself")
        with _refusing(feed, name), path.open("rb") as stream:
            for inner_name, content in _contents(name, stream):
                file = SentFile(inner_name, table_of(feed, inner_name), _refuse(feed, name, content), is_archive(name))
                what = MANIFEST if file.is_manifest else file.table
                if what and what in seen:
                    raise DeliveryRefused(f"{feed.slug}: two files are both {what}; send one file for each table")
                seen.append(what)
                yield file
    if not [what for what in seen if what != MANIFEST]:
        raise DeliveryRefused(f"{feed.slug}: no file was given; name at least one")


def look(feed: Feed, paths: Iterable[Any]) -> None:
    """Raise DeliveryRefused where `sent_files` would, or its reader; keeps nothing, and reads through zip files only."""
    for file in sent_files(feed, paths):
        next(file.content, None)
        if file.was_packed:
            for _ in file.content:
                pass


def shown(name: str) -> str:
    """A file's name as it may be kept and shown: no path, no control characters, not too long."""
    return re.sub(r"[^\w .()-]", "_", name)[:_LONGEST_NAME]


def is_link(path: Any) -> bool:
    """Whether a path is a symbolic link, where there are such."""
    return bool(hasattr(path, "is_symlink") and path.is_symlink())


def why_no_table(feed: Feed, name: str) -> str:
    """What to do about a file whose name is not that of a table."""
    known = ", ".join(sorted(feed.format.tables))
    return f"{feed.slug}: {name}: the name is not that of a table; name the file after one of: {known}"


def table_of(feed: Feed, name: str) -> str | None:
    """The table that a file's name says it is; a date at the end of the name is ignored."""
    stem = contracts.normalised(name.rsplit(".", 1)[0])
    known = feed.format.table_of_stem
    return known.get(stem) or known.get(re.sub(r"\d{4,}$", "", stem))


def _contents(name: str, stream: BinaryIO) -> Iterator[tuple[str, Iterator[bytes]]]:
    if not is_archive(name):
        yield name, iter(lambda: stream.read(_CHUNK), b"")
        return
    archive = Archive(stream)
    for member in archive.names():
        yield shown(member), archive.chunks(member)


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
