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

from cares import contracts, landing, settings, warehouse
from cares.contracts import Feed, Period
from cares.deliveries import manifest
from cares.deliveries.events import record
from cares.deliveries.sent_files import DeliveryRefused, look, sent_files, why_no_table


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
    feed, period, version = _allowed(feed_slug, period_label)
    incoming = _keep_originals(feed, list(files))
    listed = [file for file in incoming if not file.is_manifest]
    fingerprint = hashlib.sha256("\n".join(sorted(f"{f.table} {f.sha256}" for f in listed)).encode()).hexdigest()
    try:
        with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
            connection.execute("select pg_advisory_xact_lock(hashtext('cares.register ' || %s))", (feed.slug,))
            earlier = _in_hand(connection, feed, period, fingerprint, listed, source)
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
    """A file on its way in: its name, the table that it holds (None: not known), and where its copy lies meanwhile."""

    name: str
    table: str | None
    sha256: str
    size: int
    kept_at: Path
    is_manifest: bool


def inspect(feed_slug: str, files: Iterable[Any], period_label: str) -> None:
    """Raise DeliveryRefused or ContractError where `register` would not take a delivery; keeps nothing of it."""
    feed, _, _ = _allowed(feed_slug, period_label)
    look(feed, files)


def _allowed(feed_slug: str, period_label: str) -> tuple[Feed, Period, str]:
    """The feed, period and format version of a delivery that a sharing agreement covers."""
    feed = contracts.load().feed(feed_slug)
    period = feed.period(period_label)
    _refuse_without_agreement(feed)
    _refuse_what_lies_ahead(feed, period)
    return feed, period, feed.version(period)


def _keep_originals(feed: Feed, paths: list[Any]) -> list[Incoming]:
    incoming: list[Incoming] = []
    drafts = settings.var_folder("store", "incoming")
    try:
        for file in sent_files(feed, paths):
            draft = drafts / f"{os.getpid()}-{len(incoming)}-{hashlib.sha256(os.urandom(16)).hexdigest()[:12]}"
            digest, size = hashlib.sha256(), 0
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            incoming.append(Incoming(file.name, file.table, "", 0, draft, file.is_manifest))
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
    connection: psycopg.Connection, feed: Feed, period: Period, fingerprint: str, incoming: list[Incoming], source: str
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
    if incoming and all(file.table in in_force and in_force[file.table][0] == file.sha256 for file in incoming):
        repeated = max(int(in_force[file.table][1]) for file in incoming)
        record(connection, repeated, "duplicate received", "the same files came again; nothing was changed")
        return Registration(repeated, is_duplicate=True)
    return None


def add_file(
    connection: psycopg.Connection, delivery_id: int, feed: Feed, name: str, table: str | None, sha256: str, size: int
) -> Path:
    """Write a file of a delivery into the ledger, and return where in the store its original belongs.

    `table` is the table that it holds; None, where its name is not that of one, is written down as the file's problem.
    """
    file_id = connection.execute(
        """insert into ledger.delivery_file (delivery_id, table_name, file_name, sha256, bytes, stored_as, problem)
           values (%s, %s, %s, %s, %s, '', %s) returning file_id""",
        (delivery_id, table, name, sha256, size, None if table else why_no_table(feed, name)),
    ).fetchone()[0]
    connection.execute("update ledger.delivery_file set stored_as = %s where file_id = %s", (f"{delivery_id}/{file_id}", file_id))
    return settings.var_folder("store", str(delivery_id)) / str(file_id)


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
        shutil.move(file.kept_at, add_file(connection, delivery_id, feed, file.name, file.table, file.sha256, file.size))
    for file in (file for file in incoming if file.is_manifest):
        manifest.keep(connection, delivery_id, file.kept_at)
    record(connection, delivery_id, "received", f"from {source}")
    return delivery_id
