"""Corrections that people ask for (Article 16): the row is disputed until another value comes, or its sender keeps to it.

A correction is made where the data are kept: the sender is told by letter which line is disputed, and sends it anew. When
a build has taken that up, the dispute ends by itself, with a certificate. A row that comes again unchanged stays disputed.
"""

from __future__ import annotations

from typing import Any

import psycopg

from cares import contracts, english, warehouse
from cares.governance import certificates
from cares.predicates import identifier


class RectificationError(Exception):
    """A request that cannot be taken or ended: says why and what to do, never a value of the data."""


def end(
    connection: psycopg.Connection[Any], rectification_id: int, outcome: str, because: str | None, by_delivery: int | None
) -> int:
    """End a dispute and certify it, in one transaction; returns the certificate's number."""
    delivery_id, table, line, column, received_on = connection.execute(
        """select delivery_id, table_name, line_number, column_name, received_on
           from governance.rectification where rectification_id = %s for update""",
        (rectification_id,),
    ).fetchone()
    what = f"the value of {column} in row" if column else "row"
    became = {
        "corrected": f"Delivery {by_delivery} brought it corrected.",
        "removed": "The row is in use no more." if by_delivery is None else f"Delivery {by_delivery} brings the row no more.",
        "found right": "Its sender looked into it and keeps to it; that the person disputes it stays on record.",
    }[outcome]
    certificate_id, _ = certificates.write(
        connection,
        "rectification",
        f"Request {rectification_id}: {what} {delivery_id}/{table}/{line} was disputed. {became}",
        f"Article 16 of the UK GDPR; received {english.day(received_on)}",
        {"rows disputed": 1},
    )
    connection.execute(
        """update governance.rectification
           set ended_at = now(), ended_by = %s, outcome = %s, ended_because = %s, corrected_by_delivery_id = %s, certificate_id = %s
           where rectification_id = %s""",
        (warehouse.who_is_at_work(), outcome, because, by_delivery, certificate_id, rectification_id),
    )
    return certificate_id


def settle() -> list[int]:
    """End the disputes that a correction has ended, and follow rows that came again unchanged.

    To be called when a build has taken up what came. Returns the deliveries of which the letters have changed.
    """
    told: set[int] = set()
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('cares.rectification'))")
        disputed = connection.execute(
            """select rectification_id, now_delivery_id, table_name, now_line_number, column_name
               from governance.rectification where ended_at is null order by rectification_id"""
        ).fetchall()
        for rectification_id, *place in disputed:
            if _settle_one(connection, rectification_id, *place):
                told.add(place[0])
    return sorted(told)


def _settle_one(
    connection: psycopg.Connection[Any], rectification_id: int, delivery_id: int, table_name: str, line: int, column: str | None
) -> bool:
    """End or follow one dispute; False where nothing has become of it."""
    feed, state = connection.execute("select feed, state from ledger.delivery where delivery_id = %s", (delivery_id,)).fetchone()
    if state in ("withdrawn", "rejected"):
        end(connection, rectification_id, "removed", None, None)
        return True
    known = contracts.load().feeds
    if feed not in known or table_name not in known[feed].format.tables:
        return False
    table = known[feed].format.tables[table_name]
    landed = f"landing.{identifier(table.landing_name)}"
    file_id = connection.execute(
        "select file_id from ledger.delivery_file where delivery_id = %s and table_name = %s", (delivery_id, table_name)
    ).fetchone()[0]
    by = _replaced_by(connection, table.landing_name, delivery_id, table_name, file_id, line)
    if by is None:
        return False
    keys = [identifier(table.column_names[header]) for header in table.file.key]
    named = [identifier(name) for name in ([column] if column else table.column_names.values())]
    # A value that is part of the key names another row when it is corrected, so that the rest of the key names the row here.
    keys = [key for key in keys if key not in named] if column else keys
    same_row = " and ".join(f"nullif(btrim(later.{key}), '') is not distinct from nullif(btrim(own.{key}), '')" for key in keys)
    same_value = " and ".join(f"later.{name} is not distinct from own.{name}" for name in named)
    found = connection.execute(
        f"""select later.line_number, {same_value}
            from {landed} as own
            join ledger.delivery_file as file on file.delivery_id = %s and file.table_name = %s
            join {landed} as later on later.file_id = file.file_id and {same_row or "false"}
            where own.file_id = %s and own.line_number = %s order by 2 desc, 1""",
        (by, table_name, file_id, line),
    ).fetchall()
    if not found:
        end(connection, rectification_id, "removed", None, by)
    elif not found[0][1]:
        end(connection, rectification_id, "corrected", None, by)
    else:
        connection.execute(
            "update governance.rectification set now_delivery_id = %s, now_line_number = %s where rectification_id = %s",
            (by, found[0][0], rectification_id),
        )
        _settle_one(connection, rectification_id, by, table_name, found[0][0], column)
    return True


def _replaced_by(
    connection: psycopg.Connection[Any], landing_name: str, delivery_id: int, table_name: str, file_id: int, line: int
) -> int | None:
    """The delivery that replaces a row: as staging dates it, or as the ledger says for the whole table."""
    staged = f"stg_{landing_name}"
    is_dated = connection.execute(
        """select exists (select from information_schema.columns
                          where table_schema = 'staging' and table_name = %s and column_name = 'superseded_by_delivery_id')""",
        (staged,),
    ).fetchone()[0]
    if is_dated:
        found = connection.execute(
            f"select superseded_by_delivery_id from staging.{identifier(staged)} where file_id = %s and line_number = %s",
            (file_id, line),
        ).fetchone()
        if found and found[0] is not None:
            return int(found[0])
    found = connection.execute(
        "select superseded_by_delivery_id from ledger.table_in_force where delivery_id = %s and table_name = %s",
        (delivery_id, table_name),
    ).fetchone()
    return int(found[0]) if found and found[0] is not None else None
