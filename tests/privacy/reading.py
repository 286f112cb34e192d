"""All the text that a place holds, to be searched for values that should not be there."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import psycopg
from psycopg import sql

# Where somebody answers for what was decided of a person, it is found by the person's record.
OF_PERSON_RECORDS = ("record_decision", "record_decision_about", "restricted_record")


def text_below(folder: Path, without: frozenset[Path] | set[Path] = frozenset()) -> str:
    """All text of all files below a folder, and their names."""
    parts = []
    for path in [folder, *folder.rglob("*")]:
        if path.is_file() and not any(path.is_relative_to(left_out) for left_out in without):
            parts += [str(path), path.read_bytes().decode("utf-8", errors="replace")]
    return "\n".join(parts)


def text_of(connection: psycopg.Connection, schemas: tuple[str, ...], without: Collection[str] = ()) -> str:
    """Every row of every table and view of some schemas, in those columns that the connection's role may read, as text."""
    tables = connection.execute(
        """select table_schema, table_name, array_agg(column_name::text) from information_schema.columns
           where table_schema = any(%s) and table_name <> all(%s)
               and has_column_privilege(format('%%I.%%I', table_schema, table_name), column_name, 'select')
           group by table_schema, table_name order by table_schema, table_name""",
        (list(schemas), list(without)),
    ).fetchall()
    parts = []
    for schema, table, columns in tables:
        rows = connection.execute(
            sql.SQL("select row_to_json(one)::text from (select {} from {}) as one").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(schema, table)
            )
        )
        parts += [table, *(row[0] for row in rows)]
    return "\n".join(parts)
