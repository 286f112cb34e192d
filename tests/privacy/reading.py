"""All the text that a place holds, to be searched for values that should not be there."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql


def text_below(folder: Path, without: frozenset[Path] | set[Path] = frozenset()) -> str:
    """All text of all files below a folder, and their names."""
    parts = []
    for path in [folder, *folder.rglob("*")]:
        if path.is_file() and not any(path.is_relative_to(left_out) for left_out in without):
            parts += [str(path), path.read_bytes().decode("utf-8", errors="replace")]
    return "\n".join(parts)


def text_of(connection: psycopg.Connection, schemas: tuple[str, ...]) -> str:
    """Every row of every table and view of some schemas that the connection's role may read, as text."""
    tables = connection.execute(
        """select table_schema, table_name from information_schema.tables
           where table_schema = any(%s) and has_table_privilege(format('%%I.%%I', table_schema, table_name), 'select')""",
        (list(schemas),),
    ).fetchall()
    parts = []
    for schema, table in tables:
        rows = connection.execute(sql.SQL("select row_to_json(one)::text from {} as one").format(sql.Identifier(schema, table)))
        parts += [table, *(row[0] for row in rows)]
    return "\n".join(parts)
