"""Taking a delivery in: under a sharing agreement, once, with its originals kept."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from cares import contracts, english, landing, settings, warehouse
from cares.contracts import Feed, Period
from cares.deliveries import manifest
from cares.deliveries.events import record
from cares.deliveries.sent_files import DeliveryRefused, Part, look, sent_files, shown
from cares.reading import FileProblem, delimited
from cares.reading.containers import opened

# Of the sheets of a workbook that are no table, so many are told.
_MOST_TOLD = 10


@dataclass(frozen=True)
class Registration:
    """What became of an arrival: its delivery, and whether it only repeats that one."""

    delivery_id: int
    is_duplicate: bool


def register(feed_slug: str, files: Iterable[Any], period_label: str, source: str, run_id: str | None = None) -> Registration:
    """Take in one delivery: keep its originals in the protected store and write it into the ledger.

    `files` are paths with one file for a table; `period_label` as the feed's contract has it. The same
    files as those in force for the feed and period are not taken a second time; the same files as a
    delivery that was received and never decided go on where that one stopped. Raises DeliveryRefused,
    or ContractError for an unknown feed or period; then nothing is kept.
    """
    landing.prepare()
    feed, period, version = allowed(feed_slug, period_label)
    incoming = _keep_originals(feed, version, list(files))
    tables = [(part.table, file.sha256) for file in incoming if not file.is_manifest for part in file.parts]
    fingerprint = hashlib.sha256("\n".join(sorted(f"{table} {sha256}" for table, sha256 in tables)).encode()).hexdigest()
    try:
        with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
            connection.execute("select pg_advisory_xact_lock(hashtext('cares.register ' || %s))", (feed.slug,))
            earlier = _in_hand(connection, feed, period, fingerprint, tables, source)
            if earlier:
                return earlier
            return Registration(
                _insert(connection, feed, period, version, incoming, fingerprint, source, run_id), is_duplicate=False
            )
    finally:
        for file in incoming:
            file.kept_at.unlink(missing_ok=True)


@dataclass(frozen=True)
class Incoming:
    """A file on its way in: its name, the tables in it and what else is, and where its copy lies meanwhile."""

    name: str
    parts: tuple[Part, ...]
    left_out: tuple[int, ...]
    sha256: str
    size: int
    kept_at: Path
    is_manifest: bool = False


def inspect(feed_slug: str, files: Iterable[Any], period_label: str) -> None:
    """Raise DeliveryRefused or ContractError where `register` would not take a delivery; keeps nothing of it."""
    feed, _, version = allowed(feed_slug, period_label)
    look(feed, version, files)


def allowed(feed_slug: str, period_label: str) -> tuple[Feed, Period, str]:
    """The feed, period and format version of a delivery that a sharing agreement covers.

    Raises DeliveryRefused where none does or the period is not this feed's, ContractError for an unknown feed or period.
    """
    feed = contracts.load().feed(feed_slug)
    period = feed.period(shown(period_label))
    _refuse_what_others_send(feed, period)
    _refuse_without_agreement(feed)
    _refuse_what_lies_ahead(feed, period)
    return feed, period, feed.version(period)


def _keep_originals(feed: Feed, version: str, paths: list[Any]) -> list[Incoming]:
    incoming: list[Incoming] = []
    drafts = settings.var_folder("store", "incoming")
    try:
        for file in sent_files(feed, version, paths):
            draft = drafts / f"{os.getpid()}-{len(incoming)}-{hashlib.sha256(os.urandom(16)).hexdigest()[:12]}"
            digest, size = hashlib.sha256(), 0
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            incoming.append(Incoming(file.name, file.parts, file.left_out, "", 0, draft, file.is_manifest))
            with os.fdopen(handle, "wb") as copy:
                for chunk in file.content:
                    digest.update(chunk)
                    size += len(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
            incoming[-1] = replace(incoming[-1], sha256=digest.hexdigest(), size=size)
    except BaseException:
        for one in incoming:
            one.kept_at.unlink(missing_ok=True)
        raise
    return incoming


def _refuse_what_others_send(feed: Feed, period: Period) -> None:
    """A feed that was handed over is not taken from both sides: each period comes from one of them."""
    first, last, successor = feed.file.arrives.first, feed.file.arrives.last, feed.file.handed_over_to
    if last and period.start > last.end:
        remedy = (
            f"{successor} sends what follows: send it there"
            if successor
            else f"if it goes on, correct last_period in expectations/{feed.slug}.yml"
        )
        raise DeliveryRefused(
            f"{feed.slug}: the period {period.label} is after the last one of this feed, {last.label}, so nothing was taken; {remedy}."
        )
    if first and feed.taken_over_from and period.end < first.start:
        before = english.any_of(feed.taken_over_from)
        raise DeliveryRefused(
            f"{feed.slug}: the period {period.label} is before the first one of this feed, {first.label}, so nothing was taken; "
            f"{before} sends what lies before: send it there."
        )


def _refuse_without_agreement(feed: Feed) -> None:
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        signed = connection.execute(
            """select 1 from governance.sharing_agreement
               where feed = %s and signed_on <= current_date and coalesce(in_force_until, current_date) >= current_date""",
            (feed.slug,),
        ).fetchone()
    if not signed:
        raise DeliveryRefused(
            f"{feed.slug}: no sharing agreement that covers this feed is signed and in force, so nothing was taken. "
            f"Record the signed agreement ({feed.file.allowed_by}) with: cares agreement sign {feed.slug} "
            f"--agreement '{feed.file.allowed_by}' --purpose 'direct care' --from YYYY-MM-DD"
        )


def _refuse_what_lies_ahead(feed: Feed, period: Period) -> None:
    """A slip in the period's name would otherwise replace, or outlast, all that comes until then."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        begins_later: bool = connection.execute("select %s > current_date", (period.start,)).fetchone()[0]
    if begins_later:
        raise DeliveryRefused(
            f"{feed.slug}: the period {period.label} has not begun, so nothing was taken. Send it under the period that its "
            "rows are of."
        )


def _in_hand(
    connection: psycopg.Connection,
    feed: Feed,
    period: Period,
    fingerprint: str,
    tables: list[tuple[str | None, str]],
    source: str,
) -> Registration | None:
    unfinished = connection.execute(
        """select delivery_id, source from ledger.delivery
           where feed = %s and period = %s and fingerprint = %s and state in ('received', 'held')""",
        (feed.slug, period.label, fingerprint),
    ).fetchone()
    if unfinished:
        if unfinished[1] != source:
            record(connection, unfinished[0], "duplicate received", f"the same files came again, from {source}")
        return Registration(unfinished[0], is_duplicate=False)
    in_force: dict[str, list[str]] = dict(
        connection.execute(
            """select distinct on (file.table_name) file.table_name, array[file.sha256, delivery.delivery_id::text]
               from ledger.delivery join ledger.delivery_file as file using (delivery_id)
               where delivery.feed = %s and delivery.period = %s and delivery.state in ('accepted', 'superseded')
               order by file.table_name, delivery.received_at desc, delivery.delivery_id desc""",
            (feed.slug, period.label),
        ).fetchall()
    )
    if tables and all(table in in_force and in_force[table][0] == sha256 for table, sha256 in tables):
        repeated = max(int(in_force[table][1]) for table, _ in tables if table)
        record(connection, repeated, "duplicate received", "the same files came again; nothing was changed")
        return Registration(repeated, is_duplicate=True)
    return None


def add_file(connection: psycopg.Connection, delivery_id: int, feed: Feed, version: str, file: Incoming) -> Path | None:
    """Write each table of a file into the ledger, and return where in the store the file belongs.

    Rows of a table that no purpose needs are counted here. Where a file holds nothing else, nothing of it is kept: None.
    """
    counted_only = feed.format.file.counted_only
    is_kept = any(part.table not in counted_only for part in file.parts)
    stored_as = ""
    for part in file.parts:
        file_id = connection.execute(
            """insert into ledger.delivery_file (delivery_id, table_name, part, file_name, sha256, bytes, stored_as, problem)
               values (%s, %s, %s, %s, %s, %s, '', %s) returning file_id""",
            (delivery_id, part.table, part.name, file.name, file.sha256, file.size, part.problem),
        ).fetchone()[0]
        if is_kept:
            stored_as = stored_as or f"{delivery_id}/{file_id}"
            connection.execute("update ledger.delivery_file set stored_as = %s where file_id = %s", (stored_as, file_id))
        if part.table in counted_only:
            _count(connection, delivery_id, file_id, feed, version, file, part)
    if file.left_out:
        sheets = ", ".join(map(str, file.left_out[:_MOST_TOLD]))
        record(connection, delivery_id, "sheets left out", f"{file.name}: the sheet(s) at position {sheets} have no table's name")
    return settings.var_folder("store", str(delivery_id)) / stored_as.partition("/")[2] if is_kept else None


def _count(
    connection: psycopg.Connection, delivery_id: int, file_id: int, feed: Feed, version: str, file: Incoming, part: Part
) -> None:
    """Write into the ledger how many rows a table has that no purpose needs, or why that cannot be told."""
    table = part.table or ""
    container = opened(file.kept_at, file.name, feed.format)
    try:
        rows = container.count(part.name, table) if container else delimited.count_rows(file.kept_at, feed.files)
    except FileProblem as problem:
        told = f"{feed.slug}/{table}: {file.name}: {problem}"
        connection.execute("update ledger.delivery_file set problem = %s where file_id = %s", (told, file_id))
        return
    connection.execute(
        """update ledger.delivery_file
           set received_rows = %(rows)s, not_needed_rows = %(rows)s, landed_rows = 0, unreadable_rows = 0, accepted_rows = 0,
               set_aside_rows = 0
           where file_id = %(file)s""",
        {"rows": rows, "file": file_id},
    )
    if table not in feed.format.recognised(version):
        record(connection, delivery_id, "table of another version", f"{table} is no part of version {version}")


def _insert(
    connection: psycopg.Connection,
    feed: Feed,
    period: Period,
    version: str,
    incoming: list[Incoming],
    fingerprint: str,
    source: str,
    run_id: str | None,
) -> int:
    delivery_id: int = connection.execute(
        """insert into ledger.delivery (organisation, feed, format, format_version, period, period_start, period_end,
                                        state, fingerprint, source, airflow_run_id)
           values (%s, %s, %s, %s, %s, %s, %s, 'received', %s, %s, %s) returning delivery_id""",
        (
            feed.organisation,
            feed.slug,
            feed.format.name,
            version,
            period.label,
            period.start,
            period.end,
            fingerprint,
            source,
            run_id,
        ),
    ).fetchone()[0]
    for file in (file for file in incoming if not file.is_manifest):
        if original := add_file(connection, delivery_id, feed, version, file):
            shutil.move(file.kept_at, original)
    for file in (file for file in incoming if file.is_manifest):
        manifest.keep(connection, delivery_id, file.kept_at)
    record(connection, delivery_id, "received", f"from {source}")
    return delivery_id
