"""Where the borough is written: whole deliveries at a time, into a folder that says that it is simulated."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable
from pathlib import Path

MARKER = "SIMULATED.txt"
COMPLETE = "complete.done"
FOLDERS = ("outbox", "answer_key")
_WARNING = """SIMULATED DATA

Everything in this folder is made up by `cares simulate`: people, numbers, addresses and care.
No person, household or figure here is real, and nothing here describes St Helens.

{how}
"""


class OutboxError(Exception):
    """The folder cannot be written to: says why and what to do."""


def check(out: Path) -> None:
    """Raise OutboxError unless `out` is new, empty, or holds an earlier borough."""
    if out.exists() and not out.is_dir():
        raise OutboxError(f"{out} is not a folder; name another")
    if out.exists() and any(out.iterdir()) and not (out / MARKER).is_file():
        raise OutboxError(f"{out} holds something that was not simulated; name an empty or a new folder")


def prepare(out: Path, how: str) -> None:
    """Make `out` ready for a new borough; `how` says how it was made.

    An earlier borough there is removed, and nothing else. Raises OutboxError as `check` does.
    """
    check(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKER).write_text(_WARNING.format(how=how), encoding="utf-8")
    for name in FOLDERS:
        shutil.rmtree(out / name, ignore_errors=True)
        (out / name).mkdir()


def deliver(out: Path, feed: str, folder: str, files: dict[str, bytes]) -> None:
    """Write one delivery so that nobody sees half of it: into a hidden folder, which then gets its name.

    A file says that it is complete, so that whoever collects it need not wait and see.
    """
    place = out / "outbox" / feed
    place.mkdir(parents=True, exist_ok=True)
    hidden = place / f".{folder}"
    hidden.mkdir()
    for name, content in files.items():
        (hidden / name).write_bytes(content)
    (hidden / COMPLETE).touch()
    hidden.rename(place / folder)


def write_table(path: Path, headers: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a small CSV of the answer key."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(headers)
        writer.writerows(rows)
