"""The organisations' outboxes: what waits there, what of it is taken, and why the rest is not.

Feeds that come by object storage have outboxes there; what is fetched from other servers lies in the inbox, as in an outbox.
"""

from __future__ import annotations

import difflib
import hashlib
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cares import contracts, landing, settings, warehouse
from cares.contracts import Feed
from cares.deliveries import inbox
from cares.deliveries.registration import Registration, inspect, register
from cares.deliveries.sent_files import DONE, UNFINISHED, DeliveryRefused, is_link, shown

_SECONDS_OF_A_DAY = 86_400
# A folder in which nothing has changed for so long is complete, though nobody says so.
_QUIET_SECONDS = 60


@dataclass(frozen=True)
class Arrival:
    """A folder of an outbox that has not become a delivery yet."""

    feed: str
    period: str
    source: str
    signature: str
    files: tuple[Any, ...]


def collect(organisation: str, outbox: Any, buckets: Mapping[str, Any] | None = None) -> list[Arrival]:
    """The deliveries of an organisation that wait and were not seen before, oldest period first.

    `outbox` is the folder of all organisations, a pathlib path or any other with the same methods
    (Airflow's object storage path). Its layout is `<organisation>/<feed>/<period>[__word]/<file>`. A folder is
    complete when it holds a file whose name ends in .done, or when nothing in it has changed for a minute; until then it
    is left alone. So are names that begin with a dot or end in .part, .filepart or .tmp. `buckets` are the outboxes of the
    feeds that come by object storage, by the feed's name. What is fetched is collected from the inbox.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        seen = set(connection.execute("select source, signature from ledger.arrival").fetchall())
    arrivals = []
    for name, feed in contracts.load().organisations[organisation].feeds.items():
        folder = _folder(feed, outbox, buckets or {})
        if folder is None or not folder.is_dir() or is_link(folder):
            continue
        for delivered in _entries(folder):
            # What vanishes while it is looked at is still being moved about.
            with suppress(FileNotFoundError):
                if not delivered.is_dir() or is_link(delivered) or not _has_come(delivered):
                    continue
                files = [path for path in _entries(delivered) if path.is_file() and not path.name.endswith(DONE)]
                source = f"{organisation}/{name}/{shown(delivered.name)}"
                signature = inbox.signature(delivered) if inbox.is_for(feed) else _signature(files)
                # Without one nobody knows what it was fetched for: it is fetched again.
                if files and signature and (source, signature) not in seen:
                    period = delivered.name.partition("__")[0]
                    arrivals.append(Arrival(f"{organisation}/{name}", period, source, signature, tuple(files)))
    return arrivals


def _folder(feed: Feed, outbox: Any, buckets: Mapping[str, Any]) -> Any:
    """Where a feed's deliveries are collected from; None where it comes from a bucket that nobody named."""
    if inbox.is_for(feed):
        return inbox.folder(feed)
    name = feed.slug.partition("/")[2]
    root = outbox if feed.file.arrives.by == "folder" else buckets.get(name)
    return root / feed.organisation / name if root is not None else None


def _entries(folder: Any) -> list[Any]:
    """What lies in a folder by name, without what is hidden or carries the name of something unfinished."""
    found = (path for path in folder.iterdir() if not path.name.startswith(".") and not path.name.endswith(UNFINISHED))
    return sorted(found, key=lambda path: path.name)


def _has_come(delivered: Any) -> bool:
    """Whether a delivery's folder is complete, by the sender's word or because nothing changes in it any more."""
    names = [path.name for path in delivered.iterdir()]
    if any(name.endswith(DONE) for name in names):
        return True
    return not any(name.endswith(UNFINISHED) for name in names) and _is_quiet(delivered)


def _is_quiet(delivered: Any) -> bool:
    return all(time.time() - path.stat().st_mtime >= _QUIET_SECONDS for path in delivered.iterdir() if path.is_file())


def _signature(files: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for path in files:
        stat = path.stat()
        digest.update(f"{path.name}\0{stat.st_size}\0{stat.st_mtime}\0".encode(errors="surrogateescape"))
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


def take(organisation: str, outbox: Any, run_id: str, buckets: Mapping[str, Any] | None = None) -> list[int]:
    """Register what waits of an organisation, in its order, and give all deliveries that are to be landed; see `collect`.

    Those that an interrupted run left behind are among them, and those held for a sharing agreement, which may be in
    force by now. What cannot be taken stays where it is: see `refusals`. Raises ContractError where the landing tables
    cannot follow the contracts.
    """
    _sweep_store()
    # What is wrong with the contracts concerns every delivery, and is no reason not to take this one or that.
    landing.prepare()
    for arrival in collect(organisation, outbox, buckets):
        with suppress(DeliveryRefused, contracts.ContractError):
            register_arrival(arrival, run_id)
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        undecided = connection.execute(
            """select delivery_id from ledger.delivery
               where organisation = %s
                 and (held_for = 'a sharing agreement' or state = 'received' and airflow_run_id is not null)
               order by delivery_id""",
            (organisation,),
        ).fetchall()
    return [delivery_id for (delivery_id,) in undecided]


def refusals(organisation: str, outbox: Any, buckets: Mapping[str, Any] | None = None) -> list[str]:
    """Why each thing that waits of an organisation is not taken; registers and keeps nothing. See `collect`.

    A folder beside those of the organisations counts as the outbox of the one whose name is most like its own.
    """
    reasons = [*_strangers(organisation, outbox)]
    for place in (outbox, *{str(bucket): bucket for bucket in (buckets or {}).values()}.values()):
        reasons += _strange(organisation, place, "folder" if place is outbox else "object storage")
    reasons += _left_in_the_inbox(organisation)
    for arrival in collect(organisation, outbox, buckets):
        try:
            inspect(arrival.feed, arrival.files, arrival.period)
        except (DeliveryRefused, contracts.ContractError) as refusal:
            reasons.append(str(refusal))
    return reasons


def _strangers(organisation: str, outbox: Any) -> Iterator[str]:
    """What lies beside the organisations' folders and is named more like this organisation than like any other."""
    known = sorted(contracts.load().organisations)
    for entry in _entries(outbox) if outbox.is_dir() else ():
        if entry.name not in known and difflib.get_close_matches(entry.name, known, n=1, cutoff=0) == [organisation]:
            yield f"{shown(entry.name)}: is no organisation; move what it holds into one of: {', '.join(known)}"


def _left_in_the_inbox(organisation: str) -> Iterator[str]:
    """What was fetched of feeds that are not fetched any more, each with what to do."""
    for feed in contracts.load().organisations[organisation].feeds.values():
        by = feed.file.arrives.by
        for name in inbox.left(feed) if not inbox.is_for(feed) else ():
            yield (
                f"{feed.slug}/{shown(name)}: lies in var/inbox from before the feed came by {by}, and nothing is taken from there; if "
                f"no such delivery was taken, ask the sender to send it by {by}; then remove it there"
            )


def _strange(organisation: str, outbox: Any, way: str) -> Iterator[str]:
    """What lies in an organisation's outbox of one way where nobody collects it, each with what to do."""
    feeds = contracts.load().organisations[organisation].feeds
    folder = outbox / organisation
    for entry in _entries(folder) if folder.is_dir() else ():
        place = f"{organisation}/{shown(entry.name)}"
        if entry.name == settings.RETURNS:
            continue
        if entry.name not in feeds:
            yield f"{place}: is no feed; move it into one of: {', '.join(sorted(feeds))}"
        elif (by := feeds[entry.name].file.arrives.by) != way:
            yield f"{place}: comes by {by}, so nothing is taken from here; remove it, or correct 'by' in expectations/{feeds[entry.name].slug}.yml"
        elif is_link(entry):
            yield f"{place}: is a link; make it a folder"
        elif entry.is_dir():
            for delivered in _entries(entry):
                with suppress(FileNotFoundError):
                    if problem := _why_not_collected(delivered):
                        yield f"{place}/{shown(delivered.name)}: {problem}"


def _why_not_collected(delivered: Any) -> str | None:
    if is_link(delivered):
        return "is a link; send the folder itself"
    if not delivered.is_dir():
        return "lies outside a folder; move it into one that is named after its period"
    for inner in _entries(delivered):
        if not inner.is_file():
            what = "a folder" if inner.is_dir() and not is_link(inner) else "a link or something else that is no file"
            return (
                f"holds {what} ({shown(inner.name)}), which is not taken; put the files themselves into {shown(delivered.name)}"
            )
    if not _is_quiet(delivered):
        return None
    if not _has_come(delivered):
        return "holds a file whose name says that it is still being written; give it its own name, or remove it"
    if not any(not path.name.endswith(DONE) for path in _entries(delivered)):
        return "holds no file; put the files into it, or remove it"
    return None


def are_arriving() -> bool:
    """Is any delivery of the last ten minutes still on its way through landing and checks?"""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        found = connection.execute(
            """select exists (select from ledger.delivery
                              where state = 'received' and registered_at > now() - interval '10 minutes')"""
        ).fetchone()
    return bool(found[0])


def _sweep_store() -> None:
    """Remove what a killed process left in the store: drafts, and originals of deliveries that were never written."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        known = {str(number) for (number,) in connection.execute("select delivery_id from ledger.delivery")}
    store = settings.var_folder("store")
    abandoned = [path for path in store.iterdir() if path.name.isdigit() and path.name not in known]
    for path in [*abandoned, *settings.var_folder("store", "incoming").iterdir()]:
        if time.time() - path.stat().st_mtime > _SECONDS_OF_A_DAY:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
