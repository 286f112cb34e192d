"""Packed files that organisations send: looked at before they are opened, and read no further than they said they are.

A zip file can hold a thousand times its own size, other archives, or names that lead out of the folder into which it is
unpacked. Only a plain one is taken: some files side by side, not encrypted, of a size and ratio that a CSV can have.
A gzip file is held to the same size and ratio while it is unpacked, and a workbook, which is a zip file, to a smaller one.
"""

from __future__ import annotations

import gzip
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

MOST_FILES = 100
MOST_BYTES = 4 << 30
# The texts of a workbook are held in memory.
MOST_BYTES_OF_A_WORKBOOK = 256 << 20
# A CSV of different rows is packed to a fifth or a twentieth, a file of zeroes to a thousandth.
HIGHEST_RATIO = 200
# Below this nothing is a bomb, whatever its ratio.
_HARMLESS_BYTES = 1 << 20
_LONGEST_DIRECTORY = 1 << 16

_END, _END_OF_LARGE = b"PK\x05\x06", b"PK\x06\x07"
_END_SIZE, _LONGEST_COMMENT = 22, 1 << 16
_ZIP_START = b"PK\x03\x04"
# How zip, gzip, 7z, xz and rar files begin.
_ARCHIVE_STARTS = (_ZIP_START, b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ", b"Rar!\x1a")
_ARCHIVE_NAME = re.compile(r"[.](zip|7z|rar|tar|t?gz|t?bz2?|t?xz|zst)$", re.IGNORECASE)

_CUT_OFF = "is not a zip file, or was cut off; send it again"
_NESTED = "holds another archive; pack the files themselves"


class ArchiveRefused(Exception):
    """Why a packed file is not unpacked, and what to do."""


def is_archive(name: str) -> bool:
    """Whether a file holds others that are to be unpacked, by its name."""
    return name.lower().endswith(".zip")


def is_gzip(name: str) -> bool:
    """Whether a file is one other file, packed by itself, by its name."""
    return name.lower().endswith(".gz")


def unzipped(stream: BinaryIO) -> Iterator[bytes]:
    """The content of a gzip file; raises ArchiveRefused where it is damaged, or would not end."""
    may_unpack = _may_unpack(stream.seek(0, 2), MOST_BYTES)
    stream.seek(0)
    try:
        with gzip.GzipFile(fileobj=stream) as content:
            first = True
            while chunk := content.read(1 << 20):
                if first and chunk.startswith(_ARCHIVE_STARTS):
                    raise ArchiveRefused(_NESTED)
                first = False
                may_unpack -= len(chunk)
                if may_unpack < 0:
                    raise ArchiveRefused(_too_large(MOST_BYTES))
                yield chunk
    except (gzip.BadGzipFile, zlib.error, EOFError):
        raise ArchiveRefused("is not a gzip file, or is damaged; send it again") from None


def refuse_workbook(stream: BinaryIO) -> None:
    """Raise ArchiveRefused where a workbook is not harmless to open."""
    if stream.read(len(_ZIP_START)) != _ZIP_START:
        raise ArchiveRefused("is no workbook of this kind, or is encrypted; save it as .xlsx without a password")
    WorkbookArchive(stream)
    stream.seek(0)


def _may_unpack(size: int, most: int) -> int:
    return min(most, max(_HARMLESS_BYTES, HIGHEST_RATIO * size))


def _too_large(most: int) -> str:
    return (
        f"would be larger than {most >> 20:,} MB or than {HIGHEST_RATIO} times its own size when unpacked; "
        "send the files as they are"
    )


class Archive:
    """A zip file whose directory was found harmless; raises ArchiveRefused where it is not."""

    most_files = MOST_FILES

    def __init__(self, stream: BinaryIO) -> None:
        size = stream.seek(0, 2)
        _refuse_long_directory(stream, size)
        try:
            self._zip = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error):
            raise ArchiveRefused(_CUT_OFF) from None
        self._members = self._zip.infolist()
        self._may_unpack = _may_unpack(size, self.most_bytes)
        self._refuse_by_directory()

    def names(self) -> list[str]:
        """The files that it holds, in its order."""
        return [member.filename for member in self._members]

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of one of its files; raises ArchiveRefused where it is another than the directory says."""
        try:
            with self._zip.open(name) as content:
                first = True
                while chunk := content.read(1 << 20):
                    if first:
                        self._refuse_nested(chunk)
                    first = False
                    self._may_unpack -= len(chunk)
                    if self._may_unpack < 0:
                        raise ArchiveRefused("holds more than its directory says; send the files as they are")
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, struct.error, ValueError):
            raise ArchiveRefused("cannot be unpacked: it is damaged; send it again") from None

    @property
    def most_bytes(self) -> int:
        """How large it may be when unpacked, whatever its ratio."""
        return MOST_BYTES

    def _refuse_by_directory(self) -> None:
        if not self._members:
            raise ArchiveRefused("holds no file; send it again with the files in it")
        if len(self._members) > self.most_files:
            raise ArchiveRefused(f"holds {len(self._members):,} files, more than {self.most_files}; send one file for each table")
        for member in self._members:
            # Where the directory says that it lies behind where it does, what it lists lies before the beginning.
            if member.header_offset < 0:
                raise ArchiveRefused(_CUT_OFF)
            # What a name says after a NUL byte, and backslashes, would be changed when the directory is read.
            self._refuse_name(member.orig_filename)
            if member.flag_bits & 0x1:
                raise ArchiveRefused("is encrypted; send it without a password, over the agreed channel")
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise ArchiveRefused("holds a link or something else that is no file; pack the files themselves")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ArchiveRefused("is packed in an unusual way; pack it as an ordinary zip file (deflate)")
        if len({name.casefold() for name in self.names()}) < len(self._members):
            raise ArchiveRefused("holds two files of one name; send one file for each table")
        if sum(member.file_size for member in self._members) > self._may_unpack:
            raise ArchiveRefused(_too_large(self.most_bytes))

    def _refuse_name(self, name: str) -> None:
        if re.search(r"[/\\:\0]", name) or name in ("", ".", ".."):
            raise ArchiveRefused("holds folders, or names that are paths; pack the files side by side, without folders")
        if _ARCHIVE_NAME.search(name):
            raise ArchiveRefused(_NESTED)

    def _refuse_nested(self, start: bytes) -> None:
        if start.startswith(_ARCHIVE_STARTS):
            raise ArchiveRefused(_NESTED)


class WorkbookArchive(Archive):
    """A workbook (.xlsx), which is a zip file with folders of its own."""

    most_files = 1_000

    @property
    def most_bytes(self) -> int:
        """How large it may be when unpacked, whatever its ratio."""
        return MOST_BYTES_OF_A_WORKBOOK

    def _refuse_name(self, name: str) -> None:
        if re.search(r"[\\:\0]", name) or name.startswith("/") or ".." in name.split("/"):
            raise ArchiveRefused("holds names that lead elsewhere; save the workbook again as .xlsx")
        if name.lower().endswith("vbaproject.bin"):
            raise ArchiveRefused("holds macros; save it as .xlsx, without macros")


def _refuse_long_directory(stream: BinaryIO, size: int) -> None:
    """Refuse a directory that is too long to be read at all: reading it takes memory for each name in it."""
    stream.seek(max(0, size - _END_SIZE - _LONGEST_COMMENT))
    tail = stream.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) - end < _END_SIZE:
        raise ArchiveRefused(_CUT_OFF)
    (directory_size,) = struct.unpack("<L", tail[end + 12 : end + 16])
    if directory_size > _LONGEST_DIRECTORY or tail[max(0, end - 20) : end].startswith(_END_OF_LARGE):
        raise ArchiveRefused(f"is larger than we unpack, or holds more than {MOST_FILES} files; send the files as they are")
    stream.seek(0)
