"""Certificates: one plain page for each act upon people's data that has to be shown later, numbered, naming nobody."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from cares import settings, simulated, warehouse


def write(connection: psycopg.Connection[Any], act: str, what: str, ground: str, counts: Mapping[str, int]) -> tuple[int, Path]:
    """Certify an act in the act's own transaction; returns the certificate's number and its file in `VAR/certificates`.

    `what` says in whole sentences what was done, `ground` why, `counts` how many of what. None of them names a person.
    """
    at, by = datetime.now(UTC), warehouse.who_is_at_work()
    lines = [
        f"Certificate: {act}",
        *([f"{simulated.WORD}"] if simulated.is_simulated() else []),
        "",
        what,
        "",
        f"Ground: {ground}",
        *(f"{name}: {count:,}" for name, count in counts.items()),
        f"Done by {by}, {at:%Y-%m-%d %H:%M} UTC",
    ]
    text = "\n".join(lines) + "\n"
    certificate_id: int = connection.execute(
        """insert into governance.certificate (act, at, by, ground, counts, text)
           values (%s, %s, %s, %s, %s, %s) returning certificate_id""",
        (act, at, by, ground, Jsonb(dict(counts)), text),
    ).fetchone()[0]
    path = settings.var_folder("certificates") / f"{certificate_id:06d}_{act.replace(' ', '_')}.txt"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(f"Number {certificate_id}\n{text}")
    return certificate_id, path
