"""A withdrawal, a restriction and a new restricted code while a build runs: obeyed within a second, and by every build after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cares import builds
from cares.governance import permissions, restricted_codes, restrictions
from fresh_warehouse import FreshWarehouse
from privacy.people import ADA, BOB, CAT, DAN, Someone, items, listed, send_episodes, send_services

HOME = "1 Ash Lane, St Helens"
CODES = "  a made-up rule:\n    because: of this test\n    source: this test\n    codes: {ICD-10: {J44*: a lung disease}}\n"
NO_CODES = CODES.replace("J44*: a lung disease", "X99: nothing that anybody has")


@dataclass
class Story:
    """What readers saw at each stage, and the seconds from each act to the first read that obeyed it."""

    warehouse: FreshWarehouse
    seen: dict[str, dict[str, object]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def look(self, stage: str) -> None:
        self.seen[stage] = {
            "record of who withdrew": items(self.warehouse, ADA),
            "home of who was restricted": self.home(BOB),
            "stays that analysts see": self.stays(),
            "record of who has the code": items(self.warehouse, CAT),
            "home of somebody else": self.home(DAN),
        }

    def home(self, someone: Someone) -> list[tuple[object, ...]]:
        return self.warehouse.rows(
            "select address, postcode from shared_care_record.persons where nhs_number = %s", someone.nhs_number
        )

    def stays(self) -> int:
        return self.warehouse.rows("select count(*) from insight.hospital_stays", role="analyst")[0][0]

    def act(self, what: str, do: Callable[[], object], is_obeyed: Callable[[], bool]) -> None:
        do()
        done = time.monotonic()
        assert is_obeyed(), what
        self.seconds[what] = time.monotonic() - done


@pytest.fixture(scope="module")
def story(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """All four are seen; then three of them are protected in the middle of a build; it is published, and taken a step back."""
    warehouse, lists = warehouse_of_module, tmp_path_factory.mktemp("lists")
    episodes = [
        one.episode(patient_usual_address=HOME, postcode="WA101AB", primary_diagnosis_icd="J44.9" if one is CAT else "I10")
        for one in (ADA, BOB, CAT, DAN)
    ]
    send_episodes(warehouse, *episodes)
    told = Story(warehouse)
    with listed(lists / "one.yml", "1", NO_CODES):
        builds.build()
        for one in (ADA, BOB, CAT, DAN):
            permissions.record(one.hospital_record, "permitted", "asked", decided_by="person", capacity="has capacity")
        told.look("before")
        send_services(warehouse, ADA.service(), BOB.service())
        build_id = builds.start_build()
        for layer in ("staging", "reference", "person_records"):
            builds.run_layer(build_id, layer)
        builds.update_person_index(build_id)
    with listed(lists / "two.yml", "2", CODES):
        protect(told, lists)
        told.look("while the build runs")
        for layer in list(builds.LAYERS)[3:]:
            builds.run_layer(build_id, layer)
        told.look("before it is published")
        builds.publish(build_id)
        told.look("after the build")
        assert builds.back() < build_id
        told.look("a step back")
        yield told


def protect(told: Story, lists: Path) -> None:
    def withdraw() -> None:
        permissions.record(ADA.nhs_number, "withdrawn", "rang", decided_by="person", capacity="has capacity")

    told.act("withdrawal", withdraw, lambda: items(told.warehouse, ADA) == [])
    told.act("restriction", lambda: restrictions.restrict(BOB.hospital_record, "fled"), lambda: told.home(BOB) == [(None, None)])
    told.act("restricted code", restricted_codes.take_up, lambda: told.stays() == 3)


def test_before_all_is_seen(story: Story) -> None:
    stay = [("sthk", "hospital stay")]
    assert story.seen["before"] == {
        "record of who withdrew": stay,
        "home of who was restricted": [(HOME, "WA10 1AB")],
        "stays that analysts see": 4,
        "record of who has the code": stay,
        "home of somebody else": [(HOME, "WA10 1AB")],
    }


@pytest.mark.parametrize("what", ["withdrawal", "restriction", "restricted code"])
def test_it_is_obeyed_within_a_second_while_a_build_runs(story: Story, what: str) -> None:
    assert story.seconds[what] < 1


@pytest.mark.parametrize("stage", ["while the build runs", "before it is published", "after the build", "a step back"])
def test_neither_the_build_nor_a_step_back_brings_anything_back(story: Story, stage: str) -> None:
    assert story.seen[stage] == {
        "record of who withdrew": [],
        "home of who was restricted": [(None, None)],
        "stays that analysts see": 3,
        "record of who has the code": [],
        "home of somebody else": [(HOME, "WA10 1AB")],
    }
