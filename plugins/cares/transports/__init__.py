"""The ways by which deliveries come from another machine, and letters go back: SFTP, MESH, HTTPS.

A way knows one kind of server, and nothing of Airflow or of the ledger. What is fetched lies in the inbox as it would in an
outbox, and is collected from there. A folder and object storage are read in place, and need sending back only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from cares import settings
from cares.contracts import Feed

# On the server of a sender, too, letters lie beside the folders of its feeds.
RETURNS = settings.RETURNS


class TransportProblem(Exception):
    """A transport that did not work now and may work later: says which feed, which way, what was tried and what to do.

    Never in it: a secret, an address with a login in it, a value of the data.
    """


class TransportRefused(Exception):
    """A transport that does not work however often it is tried, until somebody mends it; says what as TransportProblem does."""


@dataclass(frozen=True)
class OfferedFile:
    """A file that waits: its name without a folder, and its size in bytes and SHA-256 (hexadecimal) where they are known."""

    name: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Offer:
    """A delivery that waits at its sender's and is complete.

    `folder` is what its folder in an outbox would be called, `<period>[__word]`; `signature` is another one as soon as
    anything of it changes; `reference` is what the way itself calls it, such as the number of a message.
    """

    folder: str
    signature: str
    files: tuple[OfferedFile, ...]
    reference: str = ""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those from which it came, the nearest first: a library wraps what says why a server was not reached."""
    while error:
        yield error
        error = error.__cause__ or error.__context__


class SendsBack(Protocol):
    """What can bring something back to the sender of a feed; where it cannot, `takes_returns` is false."""

    takes_returns: bool

    def send(self, feed: Feed, name: str, content: bytes) -> None:
        """Bring a letter or a list back, whole or not at all; a second time, it takes the place of the first.

        `name` is a file name without a folder, that no other of the feed has: `delivery_12_letter.txt`.
        Raises TransportProblem or TransportRefused.
        """


class Transport(SendsBack, Protocol):
    """A way by which deliveries are fetched. Each function raises TransportProblem or TransportRefused."""

    def offers(self, feed: Feed) -> Iterable[Offer]:
        """The deliveries of a feed that wait and are complete, oldest first; without what is hidden or unfinished.

        Where something waits that is refused, such as a message of a stranger, the others are given first.
        """

    def read(self, offer: Offer, file: OfferedFile, start: int) -> Iterator[bytes]:
        """A file's bytes, from the one at place `start` on. Raises TransportProblem where the file is another one by now."""

    def registered(self, offer: Offer) -> None:
        """Tell the server that a delivery stands in the ledger. Said again, it changes nothing."""
