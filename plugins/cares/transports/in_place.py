"""The way back for a feed that is read in place, from a folder or from object storage."""

from __future__ import annotations

import secrets
from typing import Any

from cares.contracts import Feed
from cares.deliveries.sent_files import is_link
from cares.transports import RETURNS, TransportProblem, TransportRefused


class InPlace:
    """Puts letters and lists into `<outbox>/<organisation>/returns/<feed>/`.

    `outbox` is a pathlib path, or any other with the same methods.
    """

    takes_returns = True

    def __init__(self, outbox: Any) -> None:
        self.outbox = outbox

    def send(self, feed: Feed, name: str, content: bytes) -> None:
        """Put a letter or a list there; see `SendsBack`."""
        own = self.outbox / feed.organisation
        folder = own / RETURNS / feed.slug.partition("/")[2]
        if linked := [place.name for place in (own, own / RETURNS, folder) if is_link(place)]:
            raise TransportRefused(
                f"{feed.slug}: the folder {linked[0]} in the sender's outbox is a link, so nothing was written there; make it a folder"
            )
        draft = folder / f".{name}.{secrets.token_hex(4)}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(content)
            draft.rename(folder / name)
        except OSError as error:
            raise TransportProblem(
                f"{feed.slug}: {name} cannot be put into the sender's folder of returns: {error.strerror or type(error).__name__}; "
                "see who may write there"
            ) from None
