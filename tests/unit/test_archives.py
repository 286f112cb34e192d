"""Packed files: a plain one is read, any other is refused before anything of it is kept."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
from collections.abc import Mapping

import pytest

from cares.deliveries import archives
from cares.deliveries.archives import Archive, ArchiveRefused, refuse_workbook, unzipped


def packed(files: Mapping[str, bytes], mode: int = stat.S_IFREG | 0o644) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def unpacked(content: bytes) -> dict[str, bytes]:
    archive = Archive(io.BytesIO(content))
    return {name: b"".join(archive.chunks(name)) for name in archive.names()}


def test_a_plain_zip_file_gives_its_files() -> None:
    rows = "".join(f"{number},Secure,01/04/2015\n" for number in range(100_000))
    files = {"tenancies.csv": f"PK_ID,Tenure,Start\n{rows}".encode(), "empty.csv": b""}
    assert unpacked(packed(files)) == files


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (packed({"a.csv": b"x"}, stat.S_IFLNK | 0o777), "holds a link or something else that is no file"),
        (packed({"a.csv": b"x", "A.csv": b"y"}), "holds two files of one name"),
        (packed({"a.tar.gz": b"x"}), "holds another archive"),
        (packed({"a.csv": packed({"b.csv": b"x"})}), "holds another archive"),
        (packed({}), "holds no file"),
        (packed({"a.csv": b"x", "folder/": b""}), "holds folders, or names that are paths"),
        (packed({"..": b"x"}), "holds folders, or names that are paths"),
        (packed({f"{number}.csv": b"" for number in range(101)}), "holds 101 files, more than 100"),
        (packed({f"{number}.csv": b"" for number in range(2000)}), "is larger than we unpack, or holds more than 100 files"),
        (packed({"a.csv": bytes(20 << 20)}), "or than 200 times its own size when unpacked"),
        (b"Tenancy Reference,Tenure\n", "is not a zip file, or was cut off"),
        (packed({"a.csv": b"x" * 99})[:-1], "is not a zip file, or was cut off"),
        (packed({"a.csv": bytes(99)}).replace(b"PK\x01\x02", b"PK\x01\x03"), "is not a zip file, or was cut off"),
        (packed({"a.csv": b"x"})[:-4] + b"\xff\xff\x00\x00", "is not a zip file, or was cut off"),
        (packed({"a.csv": b"abc"}).replace(b"\x03\x00\x00\x00", b"\x02\x00\x00\x00"), "it is damaged; send it again"),
    ],
)
def test_a_zip_file_that_is_not_plain_is_refused_with_what_to_do(content: bytes, says: str) -> None:
    with pytest.raises(ArchiveRefused, match=says):
        unpacked(content)


def test_what_is_unpacked_is_counted_whatever_the_directory_says(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(io.BytesIO(packed({"a.csv": b"x" * 99})))
    monkeypatch.setattr(archive, "_may_unpack", 98)
    with pytest.raises(ArchiveRefused, match="holds more than its directory says"):
        list(archive.chunks("a.csv"))


def test_a_zip_file_is_never_larger_than_the_cap_whatever_its_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES", 1000)
    with pytest.raises(ArchiveRefused, match="would be larger than"):
        unpacked(packed({"a.csv": bytes(range(256)) * 4}))


def test_a_gzip_file_gives_its_file_also_where_it_was_packed_in_pieces() -> None:
    content = gzip.compress(b"Tenancy Reference,Tenure\n") + gzip.compress(b"T001,Secure\n")

    assert b"".join(unzipped(io.BytesIO(content))) == b"Tenancy Reference,Tenure\nT001,Secure\n"
    assert b"".join(unzipped(io.BytesIO(gzip.compress(b"")))) == b""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(bytes(20 << 20)), "or than 200 times its own size when unpacked"),
        (gzip.compress(packed({"a.csv": b"x"})), "holds another archive"),
        (gzip.compress(b"T001,Secure\n")[:-1], "is not a gzip file, or is damaged"),
        (gzip.compress(b"T001,Secure\n")[:-8] + bytes(8), "is not a gzip file, or is damaged"),
        (b"Tenancy Reference,Tenure\n", "is not a gzip file, or is damaged"),
    ],
)
def test_a_gzip_file_that_is_not_plain_is_refused_with_what_to_do(content: bytes, says: str) -> None:
    with pytest.raises(ArchiveRefused, match=says):
        list(unzipped(io.BytesIO(content)))


def test_a_gzip_file_is_never_larger_than_the_cap_whatever_its_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES", 1000)
    with pytest.raises(ArchiveRefused, match="would be larger than"):
        list(unzipped(io.BytesIO(gzip.compress(bytes(range(256)) * 4))))


def test_a_workbook_has_folders_and_is_no_archive_to_unpack() -> None:
    refuse_workbook(io.BytesIO(packed({"xl/workbook.xml": b"<x/>", "xl/worksheets/sheet1.xml": b"<x/>"})))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xd0\xcf\x11\xe0" + bytes(600), "is encrypted; save it as .xlsx without a password"),
        (packed({"xl/vbaProject.bin": b"x"}), "holds macros"),
        (packed({"xl/../../a.xml": b"x"}), "holds names that lead elsewhere"),
        (packed({"/xl/a.xml": b"x"}), "holds names that lead elsewhere"),
        (packed({"xl\\a.xml": b"x"}), "holds names that lead elsewhere"),
        (packed({"xl/a.xml": bytes(20 << 20)}), "or than 200 times its own size when unpacked"),
    ],
)
def test_a_workbook_that_is_not_harmless_is_refused_with_what_to_do(content: bytes, says: str) -> None:
    with pytest.raises(ArchiveRefused, match=says):
        refuse_workbook(io.BytesIO(content))


def test_the_texts_of_a_workbook_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES_OF_A_WORKBOOK", 1000)
    with pytest.raises(ArchiveRefused, match="would be larger than"):
        refuse_workbook(io.BytesIO(packed({"xl/a.xml": bytes(range(256)) * 4})))
