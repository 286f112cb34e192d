"""A wrong merge: two people called Ada Ash, born on one day at one postcode, of whom one has no NHS number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from typer.testing import CliRunner

from accepted_deliveries import deliver
from cares import builds
from cares.cli import typer_app
from fresh_warehouse import FreshWarehouse

NUMBER = "9876543210"
HOSPITAL, COUNCIL, HOUSING = "sthk/apc/P1", "council/cld/A1", "torus/housing/H1"
JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
QUARTER = ("2019-Q1", date(2019, 1, 1), date(2019, 3, 31))

CURRENT = "select person_record_id, person_id from person_index.membership where valid_to is null"
TIMELINE = "select person_id, kind from linked_care.care_timeline order by person_id, kind"
SEEN = "select count(*) from insight.persons"


@dataclass
class Story:
    """What was seen at each stage: who is who, the care of each person, and how many persons analysts count."""

    warehouse: FreshWarehouse
    persons: dict[str, dict[str, int]] = field(default_factory=dict)
    timeline: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)

    def look(self, stage: str) -> None:
        self.persons[stage] = dict(self.warehouse.rows(CURRENT))
        self.timeline[stage] = self.warehouse.rows(TIMELINE)
        self.counted[stage] = self.warehouse.rows(SEEN, role="analyst")[0][0]


@pytest.fixture(scope="module")
def story(warehouse_of_module: FreshWarehouse) -> Iterator[Story]:
    """The two are merged; the link is withheld; a build follows; the one before is published again; all is built anew."""
    warehouse = warehouse_of_module
    deliver(warehouse, "sthk/admitted_patient_care", JANUARY, "period", {
        "episodes": [{
            "nhs_number": NUMBER, "local_patient_identifier": "P1", "hospital_provider_spell_number": "S1", "episode_number": "1",
            "start_date_hospital_provider_spell": "2019-01-05", "start_date_consultant_episode": "2019-01-05",
            "person_given_name": "Ada", "person_family_name": "Ash", "date_of_birth": "1935-02-28", "sex": "2", "postcode": "WA101AB",
        }],
    })  # fmt: skip
    deliver(warehouse, "council/adult_social_care", QUARTER, "window", {
        "events": [{
            "nhs_number": NUMBER, "la_person_unique_identifier": "A1", "first_name": "Ada", "last_name": "Ash",
            "date_of_birth": "28/02/1935", "event_type": "Service", "event_start_date": "10/01/2019", "service_component": "Reablement",
        }],
    }, window=(date(2018, 4, 1), date(2019, 3, 31)))  # fmt: skip
    deliver(warehouse, "torus/tenancies", JANUARY, "snapshot", {
        "tenancies": [{
            "tenancy_reference": "T1", "postcode": "WA10 1AB", "tenancy_start_date": "01/01/1990", "main_tenant_reference": "H1",
        }],
        "household_members": [{
            "person_reference": "H1", "tenancy_reference": "T1", "forename": "Ada", "surname": "Ash",
            "date_of_birth": "28/02/1935", "gender": "F",
        }],
    })  # fmt: skip
    told = Story(warehouse)
    builds.build()
    told.look("merged")
    run = CliRunner().invoke(
        typer_app, ["person-index", "withhold", HOSPITAL, HOUSING, "--because", "the tenant was never in hospital"]
    )
    told.told["withheld"] = run.output
    told.look("withheld")
    builds.build()
    told.look("split")
    builds.back()
    told.look("a step back")
    builds.build(rebuild_staging=True)
    told.look("built anew")
    yield told


def test_before_the_tenant_has_the_care_of_another(story: Story) -> None:
    (ada,) = set(story.persons["merged"].values())
    assert story.timeline["merged"] == [(ada, "hospital stay"), (ada, "social care service"), (ada, "tenancy")]
    assert story.counted["merged"] == 1


def test_one_command_hides_both_before_any_build(story: Story) -> None:
    assert "Nobody sees either record from now on" in story.told["withheld"]
    assert story.persons["withheld"] == story.persons["merged"]
    assert (story.timeline["withheld"], story.counted["withheld"]) == ([], 0)


def test_the_next_build_shows_two_persons_and_the_larger_part_keeps_its_id(story: Story) -> None:
    ada = story.persons["merged"][HOSPITAL]
    split = story.persons["split"]
    assert split[HOSPITAL] == split[COUNCIL] == ada
    assert split[HOUSING] > ada
    assert story.timeline["split"] == [(ada, "hospital stay"), (ada, "social care service"), (split[HOUSING], "tenancy")]
    assert story.counted["split"] == 2


def test_both_ids_keep_their_history(story: Story) -> None:
    ada, tenant = story.persons["split"][HOSPITAL], story.persons["split"][HOUSING]
    events = "select kind, person_id, other_person_id from person_index.event order by event_id"
    assert story.warehouse.rows(events) == [
        ("created", ada, None),
        ("created", tenant, None),
        ("split", tenant, ada),
        ("decided", ada, tenant),
    ]
    memberships = story.warehouse.rows(
        "select person_id, valid_to is null from person_index.membership where person_record_id = %s order by valid_from", HOUSING
    )
    assert memberships == [(ada, False), (tenant, True)]


def test_a_step_back_does_not_show_the_wrong_link_again(story: Story) -> None:
    assert (story.timeline["a step back"], story.counted["a step back"]) == ([], 0)


def test_the_split_survives_when_everything_is_built_anew(story: Story) -> None:
    assert story.persons["built anew"] == story.persons["split"]
    assert (story.timeline["built anew"], story.counted["built anew"]) == (story.timeline["split"], 2)
