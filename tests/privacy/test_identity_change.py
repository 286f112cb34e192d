"""Identity change: the new identity is never linked to the old, and nobody but the Caldicott guardian learns that they are alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import pytest
from typer.testing import CliRunner

from cares import builds
from cares.cli import typer_app
from cares.governance import permissions, protections
from cares.person_index import decisions
from fresh_warehouse import FreshWarehouse
from privacy.people import Someone, items, send_episodes, send_services

# One life under two identities: near-identical, each with a verified NHS number, at one address.
OLD = Someone("OLD1", "9990000018", "Robin", "Hazeldine", date(1988, 6, 17))
NEW = Someone("NEW1", "9990000026", "Robin", "Hazeldine", date(1988, 6, 17))
BESIDE = Someone("Q1", "9990000034", "Quentin", "Ormerod", date(1961, 4, 9))
HOME = {"patient_usual_address": "7 Mill Brow, St Helens", "postcode": "WA101AB", "nhs_number_trace_status": "01"}


@dataclass
class Story:
    """Whose records were whose after each build."""

    warehouse: FreshWarehouse
    persons: dict[str, dict[str, int]] = field(default_factory=dict)

    def look(self, stage: str) -> None:
        self.persons[stage] = dict(
            self.warehouse.rows("select person_record_id, person_id from person_index.membership where valid_to is null")
        )


@pytest.fixture(scope="module")
def story(warehouse_of_module: FreshWarehouse) -> Iterator[Story]:
    """Both identities come from the hospital and the council, and everything is built twice, the second time anew."""
    told = Story(warehouse_of_module)
    send_episodes(warehouse_of_module, *(one.episode(**HOME) for one in (OLD, NEW, BESIDE)))
    send_services(warehouse_of_module, *(one.service(postcode="WA10 1AB") for one in (OLD, NEW)))
    builds.build()
    told.look("first")
    builds.build(rebuild_staging=True)
    told.look("built anew")
    yield told


@pytest.mark.parametrize("stage", ["first", "built anew"])
def test_two_identities_are_two_persons_in_every_build(story: Story, stage: str) -> None:
    persons = story.persons[stage]
    assert persons[OLD.hospital_record] == persons[OLD.council_record]
    assert persons[NEW.hospital_record] == persons[NEW.council_record]
    assert persons[OLD.hospital_record] != persons[NEW.hospital_record]


def test_the_pair_waits_in_the_sealed_queue_and_in_no_other(story: Story) -> None:
    records = {OLD.hospital_record, OLD.council_record, NEW.hospital_record, NEW.council_record}
    sealed = [pair for pair in decisions.queue(decisions.GUARDIAN) if {pair.record_l, pair.record_r} <= records]
    assert len(sealed) == 1
    assert [pair for pair in decisions.queue(decisions.CLERK) if {pair.record_l, pair.record_r} & records] == []
    for role in ("engineer", "governance"):
        assert story.warehouse.rows("select * from person_index.pair_to_decide", role=role) == []


def test_no_explanation_tells_of_it(story: Story) -> None:
    told = CliRunner().invoke(typer_app, ["person-index", "explain", OLD.hospital_record, NEW.hospital_record]).output
    strangers = CliRunner().invoke(typer_app, ["person-index", "explain", OLD.hospital_record, BESIDE.hospital_record]).output
    assert told.replace(NEW.hospital_record, "") == strangers.replace(BESIDE.hospital_record, "")


def test_no_ordinary_decision_links_the_two(story: Story) -> None:
    run = CliRunner().invoke(
        typer_app, ["person-index", "must-link", OLD.hospital_record, NEW.hospital_record, "--because", "alike"]
    )
    assert run.exit_code == 1
    assert "Caldicott guardian" in str(run.exception)


def test_the_record_of_one_shows_nothing_of_the_other(story: Story) -> None:
    permissions.record(NEW.nhs_number, "permitted", "asked", decided_by="person", capacity="has capacity")
    assert items(story.warehouse, NEW) == [("council", "social care service"), ("sthk", "hospital stay")]
    assert items(story.warehouse, OLD) == []
    shown = story.warehouse.rows("select nhs_number from shared_care_record.persons")
    assert shown == [(NEW.nhs_number,)]


def test_no_reader_finds_the_other_through_household_or_address(story: Story) -> None:
    """What several people are looked up by side by side says nothing of homes; the record is opened by NHS number alone."""
    columns = story.warehouse.rows(
        """select table_schema, column_name from information_schema.columns
           where table_schema = any(%s) and column_name = any(%s)""",
        ["insight", "board", "partnership"],
        sorted(protections.TELLS_OF_HOME - {"has_social_housing"}),
    )
    assert columns == []
    ways_in = story.warehouse.rows(
        """select distinct pg_get_function_arguments(oid) from pg_proc
           where pronamespace = to_regnamespace('record') and has_function_privilege('cares_staff_sthk', oid, 'execute')"""
    )
    assert all(arguments.startswith("nhs_number text") for (arguments,) in ways_in)
