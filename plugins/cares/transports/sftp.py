"""SFTP: a folder of a server that is laid out as an outbox, `<folder>/<feed>/<period>[__word]/<file>`."""

from __future__ import annotations

import hashlib
import io
import posixpath
import stat
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress

import paramiko
from paramiko.sftp_attr import SFTPAttributes

from cares.contracts import Feed
from cares.deliveries.sent_files import DONE, UNFINISHED
from cares.transports import RETURNS, Offer, OfferedFile, TransportProblem, TransportRefused

# What one request brings, so that of a transfer that is cut all is kept that came.
_CHUNK = 1 << 15
# Requests for the next bytes that may be under way at once, each of 32 kB.
_AHEAD = 32
# As in an outbox: a folder in which nothing has changed for so long is complete, though nobody says so.
_QUIET_SECONDS = 60


class Sftp:
    """Deliveries in a folder of an SFTP server; letters go into `<folder>/returns/<feed>/`.

    `client` is open, for `feed`, to a server whose host key was checked; `folder` is the organisation's outbox there.
    """

    takes_returns = True

    def __init__(self, client: paramiko.SFTPClient, folder: str, feed: Feed) -> None:
        self.client = client
        self.folder = folder
        self.feed = feed

    def offers(self, feed: Feed) -> Iterable[Offer]:
        """The folders that are complete, oldest period first.

        Complete is one that holds a file whose name ends in .done, or in which nothing has changed for a minute and nothing
        carries the name of something unfinished. Links are not followed.
        """
        place = posixpath.join(self.folder, _name(feed))
        with telling(self.feed, place):
            if not self._is_there(self.folder):
                raise TransportRefused(
                    f"{_place(feed)}: the server has no folder {self.folder}; make it there, or "
                    "name the right one as 'folder' in the connection's extra"
                )
            folders = _entries(self.client.listdir_attr(place)) if self._is_there(place) else []
        for folder in folders:
            path = posixpath.join(place, folder.filename)
            with telling(self.feed, path):
                # What vanishes while it is looked at is still being moved about.
                with suppress(FileNotFoundError):
                    if not stat.S_ISDIR(folder.st_mode or 0):
                        continue
                    # What is complete is told by the same look that tells what is there.
                    listed = self.client.listdir_attr(path)
                    files = _files(listed)
                    if not files or not _has_come(listed):
                        continue
                    offered = tuple(OfferedFile(one.filename, one.st_size) for one in files)
                    yield Offer(folder.filename, _signature(files), offered, path)

    def read(self, offer: Offer, file: OfferedFile, start: int) -> Iterator[bytes]:
        """A file's bytes from `start` on; see `Transport`."""
        path = posixpath.join(offer.reference, file.name)
        with telling(self.feed, path):
            with self.client.open(path, "rb") as stream:
                stream.seek(start)
                stream.prefetch(file.size, _AHEAD)
                while chunk := stream.read(_CHUNK):
                    yield chunk
            if _signature(_files(self.client.listdir_attr(offer.reference))) != offer.signature:
                raise TransportProblem(
                    f"{_place(self.feed)}: {offer.reference} changed while it was fetched, and is fetched again; "
                    "the sender puts a file beside the others, when all are there, whose name ends in .done"
                )

    def registered(self, offer: Offer) -> None:
        """Nothing: what was fetched stays with its sender."""

    def send(self, feed: Feed, name: str, content: bytes) -> None:
        """Write a letter or a list beside the folders of the feeds; see `SendsBack`."""
        folder = self.folder
        with telling(self.feed, posixpath.join(folder, RETURNS, _name(feed), name)):
            for inner in (RETURNS, _name(feed)):
                folder = posixpath.join(folder, inner)
                if not self._is_there(folder):
                    self.client.mkdir(folder)
            path, draft = posixpath.join(folder, name), posixpath.join(folder, f".{name}.part")
            self.client.putfo(io.BytesIO(content), draft)
            try:
                self.client.posix_rename(draft, path)
            except OSError:
                # Not each server can put a file in the place of another.
                with suppress(FileNotFoundError):
                    self.client.remove(path)
                self.client.rename(draft, path)

    def _is_there(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(self.client.stat(path).st_mode or 0)
        except FileNotFoundError:
            return False


def _entries(listed: Iterable[SFTPAttributes]) -> list[SFTPAttributes]:
    """What lies in a folder by name, without what is hidden or unfinished."""
    found = (one for one in listed if not one.filename.startswith("."))
    return sorted((one for one in found if not one.filename.endswith(UNFINISHED)), key=lambda one: one.filename)


def _files(listed: Iterable[SFTPAttributes]) -> list[SFTPAttributes]:
    return [one for one in _entries(listed) if stat.S_ISREG(one.st_mode or 0) and not one.filename.endswith(DONE)]


def _has_come(listed: Collection[SFTPAttributes]) -> bool:
    """Whether a delivery's folder is complete, by the sender's word or because nothing changes in it any more."""
    if any(one.filename.endswith(DONE) for one in listed):
        return True
    files = (one for one in listed if stat.S_ISREG(one.st_mode or 0))
    return not any(one.filename.endswith(UNFINISHED) for one in listed) and all(
        time.time() - (one.st_mtime or time.time()) >= _QUIET_SECONDS for one in files
    )


@contextmanager
def telling(feed: Feed, what: str) -> Iterator[None]:
    """Say of what goes wrong inside whether another try may help; `what` is named, with the feed and the name of its connection.

    Raises TransportProblem for a connection that is not made or is lost, TransportRefused for a server that is not the one
    whose key is in the connection, and for what it does not allow.
    """
    tried = f"{_place(feed)}: {what}"
    try:
        yield
    except paramiko.BadHostKeyException:
        raise TransportRefused(f"{tried}: {_STRANGE_HOST}") from None
    except paramiko.AuthenticationException:
        raise TransportRefused(
            f"{tried}: the server refuses the login; correct login and password, or the private key, in the connection"
        ) from None
    except PermissionError:
        raise TransportRefused(
            f"{tried}: the server does not allow it; ask who runs it to let the connection's login read the outbox and write into "
            f"{RETURNS}"
        ) from None
    except UnicodeDecodeError:
        raise TransportRefused(f"{tried}: a name on the server is not UTF-8; ask the sender for plain names") from None
    except FileNotFoundError:
        raise TransportProblem(f"{tried}: is not there any more; if it stays so, ask the sender to send it again") from None
    except paramiko.SSHException as error:
        # The client has no other word for a key of a kind that it does not know for this host.
        if "known_hosts" in str(error):
            raise TransportRefused(f"{tried}: {_STRANGE_HOST}") from None
        raise _lost(tried, error) from None
    except (OSError, EOFError, paramiko.SFTPError) as error:
        raise _lost(tried, error) from None


_STRANGE_HOST = (
    "the server's host key is not the one in the connection, so nothing was sent to it; ask its operator, by another way, whether "
    "the key was changed, and only then correct host_key in the connection's extra"
)


def _lost(tried: str, error: Exception) -> TransportProblem:
    why = getattr(error, "strerror", None) or type(error).__name__
    return TransportProblem(
        f"{tried}: the connection was not made or was lost ({why}); it is tried again. If it stays so, see that the server runs and "
        "that host and port in the connection are its own"
    )


def _signature(files: Iterable[SFTPAttributes]) -> str:
    digest = hashlib.sha256()
    for one in files:
        digest.update(f"{one.filename}\0{one.st_size}\0{one.st_mtime}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _place(feed: Feed) -> str:
    return f"{feed.slug}: by sftp, connection {feed.connection}"


def _name(feed: Feed) -> str:
    return feed.slug.partition("/")[2]
