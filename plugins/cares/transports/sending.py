"""Letters on their way back to the senders, each the way its delivery came, and each once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from cares import contracts, warehouse
from cares.contracts import Feed
from cares.deliveries import inbox
from cares.deliveries.events import record
from cares.reports import returns
from cares.transports import SendsBack, Transport, TransportProblem, TransportRefused, fetching

_log = logging.getLogger(__name__)


def tell_senders(
    organisation: str,
    way_back: Callable[[Feed], AbstractContextManager[SendsBack]],
    way: Callable[[Feed], AbstractContextManager[Transport]],
) -> None:
    """Send each letter that an organisation was not sent yet, with its list, and acknowledge what stands in the ledger by now.

    `way_back` opens the way back of a feed, `way` the one by which a fetched one came. A letter is sent again only
    when it says something else; what somebody gave to the command line is told by whoever did. One feed that cannot be reached keeps no
    other from it; at the end TransportProblem where another try may help, else TransportRefused.
    """
    problems: list[str] = []
    may_help = False
    for feed in contracts.load().organisations[organisation].feeds.values():
        try:
            if inbox.is_for(feed) and fetching.is_to_settle(feed):
                with way(feed) as transport:
                    fetching.settle(feed, transport)
            if letters := _unsent(feed):
                with way_back(feed) as back:
                    if not back.takes_returns:
                        _log.warning(
                            "%s: by %s, connection %s, nothing goes back, so that letters stay in the folder of returns, to be handed over "
                            "by somebody: %s",
                            feed.slug,
                            feed.file.arrives.by,
                            feed.connection,
                            ", ".join(letter.name for _, letter, _ in letters),
                        )
                        continue
                    for delivery_id, letter, written in letters:
                        try:
                            contents = _contents(letter)
                        except OSError as error:
                            why = error.strerror or type(error).__name__
                            problems.append(
                                f"{feed.slug}: {letter.name} or its list cannot be read ({why}); write it anew: cares delivery letter {delivery_id}"
                            )
                        else:
                            _send(feed, back, delivery_id, contents, written)
        except TransportProblem as problem:
            may_help = True
            problems.append(str(problem))
        except TransportRefused as refusal:
            problems.append(str(refusal))
    if problems:
        raise (TransportProblem if may_help else TransportRefused)("; ".join(problems))


def _unsent(feed: Feed) -> list[tuple[int, Path, str]]:
    """Delivery, letter and digest of what a feed's sender was not told yet, oldest first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        found = connection.execute(
            """select delivery_id, written from ledger.told_sender join ledger.delivery using (delivery_id)
               where feed = %(feed)s and starts_with(source, %(feed)s || '/') and sent is distinct from written
               order by delivery_id""",
            {"feed": feed.slug},
        ).fetchall()
    return [(delivery_id, returns.letter_of(delivery_id), written) for delivery_id, written in found]


def _contents(letter: Path) -> dict[str, bytes]:
    """What goes back, by name; the letter speaks of the list, so that it comes last."""
    return {path.name: path.read_bytes() for path in (returns.list_beside(letter), letter)}


def _send(feed: Feed, back: SendsBack, delivery_id: int, contents: dict[str, bytes], written: str) -> None:
    for name, content in contents.items():
        back.send(feed, name, content)
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        record(connection, delivery_id, "sender told", f"by {feed.file.arrives.by}")
        connection.execute(
            "update ledger.told_sender set sent = %s, sent_at = now() where delivery_id = %s", (written, delivery_id)
        )
