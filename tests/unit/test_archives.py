"""Zip files: a plain one is read, any other is refused before anything of it is unpacked."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping

import pytest

from cares.deliveries import archives
from cares.deliveries.archives import Archive, ArchiveRefused


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
