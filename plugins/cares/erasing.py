"""Erasing: rows, records and persons are taken out of everything that is kept, and do not come back.

What goes: landed rows and the lines of the original files, staging, care events, every build that still stands, the person
index and its working copy, pseudonyms, and what governance knows of the records. What stays: the ledger's counts, the
certificate, figures about many people, and who opened a record, which is evidence. Tombstones are written first, so that
nothing that is landed meanwhile escapes; files are rewritten before the rows go, so that an erasure that was interrupted
can be done again. Files that go altogether go when all that is committed, and the next act ends what was interrupted there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg
from psycopg import sql

from cares import contracts, reasons, removals, settings, tombstones, warehouse
from cares.deliveries.decision import count_rows, refresh_superseded
from cares.governance import certificates, holds
from cares.person_index import store
from cares.predicates import identifier, literal

_LONGEST_GROUND = 300
_GROUND = " The ground may name nobody: erasure is rarely a right where care is recorded (Article 17(3) of the UK GDPR)."
# Schemas whose tables are gone through by what their columns are called; builds' schemas end with a number.
_KEPT_SCHEMAS = r"^(staging|intermediate|governance|contact_cares)(__rewound)?$"
_BUILT_SCHEMAS = r"__(b[0-9]+|next)$"
_NEVER = ("tombstone", "certificate", "staff")
_RECORDS = ("person_record_id", "record_l", "record_r", "apart_from")
_PERSONS = ("person_id", "guard_person_id", "today_id", "other_person_id")
_EVENTS = ("care_event_id", "guard_care_event_id")


class ErasingError(Exception):
    """Something that cannot be erased: says why and what to do, naming nobody."""


@dataclass(frozen=True)
class Erased:
    """What an erasure did: its certificate, the file of that, how many of what went, and deliveries that lost a whole original."""

    certificate_id: int
    certificate: Path
    counts: Mapping[str, int]
    lost_originals: tuple[int, ...] = ()


@dataclass(frozen=True)
class Known:
    """What is known of somebody: how many records and landed rows, and the feeds that brought them."""

    records: int
    rows: Mapping[str, int]
    feeds: tuple[str, ...]


def look(whom: str) -> Known:
    """What `erase` would take out; changes nothing. Raises ErasingError as it does, but for a legal hold."""
    with warehouse.safe_errors(), warehouse.connect("owner") as connection:
        records, _ = _mark(connection, _records_of(connection, whom))
        known = _known(connection, records)
        connection.rollback()
    return known


def erase(whom: str, ground: str) -> Erased:
    """Erase somebody, named as person/345 or by one of their records, with every record of theirs; returns what was done.

    Named by a record that the index does not have, only what came under it. Raises ErasingError where there is no such
    person, the ground is missing, or a legal hold stops it.
    """
    ground = reasons.one_line(ground, ErasingError, _LONGEST_GROUND, _GROUND)
    with warehouse.safe_errors(), warehouse.connect("owner") as connection:
        records = _records_of(connection, whom)
    what = "One person was erased from everything that is kept, and will not come back with old files."
    return erase_records(records, "erasure", what, ground)


def erase_records(records: Iterable[str], act: str, what: str, ground: str, covers_until: date | None = None) -> Erased:
    """Erase whoever has these person records, and certify it as an `act`; `what` says for the certificate what was done.

    With `covers_until` rows of periods that end later may come in again: they tell of care since. Raises ErasingError
    where a legal hold stops it.
    """
    records = sorted(set(records))
    removals.remove()
    with _no_build(), warehouse.safe_errors():
        with warehouse.connect("owner") as connection:
            tombstones.wait_for_landings(connection)
            until = covers_until.isoformat() if covers_until else None
            records, numbers = _mark(connection, records)
            _refuse_held(connection, records)
            tombstones.bury(connection, "person record", records, until)
            tombstones.bury(connection, "nhs number", numbers, until)
        with warehouse.connect("owner") as connection:
            records, numbers = _mark(connection, records)
            if covers_until:
                connection.execute(
                    """delete from erased_row using ledger.delivery_file join ledger.delivery using (delivery_id)
                       where delivery_file.file_id = erased_row.file_id and period_end > %s""",
                    (covers_until,),
                )
            _refuse_held(connection, records)
            rows = connection.execute("select name, scope, value from wanted_row").fetchall()
            tombstones.bury(connection, "row", (" ".join(row) for row in rows), until)
            telling = _telling(records, numbers)
            lost = tombstones.blank_unread(
                connection, lambda value: not telling.isdisjoint({value.strip(), re.sub(r"[ \-\t\u00a0]", "", value)})
            )
            counts, touched, deliveries = _take_out_everywhere(connection, records, lost)
            number, path = certificates.write(connection, act, what, ground, {"person records": len(records), **counts})
            connection.execute("update governance.tombstone set certificate_id = %s where certificate_id is null", (number,))
        removals.remove()
        _tell_senders(deliveries)
    _leave_no_trace(touched)
    return Erased(number, path, counts, tuple(sorted(set(lost))))


def erase_feeds(feeds: Iterable[str], act: str, what: str, ground: str) -> Erased:
    """Erase all that some feeds ever brought, their original files included, and certify it as an `act`.

    Persons whom others tell of too stay with what those tell. Raises ErasingError where a legal hold stops it.
    """
    feeds = sorted(set(feeds))
    removals.remove()
    with _no_build(), warehouse.safe_errors():
        with warehouse.connect("owner") as connection:
            _lock_feeds(connection, feeds)
            deliveries = [
                number
                for (number,) in connection.execute("select delivery_id from ledger.delivery where feed = any(%s)", (feeds,))
            ]
            tombstones.begin_marking(connection)
            for name in tombstones.landing_tables(connection):
                connection.execute(
                    f"""insert into erased_row select {literal(name)}, file_id, line_number from landing.{identifier(name)}
                        where file_id in (select file_id from ledger.delivery_file where delivery_id = any(%s))""",
                    (deliveries,),
                )
            records = _records_only_of_these(connection)
            _refuse_held(connection, records, feeds=feeds)
            originals = connection.execute(
                "select count(distinct stored_as) from ledger.delivery_file where delivery_id = any(%s) and stored_as <> ''",
                (deliveries,),
            ).fetchone()[0]
            for number in deliveries:
                removals.remove_later(connection, settings.var_folder("store") / str(number))
            connection.execute("update ledger.delivery_file set stored_as = '' where delivery_id = any(%s)", (deliveries,))
            connection.execute(
                """update ledger.delivery set state = 'withdrawn', held_for = null, reason = %s, decided_at = clock_timestamp(),
                     decided_by = %s where delivery_id = any(%s)""",
                (f"erased: {ground}", warehouse.who_is_at_work(), deliveries),
            )
            counts, touched, _ = _take_out_everywhere(connection, records, [], feeds)
            connection.execute(
                "delete from ledger.unreadable_line where file_id in (select file_id from ledger.delivery_file where delivery_id = any(%s))",
                (deliveries,),
            )
            for feed in feeds:
                last = connection.execute("select max(delivery_id) from ledger.delivery where feed = %s", (feed,)).fetchone()[0]
                if last:
                    refresh_superseded(connection, last)
            counts = {
                "deliveries": len(deliveries),
                "original files deleted": originals,
                "person records": len(records),
                **counts,
            }
            number, path = certificates.write(connection, act, what, ground, counts)
        removals.remove()
    _leave_no_trace(touched)
    return Erased(number, path, counts)


def _records_of(connection: psycopg.Connection, whom: str) -> list[str]:
    """The person records of whoever is named by person/345 or by a record. Raises ErasingError where there is none."""
    if found := re.fullmatch(r"(?:person/)?([0-9]{1,15})", whom):
        records = connection.execute(
            "select person_record_id from person_index.membership where person_id = %s and valid_to is null order by 1",
            (found[1],),
        ).fetchall()
        if not records:
            raise ErasingError(
                f"There is no person {found[1]} in the index with a record. Name them as person/345, or by a record."
            )
        return [record for (record,) in records]
    if whom.count("/") < 2:
        raise ErasingError(
            "Name somebody as person/345, or by one of their records: organisation/source/the sender's own number."
        )
    records = connection.execute(
        """select distinct own.person_record_id from person_index.membership as named
           join person_index.membership as own using (person_id)
           where named.person_record_id = %s and named.valid_to is null and own.valid_to is null order by 1""",
        (whom,),
    ).fetchall()
    if records:
        return [record for (record,) in records]
    _want(connection, [whom])
    tombstones.mark(connection)
    is_known = connection.execute("select exists (select from erased_row)").fetchone()[0]
    connection.rollback()
    if not is_known:
        raise ErasingError("Nothing came under that name. Name a record as organisation/source/the sender's own number.")
    return [whom]


def _own_numbers(connection: psycopg.Connection, records: list[str]) -> list[str]:
    """The NHS numbers that any row of some records came with, and that no other person's record has."""
    if not warehouse.is_there(connection, "intermediate.int_person_records"):
        return []
    return [
        number
        for (number,) in connection.execute(
            """select distinct nhs_number from intermediate.int_person_rows as own
               where person_record_id = any(%(records)s) and nhs_number is not null and not exists (
                   select from intermediate.int_person_records as other
                   where other.nhs_number = own.nhs_number and other.person_record_id <> all(%(records)s))""",
            {"records": records},
        )
    ]


def _want(connection: psycopg.Connection, records: list[str]) -> None:
    tombstones.begin_marking(connection)
    numbers = _own_numbers(connection, records)
    with connection.cursor() as cursor:
        cursor.executemany("insert into wanted_record values (%s)", [(record,) for record in records])
        cursor.executemany("insert into wanted_number values (%s)", [(number,) for number in numbers])


def _mark(connection: psycopg.Connection, records: list[str]) -> tuple[list[str], list[str]]:
    """Mark every row about whoever has these records; returns all their records and NHS numbers.

    A row that came under their NHS number may name them by a record that the index does not have, as a row that was set
    aside does: that one is theirs too.
    """
    _want(connection, records)
    tombstones.mark(connection)
    if others := tombstones.records_under_numbers(connection):
        with connection.cursor() as cursor:
            cursor.executemany("insert into wanted_record values (%s)", [(record,) for record in others])
        tombstones.mark(connection)
    numbers = connection.execute("select nhs_number from wanted_number order by 1").fetchall()
    return sorted({*records, *others}), [number for (number,) in numbers]


def _known(connection: psycopg.Connection, records: list[str]) -> Known:
    rows: dict[str, int] = dict(
        connection.execute("select table_name, count(*) from erased_row group by 1 order by 1").fetchall()
    )
    feeds = connection.execute(
        """select distinct feed from erased_row join ledger.delivery_file using (file_id) join ledger.delivery using (delivery_id)
           order by 1"""
    ).fetchall()
    return Known(len(records), rows, tuple(feed for (feed,) in feeds))


def _telling(records: list[str], numbers: list[str]) -> set[str]:
    """The values by which a line that could not be read tells of somebody."""
    own = {record.split("/", 2)[2] for record in records}
    return {*own, *(part for one in own for part in one.split("/")[1:]), *numbers}


def _refuse_held(connection: psycopg.Connection, records: list[str], feeds: Iterable[str] = ()) -> None:
    """Raise ErasingError where a legal hold is on any of the records' persons, on a feed of the marked rows, or on a named one."""
    named = {
        *feeds,
        *(
            feed
            for (feed,) in connection.execute(
                """select distinct feed from erased_row join ledger.delivery_file using (file_id)
                   join ledger.delivery using (delivery_id)"""
            )
        ),
    }
    held = holds.on(connection, records, sorted(named))
    if held:
        numbers = ", ".join(map(str, held))
        raise ErasingError(
            f"Legal hold {numbers} keeps what is to be erased. When it is over: cares hold remove {held[0]} --because '...'"
        )


@contextmanager
def _no_build() -> Iterator[None]:
    """Keep builds from taking a step meanwhile; waits for one that runs."""
    settings_ = "-c idle_in_transaction_session_timeout=0 -c lock_timeout=0 -c statement_timeout=0"
    with warehouse.safe_errors(), warehouse.connect("owner", options=settings_) as guard:
        guard.execute("lock table ledger.build in share update exclusive mode")
        yield


def _lock_feeds(connection: psycopg.Connection, feeds: Iterable[str]) -> None:
    for feed in sorted(feeds):
        connection.execute("select pg_advisory_xact_lock(hashtext('cares.deliveries ' || %s))", (feed,))


def _take_out_everywhere(
    connection: psycopg.Connection, records: list[str], lost: list[int], feeds: list[str] | None = None
) -> tuple[dict[str, int], list[str], list[int]]:
    """Take `erased_row` and what is known of the records out of everything; with `feeds`, care events of these feeds too.

    `lost` are the deliveries of originals that go altogether because nobody can read them; it grows with those found here.
    Returns the counts for the certificate, the tables from which anything went, and the deliveries that lost rows.
    """
    connection.execute("lock table person_index.person in share update exclusive mode")
    deliveries = connection.execute(
        """select distinct delivery_id, feed from erased_row join ledger.delivery_file using (file_id)
           join ledger.delivery using (delivery_id) order by feed, delivery_id"""
    ).fetchall()
    _lock_feeds(connection, {feed for _, feed in deliveries})
    files, found = tombstones.rewrite_originals(connection)
    lost += found
    landed = tombstones.take_out(connection)
    for delivery_id, _ in deliveries:
        connection.execute("update ledger.delivery set revision = revision + 1 where delivery_id = %s", (delivery_id,))
        count_rows(connection, delivery_id)
        connection.execute(
            """insert into ledger.delivery_event (delivery_id, by, event, reason)
               select %(delivery)s, %(by)s, 'rows erased', sum(rows) || ' rows were taken out of ' || count(*) || ' tables and their original files'
               from (select file_id, count(*) as rows from erased_row join ledger.delivery_file using (file_id)
                     where delivery_id = %(delivery)s group by 1) as of_file""",
            {"delivery": delivery_id, "by": warehouse.who_is_at_work()},
        )
    affected, whole = _persons(connection, records)
    touched = [f"landing.{identifier(name)}" for name, rows in landed.items() if rows]
    built = _sweep(connection, records, affected, whole, feeds or [], touched)
    persons = _forget(connection, records, affected, touched)
    store.discard()
    counts = {
        "landed rows": sum(landed.values()),
        "original files written anew": files,
        **({"original files deleted, as nobody can read and rewrite them": len(lost)} if lost else {}),
        "deliveries that lost rows": len(deliveries),
        "rows of staging, care events and builds": built,
        "persons taken out of the index": persons,
    }
    return counts, touched, [number for number, _ in deliveries]


def _persons(connection: psycopg.Connection, records: list[str]) -> tuple[list[int], list[int]]:
    """The persons who have or had any of the records, and those of them who have no other now."""
    rows = connection.execute(
        """select had.person_id, not exists (
               select from person_index.membership as other
               where other.person_id = had.person_id and other.valid_to is null and other.person_record_id <> all(%(records)s))
             and exists (
               select from person_index.membership as own
               where own.person_id = had.person_id and own.valid_to is null and own.person_record_id = any(%(records)s))
           from (select distinct person_id from person_index.membership where person_record_id = any(%(records)s)) as had""",
        {"records": records},
    ).fetchall()
    return [person for person, _ in rows], [person for person, is_whole in rows if is_whole]


def _sweep(
    connection: psycopg.Connection,
    records: list[str],
    affected: list[int],
    whole: list[int],
    feeds: list[str],
    touched: list[str],
) -> int:
    """Delete from all tables that are gone through by the names of their columns; how many rows went."""
    connection.execute(
        "create temporary table erased_event (column_name text, id text, primary key (column_name, id)) on commit drop"
    )
    connection.execute(
        """create temporary table erased_place on commit drop as
           select delivery_id, delivery_file.table_name, line_number from erased_row join ledger.delivery_file using (file_id)"""
    )
    tables = _tables(connection)
    # An event is named in one table and told of in others, so that all names are found before any row goes.
    for (schema, table), columns in tables.items():
        named = _name_of_event(columns)
        conditions = _conditions(schema, columns, feeds)
        if named and conditions:
            connection.execute(
                sql.SQL(
                    "insert into erased_event select distinct {name}, {named} from {table} as built where {named} is not null and ({conditions}) on conflict do nothing"
                ).format(
                    name=sql.Literal(named),
                    named=sql.Identifier(named),
                    table=sql.Identifier(schema, table),
                    conditions=sql.SQL(" or ").join(conditions),
                ),
                {"records": records, "persons": affected, "whole": whole, "feeds": feeds},
            )
    _forget_decisions(connection, records)
    _forget_requests(connection, whole)
    found = 0
    for (schema, table), columns in tables.items():
        conditions = _conditions(schema, columns, feeds)
        for column in {*_EVENTS, *([named] if (named := _name_of_event(columns)) else [])} & columns.keys():
            conditions.append(
                sql.SQL("built.{} in (select id from erased_event where column_name = {})").format(
                    sql.Identifier(column), sql.Literal(_EVENTS[0] if column in _EVENTS else column)
                )
            )
        if not conditions:
            continue
        rows = connection.execute(
            sql.SQL("delete from {} as built where {}").format(sql.Identifier(schema, table), sql.SQL(" or ").join(conditions)),
            {"records": records, "persons": affected, "whole": whole, "feeds": feeds},
        ).rowcount
        if rows:
            touched.append(sql.Identifier(schema, table).as_string(connection))
            found += rows
    return found


def _tables(connection: psycopg.Connection) -> dict[tuple[str, str], dict[str, str]]:
    tables: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in connection.execute(
        """select namespace.nspname, class.relname, attribute.attname, format_type(attribute.atttypid, -1)
           from pg_class as class
           join pg_namespace as namespace on namespace.oid = class.relnamespace
           join pg_attribute as attribute on attribute.attrelid = class.oid and attnum > 0 and not attisdropped
           where class.relkind = 'r' and (namespace.nspname ~ %s or namespace.nspname ~ %s)
           order by namespace.nspname, class.relname, attribute.attnum""",
        (_KEPT_SCHEMAS, _BUILT_SCHEMAS),
    ):
        if table not in _NEVER:
            tables.setdefault((schema, table), {})[column] = kind
    return tables


def _name_of_event(columns: dict[str, str]) -> str | None:
    """The column in which a table names each of its care events: its first, if that is the text of an id."""
    first = next(iter(columns))
    is_name = first.endswith("_id") and columns[first] == "text" and first not in _RECORDS
    return first if is_name else None


def _conditions(schema: str, columns: dict[str, str], feeds: list[str]) -> list[sql.Composable]:
    """By what a table's rows are known to be about the erased."""
    is_built = bool(re.search(_BUILT_SCHEMAS, schema))
    conditions: list[sql.Composable] = []
    if {"file_id", "line_number"} <= columns.keys() and not is_built:
        conditions.append(sql.SQL("(built.file_id, built.line_number) in (select file_id, line_number from erased_row)"))
    for prefix in ("", "now_"):
        if {f"{prefix}delivery_id", "table_name", f"{prefix}line_number"} <= columns.keys():
            conditions.append(
                sql.SQL(
                    "(built.{}, built.table_name, built.{}) in (select delivery_id, table_name, line_number from erased_place)"
                ).format(sql.Identifier(f"{prefix}delivery_id"), sql.Identifier(f"{prefix}line_number"))
            )
    for column in columns:
        if column in _RECORDS:
            conditions.append(sql.SQL("built.{} = any(%(records)s)").format(sql.Identifier(column)))
        elif column in _PERSONS:
            # Of whoever keeps other records, what a build made of all of them is gone until the next build.
            whom = sql.SQL("persons" if is_built else "whole")
            conditions.append(sql.SQL("built.{} = any(%({})s)").format(sql.Identifier(column), whom))
        elif feeds and column in ("feed", "guard_feed") and (_PERSONS[0] in columns or _PERSONS[1] in columns):
            conditions.append(sql.SQL("built.{} = any(%(feeds)s)").format(sql.Identifier(column)))
    return conditions


def _forget_decisions(connection: psycopg.Connection, records: list[str]) -> None:
    """Decisions about the erased alone go with them."""
    connection.execute(
        """delete from governance.record_decision as decision
           where exists (select from governance.record_decision_about as about
                         where about.decision_id = decision.decision_id and about.person_record_id = any(%(records)s))
             and not exists (select from governance.record_decision_about as about
                             where about.decision_id = decision.decision_id and about.person_record_id <> all(%(records)s))""",
        {"records": records},
    )


def _forget_requests(connection: psycopg.Connection, whole: list[int]) -> None:
    """What was put together for the erased to see goes, and the numbers under which anybody asked for their record in vain."""
    for (request,) in connection.execute(
        "select request_id from governance.subject_access where person_id = any(%s)", (whole,)
    ).fetchall():
        removals.remove_later(connection, settings.var_folder("subject_access") / f"request_{request}")
    connection.execute("delete from audit.asked_number where nhs_number in (select nhs_number from wanted_number)")
    connection.execute(
        """update governance.staff set person_record_id = null
           where person_record_id in (select person_record_id from wanted_record)"""
    )


def _forget(connection: psycopg.Connection, records: list[str], affected: list[int], touched: list[str]) -> int:
    """Take the records out of the person index, and persons who have no other; how many persons went."""
    asked = {"records": records, "persons": affected}
    descriptions = [
        one
        for (one,) in connection.execute(
            "select distinct description_id from person_index.described_record where person_record_id = any(%(records)s)", asked
        )
    ]
    for statement in (
        """delete from person_index.event where person_record_id = any(%(records)s) or decision_id in (
               select decision_id from person_index.pair_decision where record_l = any(%(records)s) or record_r = any(%(records)s))""",
        "delete from person_index.pair_decision where record_l = any(%(records)s) or record_r = any(%(records)s)",
        "delete from person_index.pair_to_decide where record_l = any(%(records)s) or record_r = any(%(records)s)",
        "delete from person_index.withheld_record where person_record_id = any(%(records)s) or apart_from = any(%(records)s)",
        "delete from person_index.membership where person_record_id = any(%(records)s)",
        "delete from person_index.received_description where person_record_id = any(%(records)s)",
        "delete from person_index.described_record where person_record_id = any(%(records)s)",
    ):
        connection.execute(statement, asked)
    connection.execute(
        """delete from person_index.edge where (description_l = any(%(gone)s) or description_r = any(%(gone)s)) and not (
               exists (select from person_index.described_record where description_id = description_l)
               and exists (select from person_index.described_record where description_id = description_r))""",
        {"gone": descriptions},
    )
    # Who once had a record of somebody else's stays as a number, for what was shown then.
    gone = [
        person
        for (person,) in connection.execute(
            """select person_id from person_index.person where person_id = any(%(persons)s)
               and not exists (select from person_index.membership where membership.person_id = person.person_id)""",
            asked,
        )
    ]
    connection.execute(
        "delete from person_index.event where person_id = any(%(gone)s) or other_person_id = any(%(gone)s)", {"gone": gone}
    )
    connection.execute("delete from governance.pseudonym where person_id = any(%s)", (gone,))
    connection.execute("delete from person_index.person where person_id = any(%s)", (gone,))
    touched += [
        f"person_index.{name}"
        for name in (
            "event", "pair_decision", "pair_to_decide", "withheld_record", "membership", "received_description",
            "described_record", "edge",
        )
    ]  # fmt: skip
    return len(gone)


def _records_only_of_these(connection: psycopg.Connection) -> list[str]:
    """The person records of the rows in `erased_row` that no other landed row is about."""
    connection.execute("create temporary table concerned (person_record_id text primary key) on commit drop")
    tables = [name for name in tombstones.landing_tables(connection) if tombstones.person_record(name)]
    landed = {
        name: f"""from landing.{identifier(name)} as landed
            join ledger.delivery_file as file on file.file_id = landed.file_id
            join ledger.delivery using (delivery_id)
            {{join}} erased_row as gone on gone.table_name = {literal(name)} and gone.file_id = landed.file_id
                and gone.line_number = landed.line_number"""
        for name in tables
    }
    for name in tables:
        record = tombstones.person_record(name)
        connection.execute(
            f"""insert into concerned select distinct {record} {landed[name].format(join="join")} where {record} is not null
                on conflict do nothing"""
        )
    for name in tables:
        record = tombstones.person_record(name)
        connection.execute(
            f"""delete from concerned where person_record_id in (
                    select {record} {landed[name].format(join="left join")} where gone.file_id is null)"""
        )
    return [record for (record,) in connection.execute("select person_record_id from concerned order by 1")]


def _tell_senders(deliveries: list[int]) -> None:
    """Bring what was written to senders in line: no list names a line that is gone."""
    from cares.reports import returns

    for delivery_id in deliveries:
        with suppress(contracts.ContractError):
            returns.write(delivery_id)


def _leave_no_trace(tables: list[str]) -> None:
    """Write the tables anew without what was deleted, and work out their statistics again, which quote values.

    What somebody reads meanwhile is written anew by the server in time.
    """
    with warehouse.connect("owner", autocommit=True) as connection:
        connection.execute("set lock_timeout = '5s'")
        for table in dict.fromkeys(tables):
            with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.UndefinedTable):
                connection.execute(sql.SQL("vacuum (full, analyze) {}").format(sql.SQL(table)))
