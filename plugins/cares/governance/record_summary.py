"""The Shared Care Record of one person as one JSON document: what its door showed, in sections, each item with its source.

Pure: made from exactly what `door.open_record` returned, so that nothing is in it that was not judged and written down there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cares.governance.door import Shown

VERSION = 1
# In the order in which a professional reads them; a section without items is there, and empty.
SECTIONS = (
    "alerts",
    "professionals",
    "next appointments",
    "recent appointments",
    "contacts",
    "diagnoses",
    "results",
    "prescriptions",
    "admissions",
    "attendances",
    "referrals",
    "social care",
    "plans",
)  # fmt: skip
_OF_SOURCE = ("organisation", "feed", "told_until")


def document(shown: Shown) -> dict[str, Any]:
    """The record as a document that JSON can hold; `identity` is null and every section empty where nothing may be shown.

    `version`; `identity` (name of the detail -> value), with the general practice in it; `sections` (name -> items, the latest
    first). An item holds what it was and when, and its `source`: organisation, feed, and the last day of which that feed told.
    """
    sections: dict[str, list[dict[str, Any]]] = {section: [] for section in SECTIONS}
    for care in shown.care:
        sections[care["section"]].append(_item(care))
    sections["professionals"] = _professionals(shown.care)
    identity = {name: value for name, value in shown.person.items() if value is not None}
    return {"version": VERSION, "identity": identity or None, "sections": sections}


def _item(care: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in care.items() if value is not None and name not in (*_OF_SOURCE, "section")}
    return {**told, "source": _source(care)}


def _source(care: Mapping[str, Any]) -> dict[str, Any]:
    return {"organisation": care["organisation"], "feed": care["feed"], "last_updated_on": care["told_until"]}


def _professionals(care: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Which services saw the person, each once with the last day: feeds name no professional by name."""
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in care:
        if one["section"] not in ("contacts", "recent appointments", "admissions", "attendances"):
            continue
        key = (one["service"], one["provider_code"], one["organisation"])
        last.setdefault(
            key,
            {
                "service": one["service"],
                "provider_code": one["provider_code"],
                "seen_on": one["started_on"],
                "source": _source(one),
            },
        )
    return list(last.values())
