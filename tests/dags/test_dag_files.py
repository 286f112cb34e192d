"""The DAG files as Airflow reads them: quickly, without the database, one DAG for each organisation."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from cares import contracts
from cares.builds import LAYERS
from cares.settings import ROOT

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
ONE_SCREEN = 80
HEAVY = {"great_expectations", "dbt", "pandas", "splink", "duckdb", "altair"}


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagBag]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARES_OUTBOX", str(tmp_path_factory.mktemp("outbox")))
        patch.setattr(psycopg, "connect", lambda *_, **__: pytest.fail("a DAG file asked the database"))
        yield read_dags()


def read_dags() -> DagBag:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(ROOT / "dags")


def test_every_file_can_be_read(dags: DagBag) -> None:
    assert dags.import_errors == {}


def test_there_is_one_dag_for_each_organisation_and_one_that_builds(dags: DagBag) -> None:
    organisations = contracts.load().organisations

    assert set(dags.dags) == {f"receive__{slug}" for slug in organisations} | {"build_linked_dataset", "report_quality"}


def test_reading_them_imports_nothing_heavy(tmp_path: Path) -> None:
    """Airflow reads every file again and again: what takes seconds to import belongs into the tasks."""
    read_them = (
        "import runpy, sys\n"
        f"for file in {[str(file) for file in DAG_FILES]!r}: runpy.run_path(file)\n"
        f"print(*({HEAVY!r} & sys.modules.keys()))"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", read_them], env={**os.environ, "CARES_OUTBOX": str(tmp_path)}, capture_output=True, text=True
    )

    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.splitlines()[-1].split() == []


def test_a_new_organisation_brings_its_own_dag(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    halton = contracts.load().organisations["council"]
    known = contracts.load()
    more = contracts.Contracts(known.patterns, known.formats, {**known.organisations, "halton": named(halton, "halton")})
    monkeypatch.setattr(contracts, "load", lambda: more)
    monkeypatch.setenv("CARES_OUTBOX", str(tmp_path))

    assert "receive__halton" in read_dags().dags


def named(organisation: contracts.Organisation, slug: str) -> contracts.Organisation:
    return contracts.Organisation(slug, organisation.file, organisation.feeds)


def test_a_delivery_is_landed_before_it_is_checked_and_checked_before_it_is_decided(dags: DagBag) -> None:
    receive = dags.dags["receive__sthk"]

    assert receive.get_task("collect").downstream_task_ids == {"land", "not_taken"}
    assert receive.get_task("land").downstream_task_ids == {"check"}
    assert receive.get_task("check").downstream_task_ids == {"decide"}


def test_the_builder_runs_every_layer_in_order_one_dbt_at_a_time(dags: DagBag) -> None:
    build = dags.dags["build_linked_dataset"]
    in_order = [task.task_id for task in build.topological_sort()]

    assert [name for name in in_order if name in LAYERS] == list(LAYERS)
    assert in_order.index("person_records") < in_order.index("update_person_index") < in_order.index("care_events")
    assert in_order[-1] == "publish"
    assert {build.get_task(name).pool for name in (*LAYERS, "update_person_index", "publish")} == {"dbt"}
    assert build.max_active_runs == 1


def test_every_dag_says_what_it_is_for_and_whose_it_is(dags: DagBag) -> None:
    for dag in dags.dags.values():
        assert dag.doc_md and dag.description and dag.tags
        assert {task.owner for task in dag.tasks} == {"data engineering"}


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.name)
def test_a_dag_file_is_one_screen_and_imports_no_other(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    imported = {alias.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}

    assert len(text.splitlines()) <= ONE_SCREEN
    assert not imported & {other.stem for other in DAG_FILES}
