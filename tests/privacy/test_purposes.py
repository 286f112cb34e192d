"""Every use of the data has a purpose with its bases; without them nothing is built, and when a basis ends its use stops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from accepted_deliveries import deliver
from cares import builds
from cares.cli import typer_app
from cares.governance import protections, purposes, readiness
from cares.governance.purposes import PurposeError
from cares.governance.readiness import ReadinessError
from fresh_warehouse import OUR_REGISTER, REGISTER_WITHOUT_OPT_OUTS, FreshWarehouse

TODAY = date.today()
JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
ENTRIES: dict[str, dict[str, Any]] = yaml.safe_load(OUR_REGISTER.read_text("utf-8"))


def register(folder: Path, **changes: dict[str, Any]) -> Path:
    """Our register with entries changed, purpose by purpose; what is changed to None is left out."""
    entries = {purpose: entry | changes.get(purpose.replace(" ", "_"), {}) for purpose, entry in ENTRIES.items()}
    kept = {purpose: {name: value for name, value in entry.items() if value is not None} for purpose, entry in entries.items()}
    path = folder / "purposes.yml"
    path.write_text(yaml.safe_dump(kept), "utf-8")
    return path


# --- the register


def test_our_register_is_complete() -> None:
    assert set(purposes.read(OUR_REGISTER)) == set(purposes.PURPOSES)


def test_whatever_is_published_has_a_purpose_of_the_register() -> None:
    assert {use.purpose for use in protections.USES.values() if use} == set(purposes.read(OUR_REGISTER))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"article_6": None}, "article_6: is missing; write the basis in Article 6"),
        ({"article_6": "public task"}, "article_6: is not as expected"),
        ({"article_9": None}, "article_9: is missing"),
        ({"confidentiality_basis": "it is fine"}, "confidentiality_basis: is not as expected; write one of implied consent"),
        ({"statute": None}, "statute: is missing; write the act and its section"),
        ({"confidentiality_basis": "section 251"}, "section_251_reference: is missing; write the reference of the support"),
        ({"confidentiality_basis": "section 251"}, "section_251_until: is missing; write its last day"),
        ({"section_251_until": TODAY}, "section_251_until: stands although the basis is not section 251"),
        ({"reader": "  "}, "reader: is not as expected; write who reads what serves it"),
        ({"opt_out_days": None}, "opt_out_days: is missing; write how many days old the list of opt-outs may be"),
        ({"smallest_group": 0}, "smallest_group: is not as expected"),
        ({"is_identifiable": "yes"}, "is_identifiable: is not as expected; write true or false"),
        ({"most_rows_lost_percent": 101}, "most_rows_lost_percent: is not as expected; write 0 to 100"),
        ({"colour": "blue"}, "colour: is not known"),
    ],
)
def test_a_purpose_without_its_bases_is_refused_with_what_is_expected(
    tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(PurposeError) as refused:
        purposes.read(register(tmp_path, planning=change))
    assert f"purposes.yml: planning: {problem}" in str(refused.value)


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    path = register(tmp_path, planning={"reader": None, "article_9": "none"}, direct_care={"article_6": None})
    with pytest.raises(PurposeError) as refused:
        purposes.read(path)
    assert len(str(refused.value).splitlines()) == 3


def test_without_its_bases_nothing_is_built(warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(purposes, "REGISTER", register(tmp_path, board_reporting={"article_9": None}))
    with pytest.raises(PurposeError, match="board reporting: article_9: is missing"):
        builds.start_build()
    assert warehouse.rows("select count(*) from ledger.build") == [(0,)]


# --- the end of a support under section 251


@pytest.fixture(scope="module")
def under_section_251(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreshWarehouse]:
    """Planning rests on a support that ends today."""
    entries = yaml.safe_load(REGISTER_WITHOUT_OPT_OUTS.read_text("utf-8"))
    support = {"confidentiality_basis": "section 251", "section_251_reference": "19/CAG/0001", "section_251_until": TODAY}
    path = tmp_path_factory.mktemp("register") / "purposes.yml"
    path.write_text(yaml.safe_dump(entries | {"planning": entries["planning"] | support}), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(purposes, "REGISTER", path)
        deliver(warehouse_of_module, "sthk/admitted_patient_care", JANUARY, "period", {
            "episodes": [{
                "nhs_number": f"999000{place}", "local_patient_identifier": place, "hospital_provider_spell_number": f"S{place}",
                "episode_number": "1", "start_date_hospital_provider_spell": "2019-01-05",
                "start_date_consultant_episode": "2019-01-05", "date_of_birth": "1935-02-28", "sex": "2",
            } for place in ("0018", "0026", "0034", "0042", "0050", "0069", "0077", "0085", "0093")],
        })  # fmt: skip
        builds.build()
        yield warehouse_of_module


@pytest.fixture
def ended(under_section_251: FreshWarehouse) -> Iterator[FreshWarehouse]:
    """The next day."""
    with under_section_251.connect() as connection:
        connection.execute("update governance.purpose set section_251_until = current_date - 1 where purpose = 'planning'")
    yield under_section_251
    with under_section_251.connect() as connection:
        connection.execute("update governance.purpose set section_251_until = current_date where purpose = 'planning'")


def rows_of(warehouse: FreshWarehouse, schema: str, role: str) -> dict[str, int]:
    tables = [name for (name,) in warehouse.rows("select viewname from pg_views where schemaname = %s", schema)]
    return {table: warehouse.rows(f"select count(*) from {schema}.{table}", role=role)[0][0] for table in tables}


def test_on_its_last_day_everything_is_shown_and_readers_are_told(under_section_251: FreshWarehouse) -> None:
    seen = rows_of(under_section_251, "insight", "analyst")
    assert (seen["hospital_stays"], seen["persons"]) == (9, 9)
    (comment,) = under_section_251.rows("select obj_description('insight.persons'::regclass)")[0]
    assert f"Under section 251 (19/CAG/0001) until {TODAY}; after that day no row is shown." in comment


def test_from_the_next_day_on_every_table_of_that_use_is_empty(ended: FreshWarehouse) -> None:
    assert set(rows_of(ended, "insight", "analyst").values()) == {0}


def test_board_and_linked_dataset_go_on(ended: FreshWarehouse) -> None:
    assert sum(rows_of(ended, "board", "analyst").values()) > 0
    assert ended.rows("select count(*) from linked_care.hospital_stays") == [(9,)]


def test_it_is_told_why(ended: FreshWarehouse) -> None:
    stopped = {one.purpose: one.stopped_because for one in purposes.recorded()}
    yesterday = TODAY - timedelta(days=1)
    assert stopped == {
        "direct care": None,
        "board reporting": None,
        "planning": f"the support under section 251 (19/CAG/0001) ended on {yesterday}",
    }


def test_the_list_shows_each_purpose_with_its_bases(under_section_251: FreshWarehouse) -> None:
    told = CliRunner().invoke(typer_app, ["purpose", "list"], env={"COLUMNS": "300"}).output
    assert "6(1)(e) public task" in told
    assert "19/CAG/0001" in told


# --- before switching on


def test_what_must_be_in_place_has_an_owner_and_a_state(under_section_251: FreshWarehouse) -> None:
    told = {one.item: one for one in readiness.recorded()}
    assert {"data protection impact assessment", "privacy notice", "clinical safety, DCB0160"} <= set(told)
    assert all(one.owner and one.state == "missing" for one in told.values())
    assert "data protection officer" in CliRunner().invoke(typer_app, ["readiness", "list"], env={"COLUMNS": "300"}).output


def test_what_was_in_place_and_has_run_out_is_told_as_expired_and_stands_before_what_is_in_place(
    under_section_251: FreshWarehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "readiness.yml"
    in_place = {
        "what": "w",
        "owner": "o",
        "state": "in place",
        "decided_on": date(2020, 1, 1),
        "kept_at": "the council's register",
    }
    path.write_text(yaml.safe_dump({"a": in_place, "b": in_place | {"expires_on": TODAY - timedelta(days=1)}}), "utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(readiness, "REGISTER", path)
        readiness.take_up()
        assert [(one.item, one.state) for one in readiness.recorded()] == [("b", "expired"), ("a", "in place")]
    readiness.take_up()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"what": "w", "owner": "", "state": "missing"}, "owner: is missing"),
        ({"what": "w", "owner": "o", "state": "fine"}, "state: is not as expected; use missing, being written, in place"),
        ({"what": "w", "owner": "o", "state": "in place"}, "kept_at: is missing"),
        ({"what": "w", "owner": "o", "state": "missing", "expires_on": "soon"}, "expires_on: write a day"),
    ],
)
def test_an_entry_without_owner_or_date_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, entry: dict[str, Any], problem: str
) -> None:
    path = tmp_path / "readiness.yml"
    path.write_text(yaml.safe_dump({"privacy notice": entry}), "utf-8")
    monkeypatch.setattr(readiness, "REGISTER", path)
    with pytest.raises(ReadinessError, match=f"readiness.yml: privacy notice: {problem}"):
        readiness.take_up()
