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
    "other care",
)  # fmt: skip
_OF_SOURCE = ("organisation", "feed", "told_until")
# Of these the last words of the detail say whether they came about; of stays and attendances there is no doubt.
_SEEN_IF_ATTENDED = ("contacts", "recent appointments")
_SEEN = ("admissions", "attendances")


def document(shown: Shown) -> dict[str, Any]:
    """The record as a document that JSON can hold; `identity` is null and every section empty where nothing may be shown.

    `version`; `identity` (name of the detail -> value), with the general practice in it; `sections` (name -> items, the latest
    first). An item holds what it was and when, and its `source`: organisation, feed, and the last day of which that feed told.
    """
    care = in_sections(shown)
    sections = {section: [_item(one) for one in items] for section, items in care.items()}
    sections["diagnoses"] += [_diagnosis(one) for one in care["admissions"] if one.get("diagnosis_code")]
    sections["diagnoses"].sort(key=lambda item: item.get("started_on") or "", reverse=True)
    sections["professionals"] = _professionals(care)
    identity = {name: value for name, value in shown.person.items() if value is not None}
    return {"version": VERSION, "identity": identity or None, "sections": sections}


def in_sections(shown: Shown) -> dict[str, list[dict[str, Any]]]:
    """The care that the door showed, by its section. A build from before there were sections, or one to which we stepped back,
    says none: its care is `other care`.
    """
    sections: dict[str, list[dict[str, Any]]] = {section: [] for section in SECTIONS}
    for care in shown.care:
        section = care.get("section")
        sections[section if section in sections else "other care"].append(care)
    return sections


def _item(care: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in care.items() if value is not None and name not in (*_OF_SOURCE, "section")}
    return {**told, "source": _source(care)}


def _diagnosis(stay: Mapping[str, Any]) -> dict[str, Any]:
    """The primary diagnosis of a hospital stay, on the day of the admission."""
    return {
        "kind": "primary diagnosis of a hospital stay",
        "diagnosis_code": stay["diagnosis_code"],
        "started_on": stay["started_on"],
        "source": _source(stay),
    }


def _source(care: Mapping[str, Any]) -> dict[str, Any]:
    return {"organisation": care["organisation"], "feed": care["feed"], "last_updated_on": care["told_until"]}


def _professionals(care: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Which services saw the person, each once with the last day: feeds name no professional by name."""
    seen = [one for section in _SEEN for one in care[section]]
    seen += [one for section in _SEEN_IF_ATTENDED for one in care[section] if (one["detail"] or "").lower().endswith("attended")]
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in sorted(seen, key=lambda one: one["started_on"] or "", reverse=True):
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
