"""Rows of tables as they are told: column -> value."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row


def rows_of(connection: psycopg.Connection[Any], query: str, **values: Any) -> list[dict[str, Any]]:
    """All rows of a query: column -> value."""
    return connection.cursor(row_factory=dict_row).execute(query, values or None).fetchall()
