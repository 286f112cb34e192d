"""The DAG files as Airflow reads them: quickly, without the database, one DAG for each organisation."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from airflow.sdk import RetryAction

from cares import contracts, deliveries, warehouse
from cares.builds import LAYERS
from cares.settings import ROOT
from cares.transports import TransportProblem, TransportRefused

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG

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


def test_there_is_one_dag_for_each_organisation_and_one_for_each_thing_that_follows(dags: DagBag) -> None:
    follows = {
        "apply_retention",
        "build_linked_dataset",
        "handle_deliveries",
        "report_quality",
        "request_opt_outs",
        "watch_promises",
        "watch_record",
    }

    assert set(dags.dags) == {f"receive__{slug}" for slug in contracts.load().organisations} | follows


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
    council = contracts.load().organisations["council"]
    known = contracts.load()
    more = contracts.Contracts(known.patterns, known.formats, {**known.organisations, "knowsley": named(council, "knowsley")})
    monkeypatch.setattr(contracts, "load", lambda: more)
    monkeypatch.setenv("CARES_OUTBOX", str(tmp_path))

    assert "receive__knowsley" in read_dags().dags


def test_a_feed_that_does_not_lie_here_is_fetched_first_and_the_others_do_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where fetching fails the run is red, and what came by other ways is taken all the same."""
    known = contracts.load()
    torus = known.organisations["torus"]
    tenancies = torus.feeds["tenancies"]
    arrives = tenancies.file.arrives.model_copy(update={"by": "sftp"})
    by_sftp = replace(tenancies, file=tenancies.file.model_copy(update={"arrives": arrives}))
    changed = replace(torus, feeds={**torus.feeds, "tenancies": by_sftp})
    monkeypatch.setattr(contracts, "load", lambda: replace(known, organisations={**known.organisations, "torus": changed}))
    monkeypatch.setenv("CARES_OUTBOX", str(tmp_path))
    receive = read_dags().dags["receive__torus"]
    fetch = receive.get_task("fetch")

    assert fetch.op_kwargs_expand_input.value == {"feed": ["torus/tenancies"]}
    assert fetch.downstream_task_ids == {"collect", "all_taken"}
    assert receive.get_task("collect").trigger_rule == "all_done"
    assert not read_dags().dags["receive__council"].has_task("fetch")


def named(organisation: contracts.Organisation, slug: str) -> contracts.Organisation:
    return contracts.Organisation(slug, organisation.file, organisation.feeds)


def test_a_delivery_is_landed_then_checked_then_decided_and_then_its_sender_is_told(dags: DagBag) -> None:
    receive = dags.dags["receive__sthk"]

    assert receive.get_task("collect").downstream_task_ids == {"land", "not_taken"}
    assert receive.get_task("land").downstream_task_ids == {"check"}
    assert receive.get_task("check").downstream_task_ids == {"decide"}
    assert receive.get_task("decide").downstream_task_ids == {"tell_senders", "all_taken"}


def test_the_sender_of_a_rejected_delivery_is_told_and_the_run_is_red_all_the_same(dags: DagBag) -> None:
    """A run is as red as its last tasks: what runs whatever happened before would make it green."""
    receive = dags.dags["receive__sthk"]

    assert receive.get_task("tell_senders").trigger_rule == "all_done"
    assert receive.get_task("all_taken").trigger_rule == "all_success"
    assert receive.get_task("all_taken").downstream_task_ids == set()


def test_each_task_about_one_delivery_has_its_name_and_a_button_to_its_page(dags: DagBag) -> None:
    for name in ("land", "decide"):
        task = dags.dags["receive__council"].get_task(name)
        assert task.partial_kwargs["map_index_template"] == "{{ delivery_title }}"
        (button,) = task.operator_extra_links
        operator = SimpleNamespace(op_kwargs={"delivery": 12})
        assert (button.name, button.get_link(operator, ti_key=None)) == ("Delivery", "/cares/deliveries/12")


def test_the_builder_follows_every_feed_and_no_other_dag_builds(dags: DagBag) -> None:
    """Asset events are for each feed, so that it can be seen whose rows made a build."""
    followed = {name for dag in dags.dags.values() for name in assets_of(dag)}

    assert assets_of(dags.dags["build_linked_dataset"]) == {f"accepted/{feed}" for feed in contracts.load().feeds}
    assert followed == assets_of(dags.dags["build_linked_dataset"]) | {"published/linked_dataset"}


def assets_of(dag: DAG) -> set[str]:
    """The names of the assets of which any event starts a DAG."""
    condition = getattr(dag.timetable, "asset_condition", None)
    return {asset.name for asset in getattr(condition, "objects", [condition]) if asset}


def tried_again(task: Any, error: Exception) -> bool:
    return bool(task.retry_policy.evaluate(error, try_number=1, max_tries=task.retries).action == RetryAction.RETRY)


def test_only_what_the_database_interrupted_is_tried_again(dags: DagBag) -> None:
    decide = dags.dags["receive__torus"].get_task("decide")

    assert tried_again(decide, warehouse.WarehouseInterrupted("a lock did not come in time"))
    assert not tried_again(decide, warehouse.WarehouseError("a check constraint is broken"))
    assert not tried_again(decide, deliveries.DeliveryError("there is no such delivery"))
    assert not tried_again(decide, ZeroDivisionError())


def test_what_a_server_interrupted_is_tried_again_after_longer_and_longer_pauses(dags: DagBag) -> None:
    """What somebody has to mend first is not: a wrong password that is tried too often locks a login."""
    tell = dags.dags["receive__torus"].get_task("tell_senders")

    assert tried_again(tell, TransportProblem("the connection was lost"))
    assert tried_again(tell, warehouse.WarehouseInterrupted("a lock did not come in time"))
    assert not tried_again(tell, TransportRefused("the host key is another"))
    assert tell.retry_exponential_backoff > 1


def test_every_retry_is_bounded(dags: DagBag) -> None:
    assert {task.retries for dag in dags.dags.values() for task in dag.tasks} == {0, 3, 4}


def test_what_a_person_approved_is_never_done_a_second_time_by_itself(dags: DagBag) -> None:
    handle = dags.dags["handle_deliveries"]

    assert [task.task_id for task in handle.topological_sort()] == ["look", "approve", "carry_out"]
    assert handle.get_task("carry_out").retries == 0
    assert handle.schedule is None


def test_the_form_offers_everything_that_can_be_asked_for(dags: DagBag) -> None:
    params = dags.dags["handle_deliveries"].params

    assert params.get_param("action").schema["enum"] == list(deliveries.REQUESTS)
    assert set(params) == {"action", "delivery", "rows", "reason"}


def test_the_builder_runs_every_layer_in_order_one_dbt_at_a_time(dags: DagBag) -> None:
    build = dags.dags["build_linked_dataset"]
    in_order = [task.task_id for task in build.topological_sort()]

    assert [name for name in in_order if name in LAYERS] == list(LAYERS)
    assert in_order.index("person_records") < in_order.index("update_person_index") < in_order.index("care_events")
    assert in_order[-2:] == ["publish", "check_access"]
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
