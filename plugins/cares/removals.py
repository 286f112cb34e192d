"""Files and folders that go for good: named in the transaction that lets them go, and removed once it is committed.

So no file is lost whose rows stay, and what an interruption left lying is removed by the next act.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg

from cares import settings, warehouse


class RemovalError(Exception):
    """A file or folder that has to go and is still there: says which and what to do."""


def remove_later(connection: psycopg.Connection, path: Path) -> None:
    """Let a file or folder of the run-time state go with this transaction; `remove` takes it away."""
    connection.execute(
        "insert into ledger.path_to_remove (path) values (%s) on conflict do nothing",
        (path.relative_to(settings.VAR).as_posix(),),
    )


def remove() -> None:
    """Take away what committed transactions let go. Raises RemovalError where the disk does not let it."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        for (name,) in connection.execute("select path from ledger.path_to_remove order by path for update").fetchall():
            path = settings.VAR / name
            try:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            except OSError as error:
                raise RemovalError(
                    f"{path} has to go, and cannot be removed ({error.strerror}). Let the engineer's login write there; then: "
                    "cares retention run"
                ) from None
            connection.execute("delete from ledger.path_to_remove where path = %s", (name,))
