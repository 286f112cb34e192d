"""The inbox: what was fetched from other servers and is not registered yet, laid out as an outbox is.

Each delivery's folder carries, hidden beside its files, the offer that it was fetched for. While it is fetched, the folder's
own name is hidden too, so that nothing collects it.
"""

from __future__ import annotations

import json
import os
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


def left(feed: Feed) -> list[str]:
    """The names of what lies there of a feed, fetched wholly or in part; makes no folder."""
    place = settings.VAR.joinpath("inbox", feed.slug)
    return sorted({path.name.removeprefix(".") for path in place.iterdir()}) if place.is_dir() else []


def signature(fetched: Path) -> str:
    """The signature of the offer that a folder was fetched for; empty where none is kept."""
    return str(offer(fetched).get("signature", ""))


def offer(fetched: Path) -> dict[str, Any]:
    """The offer that a folder was fetched for, as `keep_offer` was given it; empty where none is kept, or not whole."""
    try:
        found: dict[str, Any] = json.loads((fetched / _OFFER).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def keep_offer(fetched: Path, told: dict[str, Any]) -> None:
    """Write the offer that a folder is fetched for into it, whole or not at all."""
    draft = fetched / f"{_OFFER}.part"
    draft.touch(mode=0o600)
    with draft.open("w", encoding="utf-8") as stream:
        json.dump(told, stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(fetched / _OFFER)
