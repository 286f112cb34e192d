"""Openings of the Shared Care Record that governance looks at: who and when, and never whose record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml
from typer.testing import CliRunner

from cares.cli import typer_app
from cares.governance import door, misuse, permissions, staff
from fresh_warehouse import FreshWarehouse
from privacy.door_story import ADA, BERT, CORA, NOBODY, open_as, refused, tell

OUR_REGISTER = door.REGISTER


@pytest.fixture(scope="module")
def told(warehouse_of_module: FreshWarehouse) -> Iterator[FreshWarehouse]:
    """Of the hospital's staff, S2 is Cora herself, who lives with Ada; S3 is called Birch, as Bert is."""
    tell(warehouse_of_module)
    permissions.record(CORA, "permitted", "asked", decided_by="person", capacity="has capacity")
    staff.register("sthk", "S2", person_record="sthk/apc/P3")
    staff.register("sthk", "S3", surname="BIRCH")
    yield warehouse_of_module


@pytest.fixture(autouse=True)
def all_day(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Whatever the time is, it is within hours; a test may say otherwise in this file."""
    register = yaml.safe_load(OUR_REGISTER.read_text("utf-8"))
    register["hours"] = {"from": "00:00", "until": "23:59:59.999999"}
    path = tmp_path / "shared_care_record.yml"
    path.write_text(yaml.safe_dump(register), "utf-8")
    monkeypatch.setattr(door, "REGISTER", path)
    return path


def say(path: Path, **entries: object) -> None:
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text("utf-8")) | entries), "utf-8")


def opening(warehouse: FreshWarehouse, member: str, number: str, organisation: str = "sthk") -> int:
    """Let a member of staff open a record, or try to; the opening's number."""
    try:
        warehouse.rows("select * from record.open(%s, %s, 'direct care')", number, member, role=f"staff_{organisation}")
    except psycopg.errors.InsufficientPrivilege:
        pass
    return warehouse.rows("select max(number) from audit.opening")[0][0]


def signs_of(number: int) -> set[str]:
    misuse.look()
    return {one.signal for one in misuse.found() if one.number == number}


def test_an_ordinary_opening_is_no_sign(told: FreshWarehouse) -> None:
    assert signs_of(opening(told, "S1", ADA)) == set()


def test_an_own_record_is_one(told: FreshWarehouse) -> None:
    assert signs_of(opening(told, "S2", CORA)) == {"own record"}


def test_the_same_address_is_one(told: FreshWarehouse) -> None:
    assert signs_of(opening(told, "S2", ADA)) == {"same address"}


def test_the_same_surname_is_one_and_so_is_an_attempt_that_was_refused(told: FreshWarehouse) -> None:
    assert signs_of(opening(told, "S3", BERT)) == {"same surname"}


def test_neither_care_nor_a_referral_is_one(told: FreshWarehouse) -> None:
    assert signs_of(opening(told, "S1", BERT, "council")) == {"no referral"}
    assert signs_of(opening(told, "S1", NOBODY, "sthk")) == {"no referral"}


def test_an_emergency_is_always_looked_at(told: FreshWarehouse) -> None:
    open_as(told, "sthk", BERT, "emergency", "found unconscious")
    ((number,),) = told.rows("select max(number) from audit.opening")
    assert signs_of(number) == {"emergency"}
    refused(told, "sthk", BERT)
    assert signs_of(number + 1) == set()


def test_out_of_hours_is_one_but_not_where_wards_are_open_all_day(told: FreshWarehouse, all_day: Path) -> None:
    say(all_day, hours={"from": "00:00", "until": "00:00"}, open_all_day=["sthk"])
    council, hospital = opening(told, "S1", ADA, "council"), opening(told, "S1", ADA, "sthk")
    assert (signs_of(council), signs_of(hospital)) == ({"out of hours"}, set())


def test_more_people_a_day_than_work_needs_is_one(told: FreshWarehouse, all_day: Path) -> None:
    staff.register("sthk", "S4")
    say(all_day, people_a_day=1)
    first, again = opening(told, "S4", ADA), opening(told, "S4", ADA)
    second, first_again = opening(told, "S4", CORA), opening(told, "S4", ADA)
    assert [signs_of(number) for number in (first, again, second, first_again)] == [set(), set(), {"volume"}, set()]


def test_a_sign_is_listed_once_for_governance_and_names_nobody_whose_record_it_was(told: FreshWarehouse) -> None:
    number = opening(told, "S2", CORA)
    assert misuse.look() == 1
    assert misuse.look() == 0
    listed = told.rows("select signal from governance.misuse_signal where number = %s", number, role="governance")
    assert listed == [("own record",)]
    said = CliRunner().invoke(typer_app, ["audit", "signals"], env={"COLUMNS": "160"})
    assert "own record" in said.output and "S2" in said.output
    for word in (ADA, BERT, CORA, "Cora", "Cedar", "Birch", "Ash Lane"):
        assert word not in said.output
    for role in ("analyst", "engineer", "staff_sthk", "contact_cares"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            told.rows("select * from governance.misuse_signal", role=role)


@pytest.mark.parametrize(
    "entries, problem",
    [
        ({"people_a_day": 0}, "people_a_day: expected a whole number above 0"),
        ({"may_open": ["anybody"]}, "may_open: expected a list, of "),
        ({"hours": "all day"}, "hours: expected from and until"),
        ({"open_all_day": ["nobody"]}, "open_all_day: expected a list, of "),
        ({"more": 1}, "expected the entries may_open, "),
    ],
)
def test_a_register_that_cannot_be_obeyed_is_refused(all_day: Path, entries: dict[str, object], problem: str) -> None:
    say(all_day, **entries)
    with pytest.raises(door.DoorError, match=problem):
        door.read()
