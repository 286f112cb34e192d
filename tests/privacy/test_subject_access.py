"""Somebody asks to see what is held about them: prepared, reviewed by a person, and only then released."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from accepted_deliveries import deliver
from cares import builds, contracts
from cares.cli import typer_app
from cares.deliveries import Row
from cares.person_index import withholding
from cares.rights import calendar_months, held_rows, subject_access
from cares.rights.subject_access import SubjectAccessError
from fresh_warehouse import FreshWarehouse

ADA, BEN = "9990000018", "9990000026"
JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
FEBRUARY = ("2019-02", date(2019, 2, 1), date(2019, 2, 28))
QUARTER = ("2019-Q1", date(2019, 1, 1), date(2019, 3, 31))
YEAR = ("2018-19", date(2018, 4, 1), date(2019, 3, 31))


def _episode(patient: str, number: str, forename: str) -> dict[str, str]:
    return {
        "nhs_number": number, "nhs_number_trace_status": "01", "local_patient_identifier": patient,
        "hospital_provider_spell_number": f"S{patient}", "episode_number": "1", "primarykey_id": f"K{patient}",
        "start_date_hospital_provider_spell": "2019-01-05", "start_date_consultant_episode": "2019-01-05",
        "person_given_name": forename, "person_family_name": "Ash", "date_of_birth": "1935-02-28", "sex": "2", "postcode": "WA101AB",
    }  # fmt: skip


@dataclass
class Story:
    """Ada and Ben share a home; Ada was adopted, says the return of looked-after children, and asks to see what is held."""

    warehouse: FreshWarehouse
    hospital: int
    council: int
    housing: int
    children: int

    def person(self, record: str) -> int:
        return self.warehouse.rows(
            "select person_id from person_index.membership where person_record_id = %s and valid_to is null", record
        )[0][0]


@pytest.fixture(scope="module")
def story(warehouse_of_module: FreshWarehouse) -> Iterator[Story]:
    warehouse = warehouse_of_module
    hospital = deliver(warehouse, "sthk/admitted_patient_care", JANUARY, "period", {
        "episodes": [_episode("P1", ADA, "Ada"), _episode("P2", BEN, "Ben")],
        "diagnoses": [
            {"primarykey_id": "KP1", "episodes_id": "1", "icd_id": "1", "code": "J459"},
            {"primarykey_id": "KP2", "episodes_id": "1", "icd_id": "1", "code": "I219"},
        ],
    })  # fmt: skip
    council = deliver(warehouse, "council/adult_social_care", QUARTER, "window", {
        "events": [{
            "nhs_number": ADA, "la_person_unique_identifier": "A1", "first_name": "Ada", "last_name": "Ash",
            "date_of_birth": "28/02/1935", "event_type": "Service", "event_start_date": "10/01/2019",
            "service_component": "Reablement", "event_description": "Her neighbour Cyd Elm says she falls",
        }],
    }, window=(date(2018, 4, 1), date(2019, 3, 31)))  # fmt: skip
    housing = deliver(warehouse, "torus/tenancies", JANUARY, "snapshot", {
        "tenancies": [{
            "tenancy_reference": "T1", "postcode": "WA10 1AB", "tenancy_start_date": "01/01/1990", "main_tenant_reference": "H2",
        }],
        "household_members": [
            {"person_reference": "H1", "tenancy_reference": "T1", "nhs_number": ADA, "forename": "Ada", "surname": "Ash",
             "date_of_birth": "28/02/1935", "gender": "F"},
            {"person_reference": "H2", "tenancy_reference": "T1", "nhs_number": BEN, "forename": "Ben", "surname": "Ash",
             "date_of_birth": "28/02/1933", "gender": "M"},
        ],
    })  # fmt: skip
    deliver(warehouse, "council/childrens_person_file", YEAR, "snapshot", {
        "people": [{"local_person_id": "C1", "nhs_number": ADA, "forename": "Ada", "surname": "Ash",
                    "date_of_birth": "28/02/1935", "sex": "F"}],
    })  # fmt: skip
    children = deliver(warehouse, "council/looked_after_children", YEAR, "period", {
        "header": [{"child": "C1", "sex": "2", "dob": "28/02/1935"}],
        "ad1": [{"child": "C1", "dob": "28/02/1935", "date_int": "01/05/2018", "nb_adoptr": "1", "sex_adoptr": "F1"}],
    })  # fmt: skip
    builds.build()
    yield Story(warehouse, hospital, council, housing, children)


def run(*command: str, whom: str | None = None) -> tuple[int, str]:
    outcome = CliRunner().invoke(typer_app, ["subject-access", *command], input=whom)
    return outcome.exit_code, f"{outcome.output}{outcome.exception or ''}"


@pytest.fixture
def asked(story: Story) -> Iterator[int]:
    """Ada's request, prepared; whatever a test made of it is gone after it."""
    yield subject_access.prepare("council/cld/A1", date.today()).request_id
    with story.warehouse.connect() as connection:
        connection.execute("delete from governance.subject_access where released_at is null")


@dataclass
class Released:
    """What a request came to, as it stood when it was released with nothing withheld."""

    request: int
    texts: dict[str, str]
    folder_mode: int
    file_modes: set[int]
    is_draft_there: bool

    @property
    def told(self) -> str:
        return "".join(self.texts.values())

    @property
    def pack(self) -> dict[str, Any]:
        return json.loads(self.texts["pack.json"])


@pytest.fixture(scope="module")
def released(story: Story) -> Released:
    """Ada's request of another day, released."""
    request = subject_access.prepare("sthk/apc/P1", date.today()).request_id
    decide_all(request)
    code, told = run("release", str(request), "--identity-seen", "passport")
    assert code == 0, told
    folder = subject_access.draft_of(request).parent / "pack"
    return Released(
        request,
        {path.name: path.read_text("utf-8") for path in folder.iterdir()},
        stat.S_IMODE(folder.stat().st_mode),
        {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()},
        subject_access.draft_of(request).exists(),
    )


def item(request: int, row: Row) -> int:
    return next(one.item for one in subject_access.items(request) if one.row == row)


def decide_all(request: int, leave_out: dict[int, str] | None = None) -> None:
    """Show everything that has to be looked at, but for what is left out (item -> ground); and end the review."""
    for number, ground in (leave_out or {}).items():
        subject_access.withhold(request, [number], ground, "tested", advised_by="Dr Test")
    waiting = [one.item for one in subject_access.items(request) if one.look_for and one.item not in (leave_out or {})]
    if waiting:
        subject_access.show(request, waiting)
    subject_access.end_review(request)


def text_of(folder: Path) -> str:
    return "".join(path.read_text("utf-8") for path in folder.iterdir())


def test_every_row_about_the_person_is_found_with_what_belongs_to_it_and_nobody_elses(story: Story) -> None:
    with story.warehouse.connect() as connection:
        found = held_rows.of_person(connection, story.person("sthk/apc/P1"))

    assert {(str(one.row), one.is_shared) for one in found} >= {
        (f"{story.hospital}/episodes/2", False),
        (f"{story.hospital}/diagnoses/2", False),
        (f"{story.council}/events/2", False),
        (f"{story.housing}/household_members/2", False),
        (f"{story.housing}/tenancies/2", True),
        (f"{story.children}/ad1/2", False),
    }
    assert not {f"{story.hospital}/episodes/3", f"{story.hospital}/diagnoses/3", f"{story.housing}/household_members/3"} & {
        str(one.row) for one in found
    }


def test_every_staging_model_that_names_people_says_by_which_columns() -> None:
    names = {
        (table.format, table.name)
        for table in contracts.load().tables()
        if (held_rows._MODELS / table.format / f"stg_{table.landing_name}.sql").exists()
        and " as local_person_id," in (held_rows._MODELS / table.format / f"stg_{table.landing_name}.sql").read_text("utf-8")
    }
    for format, table in names:
        columns = {name for name, _ in held_rows.person_columns(format, table)}
        assert columns and columns <= set(contracts.load().formats[format].tables[table].column_names.values()), table


def test_the_register_names_tables_and_codes_that_a_reviewer_has_to_look_at() -> None:
    assert subject_access.grounds_of("ssda903.ad1", {}) == ["adoption"]
    assert subject_access.grounds_of("ssda903.episodes", {"REC": "E11"}) == ["adoption"]
    assert subject_access.grounds_of("ssda903.episodes", {"REC": "E4A"}) == []
    assert subject_access.grounds_of("police_incidents.people", {}) == ["serious harm"]
    assert subject_access.grounds_of("cld.events", {"Event Type": "Service"}) == []


def test_the_time_to_answer_is_one_calendar_month_and_three_where_it_is_extended(story: Story, asked: int) -> None:
    assert calendar_months.after(date(2019, 1, 31), 1) == date(2019, 2, 28)
    assert calendar_months.after(date(2019, 12, 15), 1) == date(2020, 1, 15)
    received = subject_access.request(asked).received_on
    assert subject_access.request(asked).due_on == calendar_months.after(received, 1)

    assert run("extend", str(asked), "--because", "many files on paper")[0] == 0
    assert subject_access.request(asked).due_on == calendar_months.after(received, 3)


def test_nothing_is_released_before_the_review_is_ended(asked: int) -> None:
    code, told = run("release", str(asked), "--identity-seen", "passport")

    assert code == 1 and "is not ended, and nothing is released before" in told
    assert not (subject_access.draft_of(asked).parent / "pack").exists()


def test_the_review_cannot_be_ended_while_free_text_adoption_or_others_wait_to_be_looked_at(story: Story, asked: int) -> None:
    look_for = {str(one.row): one.look_for for one in subject_access.items(asked) if one.look_for}

    assert look_for[f"{story.children}/ad1/2"] == ["adoption"]
    assert look_for[f"{story.council}/events/2"] == ["third party, serious harm: free text in Event Description"]
    assert "third party: the row tells of others too" in look_for[f"{story.housing}/tenancies/2"]
    with pytest.raises(SubjectAccessError, match="wait to be looked at"):
        subject_access.end_review(asked)


def test_the_pack_tells_every_source_and_where_each_row_came_from(story: Story, released: Released) -> None:
    rows = {row["row"]: row for row in released.pack["rows"]}
    episode = rows[f"{story.hospital}/episodes/2"]
    assert (episode["file_name"], episode["line"], episode["what_became_of_it"]) == ("episodes.csv", 2, "accepted")
    assert {"J459", "Reablement"} <= {value["value"] for row in rows.values() for value in row["values"]}
    assert {record["person_record_id"] for record in released.pack["records"]} == {
        "sthk/apc/P1", "council/cld/A1", "torus/housing/H1", "council/person_file/C1",
    }  # fmt: skip
    assert {source["organisation"] for source in released.pack["sources"]} >= {"Torus"}
    page = released.texts["pack.html"]
    assert "What we use it for" in page and "planning" in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)


def test_the_pack_is_for_the_person_alone_and_its_draft_is_gone(released: Released) -> None:
    assert (released.folder_mode, released.file_modes, released.is_draft_there) == (0o700, {0o600}, False)
    assert set(released.texts) == {"pack.html", "pack.json", "manifest.json"}


def test_nobody_elses_rows_are_in_the_pack(released: Released) -> None:
    assert "Ada" in released.told
    assert not {"Ben", BEN, "I219"} & set(re.findall(r"\w+", released.told))


def test_what_is_answered_is_not_answered_again(asked: int) -> None:
    decide_all(asked)
    subject_access.release(asked, "passport")
    with pytest.raises(SubjectAccessError, match="was answered"):
        subject_access.release(asked, "passport")


def test_what_would_do_harm_or_tells_of_an_adoption_leaves_no_trace(story: Story, asked: int) -> None:
    adoption = item(asked, Row(story.children, "ad1", 2))
    harm = item(asked, Row(story.hospital, "diagnoses", 2))
    decide_all(asked, {adoption: "adoption", harm: "serious harm"})
    told = text_of(subject_access.release(asked, "passport"))

    assert "F1" not in re.findall(r"\w+", told) and "J459" not in told
    assert not re.search("withheld|serious harm|adopt|left out", told, re.IGNORECASE)
    numbers = sorted(int(number) for number in re.findall(r">Row (\d+): ", told))
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_column_that_tells_of_another_is_left_out_and_the_pack_says_so(story: Story, asked: int) -> None:
    events = item(asked, Row(story.council, "events", 2))
    subject_access.withhold(asked, [events], "third party", "names a neighbour", ["Event Description"])
    subject_access.show(asked, [one.item for one in subject_access.items(asked) if one.look_for and one.item != events])
    subject_access.end_review(asked)
    told = text_of(subject_access.release(asked, "passport"))

    assert "Cyd Elm" not in told and "names a neighbour" not in told
    assert "Reablement" in told and "Something in this row tells of other people, and is left out." in told


def test_only_a_professional_can_say_that_something_does_serious_harm(asked: int) -> None:
    code, told = run("review", str(asked), "--withhold", "1", "--for", "serious harm", "--because", "it would upset her")

    assert code == 1 and "is for a health or social work professional to say" in told


def test_who_opened_the_record_is_told_refused_ones_too(story: Story, asked: int) -> None:
    with story.warehouse.connect("audit") as connection:
        connection.execute(
            """select audit.add(
                 login => 'cares_staff_sthk', organisation => 'sthk', staff => 'N7', purpose => 'direct care',
                 reason => 'asked by Cyd Elm', person_id => %s, nhs_number => null, relationship => 'own record',
                 is_emergency => false, emergency_until => null, outcome => 'refused', refused_because => 'permission',
                 rows => 0, build_id => 1)""",
            (story.person("sthk/apc/P1"),),
        )
    decide_all(asked)
    folder = subject_access.release(asked, "passport")

    (opening,) = json.loads((folder / "pack.json").read_text("utf-8"))["openings"]
    assert (opening["organisation"], opening["staff"], opening["purpose"], opening["outcome"]) == (
        "sthk", "N7", "direct care", "refused",
    )  # fmt: skip
    assert "Cyd" not in (folder / "pack.html").read_text("utf-8").split("Every row, as it was sent")[0]


def test_a_sealed_pair_is_never_in_a_pack_and_an_ordinary_decision_names_nobody_else(story: Story, asked: int) -> None:
    with story.warehouse.connect() as connection:
        connection.execute(
            """insert into person_index.pair_decision (record_l, record_r, decision, is_sealed, decided_by, reason) values
                 ('council/cld/A1', 'sthk/apc/P2', 'must not link', true, 'guardian', 'Ada was Eve before'),
                 ('sthk/apc/P1', 'torus/housing/H2', 'must not link', false, 'clerk', 'it is Ben')"""
        )
    decide_all(asked)
    folder = subject_access.release(asked, "passport")
    told = text_of(folder)
    with story.warehouse.connect() as connection:
        connection.execute("delete from person_index.pair_decision")

    (decision,) = json.loads((folder / "pack.json").read_text("utf-8"))["decisions"]
    assert (decision["what"], decision["detail"], decision["by"]) == (
        "a record was said not to be yours", "sthk/apc/P1", "clerk",
    )  # fmt: skip
    assert not re.search(r"guardian|\bEve\b|sthk/apc/P2|torus/housing/H2", told)


def test_rows_that_came_since_the_review_are_reviewed_first(story: Story, asked: int) -> None:
    decide_all(asked)
    later = deliver(story.warehouse, "sthk/admitted_patient_care", FEBRUARY, "period", {
        "episodes": [{**_episode("P1", ADA, "Ada"), "hospital_provider_spell_number": "S9"}],
    })  # fmt: skip
    with pytest.raises(SubjectAccessError, match="1 row came or went since the review"):
        subject_access.release(asked, "passport")

    again = subject_access.prepare("sthk/apc/P1", date.today())
    assert again.request_id == asked and again.state == "prepared"
    assert item(asked, Row(later, "episodes", 2))
    assert [one.item for one in subject_access.items(asked) if one.look_for and not one.looked_at_by] == []


def test_the_draft_is_kept_from_others_and_what_is_asked_of_the_reviewer_has_no_value_in_it(asked: int) -> None:
    code, told = run("review", str(asked))

    assert code == 0 and "adoption" in told and not {"Ada", "Ash", ADA} & set(re.findall(r"\w+", told))
    assert stat.S_IMODE(subject_access.draft_of(asked).stat().st_mode) == 0o600
    assert "DRAFT for the reviewer" in subject_access.draft_of(asked).read_text("utf-8")


def test_a_release_has_a_certificate_that_names_nobody(story: Story, released: Released) -> None:
    assert "the answer to request" in " ".join(
        text.lower() for (text,) in story.warehouse.rows("select text from governance.certificate where act = 'subject access'")
    )
    assert not any("Ada" in text for (text,) in story.warehouse.rows("select text from governance.certificate"))


def test_while_a_link_may_be_wrong_no_pack_is_made(story: Story) -> None:
    withholding.withhold("sthk/apc/P1", "torus/housing/H1", "another Ada")

    code, told = run("prepare", whom="council/cld/A1")
    with story.warehouse.connect() as connection:
        connection.execute("delete from person_index.withheld_record")
        connection.execute("delete from person_index.pair_decision")

    assert code == 1 and "may have been linked wrongly" in told


def test_the_audit_of_a_request_shows_no_name_in_a_list(asked: int) -> None:
    code, told = run("list")
    assert code == 0 and str(asked) in told and "Ada" not in told
