"""Every source row that is held about a person, in use or not: accepted, replaced, set aside, held back.

A table names people by columns of its own, as its staging model reads them; other tables say whose row they are about by
`refers_to`. What the person's own rows are referred to by is the person's. What they refer to, as a household to its
tenancy, is shared: it tells of others too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg

from cares import contracts, settings, warehouse
from cares.contracts import Format, Table
from cares.deliveries import Row
from cares.predicates import identifier

# Formats that number people as another one does: (source of a person record) -> formats beside those that describe it.
_SAME_NUMBERS = {"housing": ("housing_support",)}
# Tables of another format that are about a row of ours: (format, table, header) -> (format, tables with the same header).
_ELSEWHERE = {
    ("housing", "tenancies", "Tenancy Reference"): (
        "housing_support",
        ("adaptations", "anti_social_behaviour", "arrears", "repairs"),
    )
}
# What more rows than this refer to is a list, such as one of teams, and no row of a household.
_MOST_WHO_SHARE = 12

_MODELS = settings.DBT_PROJECT / "models" / "staging"
_PERSON_COLUMN = re.compile(r"^\s*(.*\bclean_(?:text|code)\(.*) as local_person_id,?$", re.MULTILINE)


@dataclass(frozen=True)
class HeldRow:
    """A row about a person: of which person record, and whether it tells of others too."""

    row: Row
    file_id: int
    feed: str
    person_record_id: str
    is_shared: bool


@dataclass(frozen=True)
class _Record:
    person_record_id: str
    organisation: str
    source: str
    local_person_id: str
    formats: tuple[str, ...]

    @property
    def numbering_feed(self) -> str | None:
        """The feed whose numbering it is, where a record is named by its feed and not by its source."""
        feed = self.person_record_id.removesuffix(f"/{self.local_person_id}")
        return None if feed == f"{self.organisation}/{self.source}" else feed


def of_person(connection: psycopg.Connection[Any], person_id: int) -> list[HeldRow]:
    """The rows of all person records that are linked to a person now, by delivery, table and line."""
    found: dict[Row, HeldRow] = {}
    records = [
        _Record(record, organisation, source, local_person_id, tuple(formats))
        for record, organisation, source, local_person_id, formats in connection.execute(
            """select person_record_id, organisation, source, local_person_id, formats
               from person_index.membership join intermediate.int_person_records using (person_record_id)
               where person_id = %s and valid_to is null order by person_record_id""",
            (person_id,),
        ).fetchall()
    ]
    for record in records:
        for one in _own_rows(connection, record):
            found.setdefault(one.row, one)
    _add_what_refers_to(connection, found, list(found.values()))
    shared = list(_referred_to(connection, list(found.values())))
    found |= {one.row: one for one in shared if one.row not in found}
    for one in [*_elsewhere(connection, shared)]:
        found.setdefault(one.row, one)
    return sorted(found.values(), key=lambda one: (one.row.delivery_id, one.row.table, one.row.line))


@cache
def person_columns(format: str, table: str) -> tuple[tuple[str, bool], ...]:
    """The landing columns that together are a sender's own id of a person, each with whether it is read in capitals.

    None where a table names nobody. They are those of the staging model, so that the two cannot differ.
    """
    path = _MODELS / format / f"stg_{format}__{table}.sql"
    told = _PERSON_COLUMN.search(path.read_text("utf-8")) if path.exists() else None
    columns = re.findall(r"clean_(text|code)\('(\w+)'\)", told[1]) if told else []
    return tuple((column, kind == "code") for kind, column in columns)


def _own_rows(connection: psycopg.Connection[Any], record: _Record) -> Iterator[HeldRow]:
    """The rows that name a person record by its own id."""
    known = contracts.load().formats
    for name in (*record.formats, *_SAME_NUMBERS.get(record.source, ())):
        for table in known[name].tables.values() if name in known else ():
            columns = person_columns(name, table.name)
            if not columns or not _exists(connection, table):
                continue
            parts = [
                f"{'upper' if is_code else ''}(btrim(landed.{identifier(column)}, e' \\t\\r\\n\\u00a0'))"
                for column, is_code in columns
            ]
            named = " || '/' || ".join(parts)
            yield from _rows(
                connection,
                table,
                f"{named} = %(local)s and delivery.organisation = %(organisation)s "
                "and (%(feed)s::text is null or delivery.feed = %(feed)s)",
                {"local": record.local_person_id, "organisation": record.organisation, "feed": record.numbering_feed},
                record.person_record_id,
                is_shared=False,
            )


def _add_what_refers_to(connection: psycopg.Connection[Any], found: dict[Row, HeldRow], start: Sequence[HeldRow]) -> None:
    """Add the rows of the same deliveries that refer to rows found, and those that refer to them in turn."""
    waiting = list(start)
    while waiting:
        one = waiting.pop()
        format = _format_of(one.feed)
        for child, header, parent_header in _references_to(format, one.row.table):
            for other in _related(connection, one, format.tables[one.row.table], parent_header, format.tables[child], header):
                if other.row not in found:
                    found[other.row] = other
                    waiting.append(other)


def _referred_to(connection: psycopg.Connection[Any], own: Sequence[HeldRow]) -> Iterator[HeldRow]:
    """The rows that a person's rows refer to and that name nobody themselves: a tenancy, an incident."""
    for one in own:
        format = _format_of(one.feed)
        table = format.tables[one.row.table]
        for header, parent, parent_header in _references_from(table):
            if person_columns(format.name, parent) or format.tables[parent].file.key != (parent_header,):
                continue
            above = _related(connection, one, table, header, format.tables[parent], parent_header, is_shared=True)
            for other in above:
                if _how_many_refer(connection, other, format.tables[parent], parent_header, table, header) <= _MOST_WHO_SHARE:
                    yield other


def _elsewhere(connection: psycopg.Connection[Any], shared: Sequence[HeldRow]) -> Iterator[HeldRow]:
    """The rows of other formats of the same organisation that are about the shared ones, as repairs are about a home."""
    for one in shared:
        own_format = _format_of(one.feed)
        for (format, table, header), (other_format, others) in _ELSEWHERE.items():
            if (format, table) != (own_format.name, one.row.table):
                continue
            own_table = own_format.tables[table]
            value = _value(connection, one, own_table, header)
            for name in others if value else ():
                other = contracts.load().formats[other_format].tables[name]
                if _exists(connection, other):
                    yield from _rows(
                        connection,
                        other,
                        f"btrim(landed.{identifier(other.column_names[header])}) = %(value)s "
                        "and delivery.organisation = %(organisation)s",
                        {"value": value, "organisation": one.feed.partition("/")[0]},
                        one.person_record_id,
                        is_shared=True,
                    )


def _related(
    connection: psycopg.Connection[Any],
    one: HeldRow,
    table: Table,
    header: str,
    other: Table,
    other_header: str,
    is_shared: bool | None = None,
) -> list[HeldRow]:
    """The rows of another table of the same delivery with the value that a row has under a header."""
    value = _value(connection, one, table, header)
    if not value or not _exists(connection, other):
        return []
    return list(
        _rows(
            connection,
            other,
            f"btrim(landed.{identifier(other.column_names[other_header])}) = %(value)s and delivery.delivery_id = %(delivery)s",
            {"value": value, "delivery": one.row.delivery_id},
            one.person_record_id,
            one.is_shared if is_shared is None else is_shared,
        )
    )


def _how_many_refer(
    connection: psycopg.Connection[Any], one: HeldRow, table: Table, header: str, other: Table, other_header: str
) -> int:
    return len(_related(connection, one, table, header, other, other_header))


def _value(connection: psycopg.Connection[Any], one: HeldRow, table: Table, header: str) -> str | None:
    found = connection.execute(
        f"""select nullif(btrim({identifier(table.column_names[header])}), '') from landing.{identifier(table.landing_name)}
            where file_id = %s and line_number = %s""",
        (one.file_id, one.row.line),
    ).fetchone()
    return found[0] if found else None


def _references_to(format: Format, parent: str) -> Iterator[tuple[str, str, str]]:
    """(table, header, header of the parent) of what refers to a table by what names one of its rows, and names nobody itself.

    A reference by anything else, such as a team, would lead to other people.
    """
    names_a_row = format.tables[parent].file.key
    for name, table in format.tables.items():
        if person_columns(format.name, name):
            continue
        for header, referred, parent_header in _references_from(table):
            is_own = names_a_row == (parent_header,) or bool(person_columns(format.name, parent))
            if referred == parent and is_own:
                yield name, header, parent_header


def _references_from(table: Table) -> Iterator[tuple[str, str, str]]:
    for header, column in table.file.columns.items():
        for rule in column.we_expect:
            if rule.refers_to:
                parent, _, parent_header = rule.refers_to.partition(".")
                yield header, parent, parent_header


def _rows(
    connection: psycopg.Connection[Any], table: Table, condition: str, values: dict[str, Any], record: str, is_shared: bool
) -> Iterator[HeldRow]:
    for delivery_id, line, file_id, feed in connection.execute(
        f"""select delivery.delivery_id, landed.line_number, landed.file_id, delivery.feed
            from landing.{identifier(table.landing_name)} as landed
            join ledger.delivery_file as file using (file_id) join ledger.delivery using (delivery_id)
            where {condition} order by 1, 2""",
        values,
    ).fetchall():
        yield HeldRow(Row(delivery_id, table.name, line), file_id, feed, record, is_shared)


def _exists(connection: psycopg.Connection[Any], table: Table) -> bool:
    return warehouse.is_there(connection, f"landing.{identifier(table.landing_name)}")


def _format_of(feed: str) -> Format:
    return contracts.load().feed(feed).format
