"""The document of a record holds what the door showed, each item with its source, and nothing where nothing was shown."""

from __future__ import annotations

from typing import Any

import pytest

from cares.governance import record_summary
from cares.governance.door import Shown

PERSON = {"forename": "Ada", "phone": None, "gp_practice_code": "N83001"}


def told(section: str | None, **more: Any) -> dict[str, Any]:
    """An item as the door gives it."""
    return {
        "section": section, "kind": "contact", "detail": "attended", "started_on": "2020-01-02", "ended_on": None,
        "service": "adult community nursing", "provider_code": "RBN", "diagnosis_code": None, "organisation": "sthk",
        "feed": "sthk/community_services", "told_until": "2020-01-31", **more,
    }  # fmt: skip


def sections(*care: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The sections of the document that are not empty."""
    return {name: items for name, items in record_summary.document(Shown(PERSON, [*care]))["sections"].items() if items}


def test_nothing_shown_is_a_document_of_nobody_with_every_section_empty() -> None:
    document = record_summary.document(Shown({}, []))
    assert document["identity"] is None
    assert document["sections"] == {section: [] for section in record_summary.SECTIONS}


def test_an_item_says_who_told_it_and_until_when_they_told() -> None:
    (item,) = sections(told("social care", kind="social care review"))["social care"]
    assert item["kind"] == "social care review"
    assert item["source"] == {"organisation": "sthk", "feed": "sthk/community_services", "last_updated_on": "2020-01-31"}
    assert not {"section", "told_until", "ended_on"} & item.keys()


def test_what_is_not_known_of_the_person_is_left_out_and_the_practice_is_said() -> None:
    assert record_summary.document(Shown(PERSON, []))["identity"] == {"forename": "Ada", "gp_practice_code": "N83001"}


@pytest.mark.parametrize("detail", ["did not attend", "cancelled", "to come", "not known", "Nurse, Online, Booked", None])
def test_who_did_not_come_was_seen_by_nobody(detail: str | None) -> None:
    assert "professionals" not in sections(told("contacts", detail=detail), told("recent appointments", detail=detail))


def test_each_service_stands_once_with_the_last_day_that_it_saw_the_person() -> None:
    seen = sections(
        told("recent appointments", detail="Nurse, Online, Attended", service="general practice", started_on="2020-03-01"),
        told("contacts", started_on="2020-02-01"),
        told("contacts", started_on="2020-01-02"),
        told("admissions", detail=None, service="hospital", started_on="2020-02-15"),
    )["professionals"]
    assert [(one["service"], one["seen_on"]) for one in seen] == [
        ("general practice", "2020-03-01"), ("hospital", "2020-02-15"), ("adult community nursing", "2020-02-01"),
    ]  # fmt: skip


def test_the_diagnosis_of_a_stay_stands_among_the_diagnoses_the_latest_first() -> None:
    diagnoses = sections(
        told("diagnoses", kind="GP problem", detail="Asthma", started_on="2019-06-01"),
        told("admissions", kind="hospital stay", diagnosis_code="J440", started_on="2020-01-02"),
        told("admissions", kind="hospital stay", started_on="2020-01-03"),
    )["diagnoses"]
    assert [(one["kind"], one.get("diagnosis_code"), one["source"]["feed"]) for one in diagnoses] == [
        ("primary diagnosis of a hospital stay", "J440", "sthk/community_services"),
        ("GP problem", None, "sthk/community_services"),
    ]


def test_care_of_a_build_from_before_there_were_sections_is_shown() -> None:
    of_before = told(None)
    del of_before["section"]
    assert len(sections(told(None), of_before)["other care"]) == 2
