"""The inbox: what was fetched from other servers and is not registered yet, laid out as an outbox is.

Each delivery's folder carries, hidden beside its files, the offer that it was fetched for. While it is fetched, the folder's
own name is hidden too, so that nothing collects it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cares import settings
from cares.contracts import Feed

_OFFER = ".offer.json"


def is_for(feed: Feed) -> bool:
    """Whether a feed's deliveries are fetched into the inbox, and not read where they lie."""
    return feed.file.arrives.by not in ("folder", "object storage")


def folder(feed: Feed) -> Path:
    """Where what is fetched of a feed lies, with access for its owner alone."""
    return settings.var_folder("inbox", *feed.slug.split("/"))


def signature(fetched: Path) -> str:
    """The signature of the offer that a folder was fetched for."""
    return str(offer(fetched)["signature"])


def offer(fetched: Path) -> dict[str, Any]:
    """The offer that a folder was fetched for, as `keep_offer` was given it; empty where none is kept."""
    try:
        found: dict[str, Any] = json.loads((fetched / _OFFER).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def keep_offer(fetched: Path, told: dict[str, Any]) -> None:
    """Write the offer that a folder is fetched for into it."""
    (fetched / _OFFER).touch(mode=0o600)
    (fetched / _OFFER).write_text(json.dumps(told), encoding="utf-8")
