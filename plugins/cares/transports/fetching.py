"""Fetching what waits at a sender's into the inbox, from where it is collected as from an outbox.

What was fetched of a file stays, so that a transfer that was cut goes on where it stopped. A delivery appears in the inbox
when it is whole, and leaves it when it stands in the ledger, and not before.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from cares import contracts, warehouse
from cares.contracts import Feed
from cares.deliveries import DeliveryRefused, inbox, registration
from cares.deliveries.sent_files import DONE, UNFINISHED, shown
from cares.transports import Offer, OfferedFile, Transport, TransportProblem, TransportRefused

# A file system takes 255 bytes, and what is fetched carries an ending more until it is whole.
_LONGEST_NAME = 240
_PART = ".part"


def fetch(feed: Feed, transport: Transport) -> None:
    """Fetch each delivery of a feed that waits and is not in the ledger yet into the inbox.

    What no sharing agreement covers, or no period of the feed is, is not fetched. One delivery that cannot be fetched keeps no
    other from it. At the end: TransportProblem where a part did not come and another try may help, TransportRefused where it
    would not, each with all that is wrong.
    """
    with _alone(feed):
        _fetch_all(feed, transport)


def _fetch_all(feed: Feed, transport: Transport) -> None:
    _settle(feed, transport)
    problems: list[str] = []
    refused: list[str] = []
    offered: list[Offer] = []
    seen = _registered(feed)
    try:
        for offer in transport.offers(feed):
            offered.append(offer)
    except TransportProblem as problem:
        problems.append(str(problem))
    except TransportRefused as refusal:
        refused.append(str(refusal))
    else:
        _remove_what_is_not_offered(feed, [one for one in offered if (_source(feed, one.folder), one.signature) not in seen])
    for offer in offered:
        try:
            if (_source(feed, offer.folder), offer.signature) in seen:
                transport.registered(offer)
            else:
                _fetch(feed, transport, offer, offered)
        except TransportProblem as problem:
            problems.append(str(problem))
        except (TransportRefused, DeliveryRefused, contracts.ContractError) as refusal:
            refused.append(str(refusal))
        except OSError as error:
            # Of its own server a way tells in the words above, so that this is the disk here.
            problems.append(
                f"{feed.slug}/{shown(offer.folder)}: cannot be written into var/inbox ({error.strerror or type(error).__name__}); it is "
                "tried again. If it stays so, make room there, or let the scheduler's user write there"
            )
    if problems:
        raise TransportProblem("; ".join(dict.fromkeys([*problems, *refused])))
    if refused:
        raise TransportRefused("; ".join(dict.fromkeys(refused)))


def settle(feed: Feed, transport: Transport) -> None:
    """Tell the sender's server of each fetched delivery that stands in the ledger by now, and remove its copy from the inbox."""
    with _alone(feed):
        _settle(feed, transport)


def _settle(feed: Feed, transport: Transport) -> None:
    seen = _registered(feed)
    for fetched in _fetched(feed):
        told = inbox.offer(fetched)
        if (_source(feed, fetched.name), told.get("signature")) in seen:
            # Of what came another way before, this server knows nothing.
            if told.get("by") == feed.file.arrives.by:
                files = tuple(OfferedFile(**file) for file in told["files"])
                transport.registered(Offer(fetched.name, told["signature"], files, told["reference"]))
            _remove(fetched)


def is_to_settle(feed: Feed) -> bool:
    """Whether the copy of a delivery that stands in the ledger is still in the inbox, so that `settle` has something to do."""
    seen = _registered(feed)
    return any((_source(feed, fetched.name), inbox.offer(fetched).get("signature")) in seen for fetched in _fetched(feed))


@contextmanager
def _alone(feed: Feed) -> Iterator[None]:
    """Keep any other process from fetching the feed meanwhile, which would write into the same files."""
    place = os.open(inbox.folder(feed), os.O_RDONLY)
    try:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TransportProblem(
                f"{feed.slug}: is being fetched by another run; it is tried again. If it stays so, see which run of "
                f"receive__{feed.organisation} has not ended"
            ) from None
        yield
    finally:
        os.close(place)


def _fetch(feed: Feed, transport: Transport, offer: Offer, offered: list[Offer]) -> None:
    """Bring one delivery into the inbox, unless it is there."""
    _refuse_what_leads_elsewhere(feed, offer)
    # Of what may not be received nothing is fetched.
    registration.allowed(feed.slug, offer.folder.partition("__")[0])
    whole = inbox.folder(feed) / offer.folder
    draft = _draft(whole)
    same_folder = {other.signature for other in offered if other.folder == offer.folder}
    for begun in (path for path in (whole, draft) if path.exists()):
        kept = inbox.offer(begun).get("signature")
        if kept != offer.signature and (kept not in same_folder or begun == whole and _is_refused(feed, whole)):
            _remove(begun)
        elif kept != offer.signature or begun == whole:
            # It is here itself; or another one of the same folder is, which is taken in first.
            return
    draft.mkdir(mode=0o700, exist_ok=True)
    inbox.keep_offer(draft, {**asdict(offer), "by": feed.file.arrives.by})
    for file in offer.files:
        _fetch_file(feed, transport, offer, file, draft)
    (draft / DONE).touch(mode=0o600)
    draft.rename(whole)


def _fetch_file(feed: Feed, transport: Transport, offer: Offer, file: OfferedFile, folder: Path) -> None:
    """Bring one file into a folder, from where an earlier try stopped, and give it its name when it is what was offered."""
    path = folder / file.name
    if path.exists():
        return
    part = folder / f"{file.name}{_PART}"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "ab") as stream:
        start = stream.tell()
        # An empty one is asked for, too: it may have its content by now.
        if not file.size or start < file.size:
            for chunk in transport.read(offer, file, start):
                stream.write(chunk)
                # A server that never ends must not fill the disk.
                if file.size is not None and stream.tell() > file.size:
                    break
        stream.flush()
        os.fsync(stream.fileno())
        size = stream.tell()
    place = f"{feed.slug}/{shown(offer.folder)}/{shown(file.name)}"
    if file.size is not None and size < file.size:
        raise TransportProblem(
            f"{place}: the connection ended after {size:,} of {file.size:,} bytes; the next try goes on from there. If it stays so, ask "
            f"who runs the server (connection {feed.connection}) whether it limits transfers"
        )
    if file.size is not None and size > file.size or file.sha256 and _sha256(part) != file.sha256:
        part.unlink()
        raise TransportProblem(
            f"{place}: what came is not what was offered, by its size or hash, and was thrown away; the next try begins anew. If it "
            "stays so, ask the sender to send it again"
        )
    part.rename(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refuse_what_leads_elsewhere(feed: Feed, offer: Offer) -> None:
    for name in (offer.folder, *(file.name for file in offer.files)):
        if name in ("", ".", "..") or name.startswith(".") or any(one in name for one in "/\\\0"):
            problem = "leads to another folder or is hidden"
        elif len(name.encode(errors="surrogateescape")) > _LONGEST_NAME or not name.isprintable():
            problem = "is longer than a file system takes, or holds characters that cannot be printed"
        elif name.endswith((*UNFINISHED, DONE)):
            problem = "ends like that of something unfinished, or of a mark"
        else:
            continue
        raise TransportRefused(
            f"{feed.slug}/{shown(offer.folder)}: the name {shown(name)} {problem}, so nothing of this delivery was fetched; ask the "
            "sender for plain names, like 2019-03 and tenancies.csv"
        )


def _remove_what_is_not_offered(feed: Feed, offered: list[Offer]) -> None:
    """Remove what was begun, or is refused, of deliveries that wait no more. What is whole and would be taken stays."""
    waiting = {(offer.folder, offer.signature) for offer in offered}
    for draft in inbox.folder(feed).glob(".*"):
        if (draft.name.removeprefix("."), inbox.offer(draft).get("signature")) not in waiting:
            _remove(draft)
    for fetched in _fetched(feed):
        if (fetched.name, inbox.signature(fetched)) not in waiting and _is_refused(feed, fetched):
            _remove(fetched)


def _is_refused(feed: Feed, fetched: Path) -> bool:
    files = [path for path in sorted(fetched.iterdir()) if not path.name.startswith(".")]
    try:
        registration.inspect(feed.slug, files, fetched.name.partition("__")[0])
    except (DeliveryRefused, contracts.ContractError):
        return True
    return False


def _fetched(feed: Feed) -> list[Path]:
    """The whole deliveries of a feed in the inbox."""
    return [path for path in sorted(inbox.folder(feed).iterdir()) if not path.name.startswith(".")]


def _draft(whole: Path) -> Path:
    return whole.with_name(f".{whole.name}")


def _remove(fetched: Path) -> None:
    """Remove a delivery's folder: first from what is collected, so that it is never there in half."""
    draft = fetched if fetched.name.startswith(".") else _draft(fetched)
    if draft != fetched:
        shutil.rmtree(draft, ignore_errors=True)
        fetched.rename(draft)
    shutil.rmtree(draft)


def _source(feed: Feed, folder: str) -> str:
    return f"{feed.slug}/{shown(folder)}"


def _registered(feed: Feed) -> set[tuple[str, str]]:
    """Source and signature of all arrivals of a feed that stand in the ledger."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return set(
            connection.execute(
                "select source, signature from ledger.arrival where starts_with(source, %s)", (f"{feed.slug}/",)
            ).fetchall()
        )
