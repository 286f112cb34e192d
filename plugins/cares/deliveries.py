"""Deliveries: what arrived once for a feed and a period, from the outbox to the decision.

The command and the DAGs run the same functions: `collect`, `register`, `landing.land`, `checks.check`,
`decide`. Each can be repeated without a second effect. Only ids leave them.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from cares import contracts, landing, settings, warehouse
from cares.contracts import Feed, Period

_CHUNK = 1 << 20
_LONGEST_NAME = 200
_SECONDS_OF_A_DAY = 86_400


class DeliveryRefused(Exception):
    """A delivery that is not taken: says why and what to do, never a value of the data."""


@dataclass(frozen=True)
class Arrival:
    """A folder of an outbox that has not become a delivery yet."""

    feed: str
    period: str
    source: str
    signature: str
    files: tuple[Any, ...]


@dataclass(frozen=True)
class Registration:
    """What became of an arrival: its delivery, and whether it only repeats that one."""

    delivery_id: int
    is_duplicate: bool


@dataclass(frozen=True)
class Decision:
    """The state of a delivery after the checks, with the reason in one sentence or more."""

    delivery_id: int
    state: str
    reason: str


def collect(organisation: str, outbox: Any) -> list[Arrival]:
    """The deliveries in an organisation's outbox that were not seen before, oldest period first.

    `outbox` is the folder of all organisations, a pathlib path or any other with the same methods
    (Airflow's object storage path). Its layout is `<organisation>/<feed>/<period>[__word]/<file>`. Names
    that begin with a dot or end in .part or .tmp are still being written and are left alone.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        seen = set(connection.execute("select source, signature from ledger.arrival").fetchall())
    arrivals = []
    for name in contracts.load().organisations[organisation].feeds:
        folder = outbox / organisation / name
        if not folder.is_dir():
            continue
        for delivered in sorted(folder.iterdir(), key=lambda path: path.name):
            if not delivered.is_dir() or _is_link(delivered) or not _is_complete(delivered.name):
                continue
            files = sorted(
                (path for path in delivered.iterdir() if path.is_file() and _is_complete(path.name)),
                key=lambda path: path.name,
            )
            source = f"{organisation}/{name}/{delivered.name}"
            signature = _signature(files)
            if files and (source, signature) not in seen:
                period = delivered.name.partition("__")[0]
                arrivals.append(Arrival(f"{organisation}/{name}", period, source, signature, tuple(files)))
    return arrivals


def _is_link(path: Any) -> bool:
    return bool(hasattr(path, "is_symlink") and path.is_symlink())


def _is_complete(name: str) -> bool:
    return not name.startswith(".") and not name.endswith((".part", ".tmp"))


def _signature(files: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for path in files:
        stat = path.stat()
        digest.update(f"{path.name}\0{stat.st_size}\0{stat.st_mtime}\0".encode())
    return digest.hexdigest()


def register_arrival(arrival: Arrival, run_id: str | None = None) -> Registration:
    """Register what `collect` found, and remember that it was seen."""
    registration = register(arrival.feed, arrival.files, arrival.period, arrival.source, run_id)
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute(
            "insert into ledger.arrival (source, signature, delivery_id) values (%s, %s, %s) on conflict do nothing",
            (arrival.source, arrival.signature, registration.delivery_id),
        )
    return registration


def take(organisation: str, outbox: Any, run_id: str) -> list[int]:
    """Register what waits in an organisation's outbox, in its order, and give all deliveries that are to be landed.

    Those that an interrupted run left behind are among them, and those held, whose reason may be gone. What
    cannot be taken stays where it is: see `refusals`.
    """
    _sweep_store()
    for arrival in collect(organisation, outbox):
        with suppress(DeliveryRefused, contracts.ContractError):
            register_arrival(arrival, run_id)
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        undecided = connection.execute(
            """select delivery_id from ledger.delivery
               where organisation = %s and (state = 'held' or state = 'received' and airflow_run_id is not null)
               order by delivery_id""",
            (organisation,),
        ).fetchall()
    return [delivery_id for (delivery_id,) in undecided]


def refusals(organisation: str, outbox: Any) -> list[str]:
    """Why each thing that waits in an organisation's outbox is not taken; registers and keeps nothing."""
    reasons = list(_strange(organisation, outbox))
    for arrival in collect(organisation, outbox):
        try:
            *_, incoming = _inspect(arrival.feed, arrival.files, arrival.period)
        except (DeliveryRefused, contracts.ContractError) as refusal:
            reasons.append(str(refusal))
        else:
            for file in incoming:
                file.kept_at.unlink()
    return reasons


def _strange(organisation: str, outbox: Any) -> Iterator[str]:
    """What lies in an organisation's outbox where nobody collects it, each with what to do."""
    feeds = contracts.load().organisations[organisation].feeds
    folder = outbox / organisation
    for entry in sorted(folder.iterdir(), key=lambda path: path.name) if folder.is_dir() else ():
        if entry.name not in feeds and _is_complete(entry.name):
            yield f"{organisation}/{_shown(entry.name)}: is no feed; move it into one of: {', '.join(sorted(feeds))}"
        elif entry.is_dir():
            for delivered in sorted(entry.iterdir(), key=lambda path: path.name):
                place = f"{organisation}/{entry.name}/{_shown(delivered.name)}"
                if not _is_complete(delivered.name):
                    continue
                if _is_link(delivered):
                    yield f"{place}: is a link; send the folder itself"
                elif not delivered.is_dir():
                    yield f"{place}: lies outside a folder; move it into one that is named after its period"


def title(delivery_id: int) -> str:
    """What a person calls a delivery: `adult_social_care 2019-Q1 #12`."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        feed, period = connection.execute(
            "select feed, period from ledger.delivery where delivery_id = %s", (delivery_id,)
        ).fetchone()
    return f"{feed.partition('/')[2]} {period} #{delivery_id}"


def are_arriving() -> bool:
    """Is any delivery of the last ten minutes still on its way through landing and checks?"""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        found = connection.execute(
            """select exists (select from ledger.delivery
                              where state = 'received' and received_at > now() - interval '10 minutes')"""
        ).fetchone()
    return bool(found[0])


def register(feed_slug: str, files: Iterable[Any], period_label: str, source: str, run_id: str | None = None) -> Registration:
    """Take in one delivery: keep its originals in the protected store and write it into the ledger.

    `files` are paths with one file for a table; `period_label` as the feed's contract has it. The same
    files as those in force for the feed and period are not taken a second time; the same files as a
    delivery that was received and never decided go on where that one stopped. Raises DeliveryRefused,
    or ContractError for an unknown feed or period; then nothing is kept.
    """
    landing.prepare()
    feed, period, version, incoming = _inspect(feed_slug, files, period_label)
    fingerprint = hashlib.sha256("\n".join(sorted(f"{f.table} {f.sha256}" for f in incoming)).encode()).hexdigest()
    try:
        with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
            connection.execute("select pg_advisory_xact_lock(hashtext('cares.register ' || %s))", (feed.slug,))
            earlier = _in_hand(connection, feed, period, fingerprint, incoming, source)
            if earlier:
                return earlier
            return Registration(
                _insert(connection, feed, period, version, incoming, fingerprint, source, run_id), is_duplicate=False
            )
    finally:
        for file in incoming:
            file.kept_at.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Incoming:
    name: str
    table: str | None
    sha256: str
    size: int
    kept_at: Path


def _inspect(feed_slug: str, files: Iterable[Any], period_label: str) -> tuple[Feed, Period, str, list[_Incoming]]:
    feed = contracts.load().feed(feed_slug)
    period = feed.period(period_label)
    version = feed.version(period)
    _refuse_without_agreement(feed)
    return feed, period, version, _keep_originals(feed, list(files))


def _keep_originals(feed: Feed, files: list[Any]) -> list[_Incoming]:
    if not files:
        raise DeliveryRefused(f"{feed.slug}: no file was given; name at least one")
    incoming: list[_Incoming] = []
    drafts = settings.var_folder("store", "incoming")
    try:
        for path in files:
            name = _safe_name(feed, path)
            table = _table_of(feed, name)
            if table and table in {file.table for file in incoming}:
                raise DeliveryRefused(f"{feed.slug}: two files are both {table}; send one file for each table")
            draft = drafts / f"{os.getpid()}-{len(incoming)}-{hashlib.sha256(os.urandom(16)).hexdigest()[:12]}"
            digest, size = hashlib.sha256(), 0
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with path.open("rb") as original, os.fdopen(handle, "wb") as copy:
                while chunk := original.read(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
            incoming.append(_Incoming(name, table, digest.hexdigest(), size, draft))
    except (OSError, DeliveryRefused) as error:
        for file in incoming:
            file.kept_at.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise DeliveryRefused(f"{feed.slug}: a file cannot be read: {error.strerror}: {path.name}") from None
        raise
    return incoming


def _safe_name(feed: Feed, path: Any) -> str:
    name = _shown(path.name)
    if _is_link(path):
        raise DeliveryRefused(f"{feed.slug}: {name} is a link; send the file itself")
    return name


def _shown(name: str) -> str:
    """A file's name as it may be kept and shown: no path, no control characters, not too long."""
    return re.sub(r"[^\w .()-]", "_", name)[:_LONGEST_NAME]


def _table_of(feed: Feed, name: str) -> str | None:
    """The table that a file's name says it is; a date at the end of the name is ignored."""
    stem = contracts.normalised(name.rsplit(".", 1)[0])
    known = feed.format.table_of_stem
    return known.get(stem) or known.get(re.sub(r"\d{4,}$", "", stem))


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


def _in_hand(
    connection: psycopg.Connection, feed: Feed, period: Period, fingerprint: str, incoming: list[_Incoming], source: str
) -> Registration | None:
    unfinished = connection.execute(
        """select delivery_id, source from ledger.delivery
           where feed = %s and period = %s and fingerprint = %s and state in ('received', 'held')""",
        (feed.slug, period.label, fingerprint),
    ).fetchone()
    if unfinished:
        if unfinished[1] != source:
            _event(connection, unfinished[0], "duplicate received", f"the same files came again, from {source}")
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
        _event(connection, repeated, "duplicate received", "the same files came again; nothing was changed")
        return Registration(repeated, is_duplicate=True)
    return None


def _insert(
    connection: psycopg.Connection,
    feed: Feed,
    period: Period,
    version: str,
    incoming: list[_Incoming],
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
    folder = settings.var_folder("store", str(delivery_id))
    for file in incoming:
        problem = None
        if file.table is None:
            known = ", ".join(sorted(feed.format.tables))
            problem = f"{feed.slug}: {file.name}: the name is not that of a table; name the file after one of: {known}"
        file_id = connection.execute(
            """insert into ledger.delivery_file (delivery_id, table_name, file_name, sha256, bytes, stored_as, problem)
               values (%s, %s, %s, %s, %s, '', %s) returning file_id""",
            (delivery_id, file.table, file.name, file.sha256, file.size, problem),
        ).fetchone()[0]
        stored_as = f"{delivery_id}/{file_id}"
        shutil.move(file.kept_at, folder / str(file_id))
        connection.execute("update ledger.delivery_file set stored_as = %s where file_id = %s", (stored_as, file_id))
    _event(connection, delivery_id, "received", f"from {source}")
    return delivery_id


def decide(delivery_id: int, released_because: str | None = None) -> Decision:
    """Accept, hold or reject a delivery that was landed and checked; a decided one keeps its state.

    A held one is decided again. `released_because` is a person's reason to accept one that is held for the
    rows set aside; nobody can release what no sharing agreement covers.

    Rejected: a file could not be taken in, or a rule broke that rejects. Held: the sharing agreement is
    not in force yet, or more rows are set aside than the feed's contract takes without a word. Accepting
    writes the counts of the ledger, and marks earlier deliveries that this one replaces altogether.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        feed_slug, state, reason, period_end = connection.execute(
            "select feed, state, reason, period_end from ledger.delivery where delivery_id = %s for update", (delivery_id,)
        ).fetchone()
        if state not in ("received", "held"):
            return Decision(delivery_id, state, reason or "")
        connection.execute("select pg_advisory_xact_lock(hashtext('cares.decide ' || %s))", (feed_slug,))
        feed = contracts.load().feed(feed_slug)
        _count_rows(connection, delivery_id)
        held_because = reason if state == "held" else None
        if reason := _why_rejected(connection, delivery_id):
            return _settle(connection, delivery_id, "rejected", reason)
        if reason := _not_yet_allowed(connection, feed) or (
            not released_because and _too_many_aside(connection, delivery_id, feed)
        ):
            if reason == held_because:
                return Decision(delivery_id, "held", reason)
            return _settle(connection, delivery_id, "held", reason)
        _write_tables(connection, delivery_id, feed, period_end)
        if released_because:
            _event(connection, delivery_id, "released", released_because)
        decision = _settle(connection, delivery_id, "accepted", _summary(connection, delivery_id, feed))
        _mark_superseded(connection, feed_slug, delivery_id)
        return decision


def receive(
    feed_slug: str, files: Iterable[Any], period_label: str, progress: Callable[[str, int], None] | None = None
) -> Decision:
    """Take one delivery the whole way: register, land, check, decide. `progress` is told (step, amount).

    Raises DeliveryRefused or ContractError where it is not taken at all.
    """
    registration = register(feed_slug, files, period_label, "command line")
    if registration.is_duplicate:
        return Decision(
            registration.delivery_id,
            "duplicate",
            f"the same files as delivery {registration.delivery_id}, which is in force; nothing was changed",
        )
    landing.land(registration.delivery_id, progress and (lambda amount: progress("landed", amount)))
    from cares import checks

    checks.check([registration.delivery_id], progress and (lambda amount: progress("checked", amount)))
    return decide(registration.delivery_id)


def _count_rows(connection: psycopg.Connection, delivery_id: int) -> None:
    connection.execute(
        """update ledger.delivery_file as file
           set set_aside_rows = counted.set_aside, accepted_rows = file.landed_rows - file.erased_rows - counted.set_aside
           from (select one.file_id, count(distinct finding.line_number) as set_aside
                 from ledger.delivery_file as one
                 left join ledger.finding on finding.file_id = one.file_id
                   and finding.if_broken = 'set the row aside' and finding.released_at is null
                 where one.delivery_id = %s group by one.file_id) as counted
           where counted.file_id = file.file_id""",
        (delivery_id,),
    )


def _why_rejected(connection: psycopg.Connection, delivery_id: int) -> str | None:
    problems = connection.execute(
        "select problem from ledger.delivery_file where delivery_id = %s and problem is not null order by file_id",
        (delivery_id,),
    ).fetchall()
    if problems:
        return "; ".join(problem for (problem,) in problems)
    broken = connection.execute(
        """select table_name, sentence, rows_broken from ledger.check_result
           where delivery_id = %s and if_broken = 'reject the delivery' and rows_broken > 0 order by rule""",
        (delivery_id,),
    ).fetchall()
    return "; ".join(f"{table}: expected that {sentence}; {rows:,} rows break it" for table, sentence, rows in broken) or None


def _not_yet_allowed(connection: psycopg.Connection, feed: Feed) -> str | None:
    starts: date | None = connection.execute(
        """select min(in_force_from) from governance.sharing_agreement
           where feed = %s and signed_on <= current_date and coalesce(in_force_until, current_date) >= current_date""",
        (feed.slug,),
    ).fetchone()[0]
    if starts is None:
        return "no sharing agreement that covers this feed is in force any more"
    if starts > connection.execute("select current_date").fetchone()[0]:
        return f"the sharing agreement is signed and comes into force on {starts}; held until then"
    return None


def _too_many_aside(connection: psycopg.Connection, delivery_id: int, feed: Feed) -> str | None:
    aside, received = connection.execute(
        """select sum(set_aside_rows) + sum(unreadable_rows), sum(received_rows)
           from ledger.delivery_file where delivery_id = %s""",
        (delivery_id,),
    ).fetchone()
    limit = feed.file.hold_when_set_aside_above_percent
    if received and 100 * aside / received > limit:
        return (
            f"{aside:,} of {received:,} rows are set aside or unreadable, more than the {limit:g} % that the contract "
            "takes without a word; look at the findings, then ask for a correction or release it with a reason"
        )
    return None


def _write_tables(connection: psycopg.Connection, delivery_id: int, feed: Feed, period_end: date) -> None:
    tables = connection.execute("select table_name from ledger.delivery_file where delivery_id = %s", (delivery_id,)).fetchall()
    for (name,) in tables:
        table = feed.format.tables[name].file
        connection.execute(
            """insert into ledger.delivery_table (delivery_id, table_name, replaces, window_start, window_end)
               values (%(delivery)s, %(table)s, %(replaces)s,
                       (%(end)s::date + 1 - make_interval(months => %(months)s))::date,
                       case when %(months)s::integer is not null then %(end)s::date end)
               on conflict (delivery_id, table_name) do nothing""",
            {
                "delivery": delivery_id,
                "table": name,
                "replaces": table.replaces,
                "end": period_end,
                "months": table.window_months,
            },
        )


def _mark_superseded(connection: psycopg.Connection, feed_slug: str, by: int) -> None:
    superseded = connection.execute(
        """update ledger.delivery set state = 'superseded'
           where feed = %s and state = 'accepted'
             and delivery_id in (select delivery_id from ledger.table_in_force
                                 group by delivery_id having count(*) = count(superseded_at))
           returning delivery_id""",
        (feed_slug,),
    ).fetchall()
    for (delivery_id,) in superseded:
        _event(connection, delivery_id, "superseded", f"after delivery {by} was accepted, a later one replaces all of it")


def _settle(connection: psycopg.Connection, delivery_id: int, state: str, reason: str) -> Decision:
    connection.execute(
        """update ledger.delivery
           set state = %(state)s, reason = %(reason)s, decided_at = clock_timestamp(), decided_by = %(by)s,
               accepted_at = case when %(state)s = 'accepted' then clock_timestamp() end
           where delivery_id = %(delivery)s""",
        {"state": state, "reason": reason, "delivery": delivery_id, "by": _who()},
    )
    _event(connection, delivery_id, state, reason)
    return Decision(delivery_id, state, reason)


def _summary(connection: psycopg.Connection, delivery_id: int, feed: Feed) -> str:
    received, accepted, aside, unreadable, came, version = connection.execute(
        """select sum(received_rows), sum(accepted_rows), sum(set_aside_rows), sum(unreadable_rows),
                  array_agg(table_name), min(delivery.format_version)
           from ledger.delivery_file join ledger.delivery using (delivery_id) where delivery_id = %s""",
        (delivery_id,),
    ).fetchone()
    missing = [
        table.name for table in feed.format.tables.values() if table.in_version(table.file, version) and table.name not in came
    ]
    return f"{accepted:,} of {received:,} rows accepted, {aside:,} set aside, {unreadable:,} unreadable" + (
        f"; no file came for {', '.join(missing)}" if missing else ""
    )


def _event(connection: psycopg.Connection, delivery_id: int, event: str, reason: str) -> None:
    connection.execute(
        "insert into ledger.delivery_event (delivery_id, by, event, reason) values (%s, %s, %s, %s)",
        (delivery_id, _who(), event, reason),
    )


def _who() -> str:
    """The person or service account at work, as the operating system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _sweep_store() -> None:
    """Remove what a killed process left in the store: drafts, and originals of deliveries that were never written."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        known = {str(number) for (number,) in connection.execute("select delivery_id from ledger.delivery")}
    store = settings.var_folder("store")
    abandoned = [path for path in store.iterdir() if path.name.isdigit() and path.name not in known]
    for path in [*abandoned, *settings.var_folder("store", "incoming").iterdir()]:
        if time.time() - path.stat().st_mtime > _SECONDS_OF_A_DAY:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
