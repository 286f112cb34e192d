"""`cares why` tells where a delivery, a row and a person come from, and what became of them; never a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cares import builds, provenance
from cares.cli import typer_app
from cares.deliveries import Row
from end_to_end.receiving import AS_PROMISED, deliver_with_changes, sign_agreement
from fresh_warehouse import FreshWarehouse


def deliver(folder: Path, changes: dict[str, str]) -> int:
    """Receive the tenancies of March as promised, but for the changes."""
    return deliver_with_changes(folder, *changes.items()).delivery_id


@pytest.fixture(scope="module")
def story(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, int]:
    """A faulty delivery and its correction, which has no tenancy T012 any more, and a build.

    Returns the numbers of the two deliveries.
    """
    sign_agreement("torus/tenancies")
    folder = tmp_path_factory.mktemp("torus")
    faulty = deliver(folder / "faulty", {"02/04/2015,,M001": "30/02/2015,,M001", "T003,P003,": "T003,P003,,"})
    last = AS_PROMISED[1].read_text().splitlines()[-1]
    mended = deliver(folder / "mended", {f"{last}\n": ""})
    builds.build()
    return faulty, mended


def told(*what: str) -> str:
    """What the command prints, on one line."""
    outcome = CliRunner().invoke(typer_app, ["why", *what])
    assert outcome.exit_code == 0, outcome.output
    return " ".join(outcome.output.split())


def test_a_delivery_tells_its_files_checks_and_what_replaced_it(story: tuple[int, int]) -> None:
    faulty, mended = story

    found = provenance.of_delivery(faulty)

    assert [(file.file_name, file.received_rows, file.unreadable_rows) for file in found.files] == [
        ("household_members.csv", 12, 0),
        ("tenancies.csv", 12, 1),
    ]
    assert all(len(file.sha256_start) == 12 for file in found.files)
    assert {rule.rule: (rule.findings, rule.open_findings) for rule in found.broken} == {
        "tenancies.Tenancy Start Date.uk_date": (1, 0),
        "household_members.Tenancy Reference.refers_to": (1, 0),
    }
    assert [event.event for event in found.events] == ["received", "accepted", "superseded", "findings cleared"]
    assert [build.state for build in found.builds] == ["published"]
    text = told(str(faulty))
    assert f"Replaced: delivery {mended} brought the rows of household_members, tenancies anew." in text
    assert f"findings cleared by {found.events[-1].by}: 2 of 2, by delivery {mended}" in text
    assert f"Replaces: the rows of household_members, tenancies of delivery {faulty}." in told(str(mended))


def test_a_row_set_aside_tells_its_line_its_rule_and_who_mended_it(story: tuple[int, int]) -> None:
    faulty, mended = story

    found = provenance.of_row(Row(faulty, "tenancies", 2))

    assert (found.fate, found.is_in_staging, list(found.builds)) == ("set aside", False, [])
    assert [(one.rule, one.status, one.cleared_by_delivery_id) for one in found.broken] == [
        ("tenancies.Tenancy Start Date.uk_date", "cleared", mended)
    ]
    assert found.successor is not None and found.successor.rows == [Row(mended, "tenancies", 2)]
    assert "It is line 2 of tenancies.csv" in told(f"{faulty}/tenancies/2")


def test_an_accepted_row_tells_its_builds_and_the_row_that_replaced_it(story: tuple[int, int]) -> None:
    faulty, mended = story

    found = provenance.of_row(Row(faulty, "tenancies", 3))

    assert (found.fate, found.is_in_staging, len(found.builds)) == ("accepted", True, 1)
    assert found.successor is not None and found.successor.rows == [Row(mended, "tenancies", 3)]
    assert provenance.of_row(found.successor.rows[0]).successor is None
    assert "Nothing has replaced it." in told(f"{mended}/tenancies/3")


def test_a_row_that_a_correction_removed_says_so(story: tuple[int, int]) -> None:
    faulty, mended = story

    assert f"by delivery {mended}: no row with its key there: removed." in told(f"{faulty}/tenancies/13")


def test_a_line_that_cannot_be_read_says_why(story: tuple[int, int]) -> None:
    faulty, _ = story

    assert "What became of it: unreadable, because the line has 11 values where the header has 10." in told(
        f"{faulty}/tenancies/4"
    )


def test_a_person_tells_its_records_and_their_rows_and_no_name(
    story: tuple[int, int], warehouse_of_module: FreshWarehouse
) -> None:
    faulty, mended = story
    ((person_id, pseudonym),) = warehouse_of_module.rows(
        """select person_id, pseudonym from person_index.membership join governance.pseudonym using (person_id)
           where person_record_id = 'torus/housing/M002' and valid_to is null"""
    )

    found = provenance.of_person(f"person/{person_id}")

    (record,) = found.records
    assert (record.organisation, record.source) == ("torus", "housing")
    assert record.rows == [(Row(mended, "household_members", 3), True), (Row(faulty, "household_members", 3), False)]
    assert [event.kind for event in found.events] == ["created"]
    text = told(pseudonym)
    assert f"{mended}/household_members/3" in text
    assert not any(value in text for value in ("Nuñez", "Ana", "M002", "12/03/1942", "1942-03-12"))


@pytest.mark.parametrize(
    ("what", "remedy"),
    [
        ("99", "There is no delivery 99. See: cares delivery list"),
        ("1/tenancies/99", "has no row in line 99 of tenancies"),
        ("1/rents/2", "Delivery 1 has no table rents; it has household_members, tenancies."),
        ("person/999", "There is no person 999 in the index."),
        ("f" * 32, "That is nobody's pseudonym."),
        ("everything", "A row is named as delivery/table/line"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(story: tuple[int, int], what: str, remedy: str) -> None:
    outcome = CliRunner().invoke(typer_app, ["why", what])

    assert outcome.exit_code == 1
    assert remedy in str(outcome.exception)


def test_before_anything_was_built_the_rest_is_told(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    sign_agreement("torus/tenancies")
    delivery_id = deliver(tmp_path / "sent", {})

    assert "Seen by no build yet." in told(str(delivery_id))
    assert "It is not in staging now. In no build yet. Nothing has replaced it." in told(f"{delivery_id}/tenancies/2")
