"""A delivery's own list of its files: what it declares, held against what came.

`manifest.csv` lies beside the files, or in the zip file with them. Its columns are file, rows and, if wished, sha256.
It is kept with the originals, so that a replay is held against it too.
"""

from __future__ import annotations

import csv
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from cares import settings
from cares.deliveries.sent_files import MANIFEST, shown

_COLUMNS = ("file", "rows", "sha256")
_LONGEST = 1 << 20


class ManifestProblem(Exception):
    """A manifest that cannot be read: says where and what to do."""


@dataclass(frozen=True)
class Declared:
    """What a manifest says of one file."""

    file: str
    rows: int
    sha256: str | None


def kept_at(delivery_id: int) -> Path:
    """Where a delivery's manifest is kept, if one came."""
    return settings.var_folder("store") / str(delivery_id) / MANIFEST


def read(path: Path) -> list[Declared]:
    """What a manifest declares, in its order. Raises ManifestProblem where that cannot be told."""
    try:
        content = path.read_bytes()
        if len(content) > _LONGEST:
            raise ManifestProblem("is longer than a list of files can be")
        lines = list(csv.reader(content.decode("utf-8-sig").splitlines(), strict=True))
    except UnicodeDecodeError:
        raise ManifestProblem("is not UTF-8; save it as UTF-8") from None
    except csv.Error:
        raise ManifestProblem("cannot be read as values separated by commas") from None
    header = [name.strip().lower() for name in lines[0]] if lines else []
    if not {"file", "rows"} <= set(header) <= set(_COLUMNS) or len(set(header)) < len(header):
        raise ManifestProblem("line 1: the header must be file,rows or file,rows,sha256")
    declared = []
    for number, values in enumerate(lines[1:], 2):
        if not values:
            continue
        line = dict(zip(header, map(str.strip, values), strict=False))
        sha256 = line.get("sha256", "").lower()
        if len(values) != len(header) or not line["file"] or not re.fullmatch("[0-9]{1,15}", line["rows"]):
            raise ManifestProblem(f"line {number}: write the file's name and how many rows it has, as a number")
        if not re.fullmatch("([0-9a-f]{64})?", sha256):
            raise ManifestProblem(f"line {number}: a SHA-256 has 64 digits of 0 to 9 and a to f")
        declared.append(Declared(line["file"], int(line["rows"]), sha256 or None))
    if len({one.file.casefold() for one in declared}) < len(declared):
        raise ManifestProblem("lists a file twice; list each once")
    return declared


def keep(connection: psycopg.Connection, delivery_id: int, path: Path) -> None:
    """Keep a delivery's manifest, which lies at a path, and write into the ledger how many rows it declares for each file."""
    # A delivery may be nothing but its manifest.
    settings.var_folder("store", str(delivery_id))
    shutil.copyfile(path, kept_at(delivery_id))
    kept_at(delivery_id).chmod(0o600)
    connection.execute("update ledger.delivery set has_manifest = true where delivery_id = %s", (delivery_id,))
    # One that cannot be read declares nothing, which `problems` tells.
    with suppress(ManifestProblem):
        for one in read(path):
            connection.execute(
                """update ledger.delivery_file set declared_rows = %s
                   where delivery_id = %s and lower(file_name) = lower(%s) and part is null""",
                (one.rows, delivery_id, shown(one.file)),
            )


def keep_again(connection: psycopg.Connection, delivery_id: int, replay_id: int) -> None:
    """Keep the manifest of a delivery, if it has one, for its replay too."""
    if _has_manifest(connection, delivery_id):
        keep(connection, replay_id, kept_at(delivery_id))


def problems(connection: psycopg.Connection, delivery_id: int) -> list[str]:
    """In what a delivery is another than its manifest declares; nothing where it has none. Rows are known after landing."""
    if not _has_manifest(connection, delivery_id):
        return []
    files = {
        name.casefold(): (name, rows, sha256)
        for name, rows, sha256 in connection.execute(
            """select file_name, case when count(*) = count(received_rows) then sum(received_rows) end, sha256
               from ledger.delivery_file where delivery_id = %s group by file_name, sha256 order by min(file_id)""",
            (delivery_id,),
        ).fetchall()
    }
    try:
        declared = {shown(one.file).casefold(): one for one in read(kept_at(delivery_id))}
    except ManifestProblem as problem:
        return [f"{MANIFEST} {problem}"]
    declared.pop(MANIFEST, None)
    found = [f"it lists {shown(one.file)}, which did not come" for key, one in declared.items() if key not in files]
    for key, (name, rows, sha256) in files.items():
        one = declared.get(key)
        if one is None:
            found.append(f"it does not list {name}, which came")
        elif one.sha256 and one.sha256 != sha256:
            found.append(f"it describes another {name} than came (another SHA-256)")
        elif rows is not None and rows != one.rows:
            found.append(f"it declares {one.rows:,} rows in {name}, and {rows:,} were found")
    return [f"{MANIFEST}: {one}; send the whole delivery again, with a manifest that describes it" for one in found]


def _has_manifest(connection: psycopg.Connection, delivery_id: int) -> bool:
    """Whether a delivery came with a manifest; the originals are not kept for ever, and the manifest no longer than they."""
    came = connection.execute("select has_manifest from ledger.delivery where delivery_id = %s", (delivery_id,)).fetchone()
    return bool(came and came[0]) and kept_at(delivery_id).is_file()
