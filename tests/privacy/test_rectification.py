"""Somebody says that a row about them is wrong: it is disputed until a correction comes, or its sender finds it right."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cares import builds, deliveries, provenance
from cares.cli import typer_app
from cares.deliveries import Row
from cares.governance import rectification as disputes
from cares.governance.rectification import RectificationError
from cares.rights import calendar_months, rectification
from end_to_end.receiving import deliver_with_changes, sign_agreement
from fresh_warehouse import FreshWarehouse

SAID = "Ana says she was born in May"


@pytest.fixture(autouse=True)
def post(warehouse: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torus may send, and what goes back to it lies below a folder of this test."""
    sign_agreement("torus/tenancies")
    monkeypatch.setenv("CARES_RETURNS", str(tmp_path / "post"))
    return tmp_path / "post"


@pytest.fixture
def march(tmp_path: Path) -> Row:
    """The row about Ana in the delivery of March."""
    return Row(send(tmp_path, "2019-03"), "household_members", 3)


def send(folder: Path, period: str, *changes: tuple[str, str]) -> int:
    """Receive the tenancies as promised, but for the changes."""
    return deliver_with_changes(folder / f"{period}-{len(changes)}", *changes, period=period).delivery_id


def dispute(row: Row, column: str | None = "Date of Birth") -> tuple[rectification.Rectification, str]:
    """The request, and the letter to the sender on one line."""
    asked, letter = rectification.ask(row, column, SAID, date.today())
    return asked, " ".join(letter.read_text("utf-8").split())


def run(*command: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(typer_app, [*command])
    return outcome.exit_code, " ".join(f"{outcome.output}{outcome.exception or ''}".split())


def now(asked: rectification.Rectification) -> rectification.Rectification:
    return next(one for one in rectification.requests() if one.rectification_id == asked.rectification_id)


def test_a_request_marks_the_row_and_the_sender_is_told_the_line_and_no_value(march: Row) -> None:
    asked, letter = dispute(march)

    assert asked.due_on == calendar_months.after(asked.received_on, 1)
    assert [one.column_name for one in provenance.of_row(march).disputes] == ["date_of_birth"]
    assert (
        f"household_members.csv, line 3: the value of Date of Birth. Our reference: rectification {asked.rectification_id}."
        in letter
    )
    assert "Please look into what is disputed by" in letter and "Send household_members whole" in letter
    assert "May" not in letter.replace("may", "") and "1942" not in letter and "Ana" not in letter
    assert "Disputed since" in run("why", str(march))[1]


def test_the_letter_goes_back_by_the_way_of_all_letters(march: Row, warehouse: FreshWarehouse) -> None:
    before = warehouse.rows("select written from ledger.told_sender where delivery_id = %s", march.delivery_id)
    dispute(march)
    ((written, sent),) = warehouse.rows("select written, sent from ledger.told_sender where delivery_id = %s", march.delivery_id)
    assert before == [] and written and sent is None


def test_a_correction_ends_the_dispute_with_a_certificate(march: Row, tmp_path: Path, warehouse: FreshWarehouse) -> None:
    asked, _ = dispute(march)
    corrected = send(tmp_path, "2019-04", ("12/03/1942", "12/05/1942"))

    assert disputes.settle() == [march.delivery_id]
    assert (now(asked).outcome, provenance.of_row(march).disputes) == ("corrected", [])
    ((text, by),) = warehouse.rows(
        """select text, corrected_by_delivery_id from governance.rectification join governance.certificate using (certificate_id)"""
    )
    assert by == corrected and f"Delivery {corrected} brought it corrected." in text
    assert SAID not in text and "1942" not in text


def test_a_build_takes_the_correction_up_by_itself(march: Row, tmp_path: Path) -> None:
    asked, _ = dispute(march)
    send(tmp_path, "2019-04", ("12/03/1942", "12/05/1942"))
    builds.build()

    assert now(asked).outcome == "corrected"


def test_a_row_that_comes_again_unchanged_stays_disputed(march: Row, tmp_path: Path) -> None:
    asked, _ = dispute(march)
    again = send(tmp_path, "2019-04", ("Nuñez", "Nunez"))
    disputes.settle()

    assert (now(asked).outcome, now(asked).now) == (None, Row(again, "household_members", 3))
    assert provenance.of_row(Row(again, "household_members", 3)).disputes
    send(tmp_path, "2019-05", ("12/03/1942", "12/05/1942"))
    disputes.settle()
    assert now(asked).outcome == "corrected"


def test_a_row_that_comes_no_more_is_removed(march: Row, tmp_path: Path) -> None:
    asked, _ = dispute(march, None)
    send(
        tmp_path,
        "2019-04",
        ("M002,T002,,Ana,Nuñez,12/03/1942,M,Main Tenant,,03/04/2015,\n", ""),
        ("03/04/2015,,M002", "03/04/2015,,M001"),
    )
    disputes.settle()

    assert now(asked).outcome == "removed"


def test_a_delivery_that_is_withdrawn_takes_the_dispute_with_it(march: Row) -> None:
    asked, _ = dispute(march)
    deliveries.act("withdraw", march.delivery_id, "sent by mistake")
    disputes.settle()

    assert now(asked).outcome == "removed"


def test_what_its_sender_keeps_to_is_found_right_and_says_why(march: Row, warehouse: FreshWarehouse) -> None:
    asked, _ = dispute(march)
    code, told = run("rectify", "found-right", str(asked.rectification_id), "--because", "the birth certificate was seen")

    assert code == 0 and "Certificate" in told and now(asked).outcome == "found right"
    assert "keeps to it" in warehouse.rows("select text from governance.certificate")[0][0]
    assert run("rectify", "found-right", str(asked.rectification_id), "--because", "again")[0] == 1


def test_what_cannot_be_disputed_is_refused_with_what_to_do(march: Row, tmp_path: Path) -> None:
    dispute(march)
    with pytest.raises(RectificationError, match="The same is disputed already"):
        dispute(march)
    with pytest.raises(RectificationError, match="has no column 'Birthday'"):
        dispute(march, "Birthday")
    later = send(tmp_path, "2019-04", ("Nuñez", "Nunez"))
    with pytest.raises(RectificationError, match=f"Dispute row {later}/household_members/3 instead"):
        dispute(march, "Surname")


def test_the_list_shows_where_and_no_value(march: Row) -> None:
    dispute(march)
    code, told = run("rectify", "list")
    assert code == 0 and "1/household_members/3, the value of date_of_birth" in told and "Ana" not in told
