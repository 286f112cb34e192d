"""Starting and stopping Airflow beside a warehouse that others may have started, and after a part of it ended."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from typer.testing import CliRunner

from cares import airflow_server, contracts, warehouse
from cares.airflow_server import AirflowError
from cares.cli.airflow import app
from cares.settings import ROOT
from few_contracts import few_contracts
from fresh_warehouse import FreshWarehouse
from quality_ledger import Ledger


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What `up` and `down` did, where neither Airflow nor the warehouse is really started or stopped."""
    done: list[str] = []
    monkeypatch.setattr(airflow_server, "prepare", lambda: None)
    monkeypatch.setattr(airflow_server, "start_and_wait", lambda: done.append("Airflow started"))
    monkeypatch.setattr(airflow_server, "url", lambda: "http://127.0.0.1:8080")
    monkeypatch.setattr(airflow_server, "refuse_real_files", lambda: None)
    monkeypatch.setattr(warehouse, "stop", lambda: done.append("warehouse stopped") or True)
    monkeypatch.setattr(warehouse, "start", lambda: False)
    monkeypatch.setattr(warehouse, "embedded_process", lambda: 4711)
    yield done
    airflow_server.stop()
    airflow_server.stop_warehouse()


def run(word: str) -> str:
    answer = CliRunner().invoke(app, [word], catch_exceptions=False)
    return " ".join(answer.output.split())


def running(*names: str) -> dict[str, subprocess.Popen[bytes]]:
    """Processes that stand for components of Airflow, written down as started here."""
    processes = {name: subprocess.Popen(["sleep", "600"]) for name in names}
    identities = {name: [process.pid, psutil.Process(process.pid).create_time()] for name, process in processes.items()}
    record = airflow_server.home() / "running.json"
    record.write_text(json.dumps({"url": "http://127.0.0.1:8080", "processes": identities}))
    return processes


def test_down_stops_the_warehouse_that_up_started(started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "start", lambda: True)
    run("up")
    assert "Stopped: the warehouse." in run("down")
    assert started == ["Airflow started", "warehouse stopped"]


def test_down_leaves_a_warehouse_that_ran_before(started: list[str]) -> None:
    run("up")
    assert "The warehouse ran before and keeps running; to stop it: cares warehouse stop" in run("down")
    assert started == ["Airflow started"]


def test_down_leaves_a_warehouse_that_was_started_by_hand_since(started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "start", lambda: True)
    run("up")
    monkeypatch.setattr(warehouse, "embedded_process", lambda: 4712)
    assert "keeps running" in run("down")
    assert started == ["Airflow started"]


def test_up_after_a_part_died_says_which_and_starts_all_of_it_again(started: list[str]) -> None:
    processes = running("api-server", "scheduler")
    processes["scheduler"].kill()
    processes["scheduler"].wait()
    said = run("up")
    assert "Ended by itself: scheduler; why: " in said
    assert started == ["Airflow started"]
    assert processes["api-server"].poll() is not None


def test_up_leaves_an_airflow_that_runs_whole(started: list[str]) -> None:
    running("api-server", "scheduler")
    assert "Airflow is running already" in run("up")
    assert started == []


def test_status_says_what_died_and_how_to_start_it(started: list[str]) -> None:
    (scheduler,) = running("scheduler").values()
    scheduler.kill()
    scheduler.wait()
    assert "Ended by itself: scheduler" in run("status")
    assert "To start it again: cares airflow up" in run("status")


@pytest.fixture
def simulated_warehouse(warehouse: FreshWarehouse) -> FreshWarehouse:
    with warehouse.connect(autocommit=True) as connection:
        Ledger(connection).simulated()
    return warehouse


@pytest.fixture
def outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Makes a delivery's folder in an outbox of the test's own, which CARES_OUTBOX names."""
    monkeypatch.setenv("CARES_OUTBOX", str(tmp_path / "outbox"))

    def leave(delivery: str) -> Path:
        folder = tmp_path / "outbox" / delivery
        folder.mkdir(parents=True)
        return folder

    return leave


def test_real_files_are_not_collected_under_simulated_agreements(
    simulated_warehouse: FreshWarehouse, outbox: Callable[[str], Path]
) -> None:
    outbox("torus/tenancies/2024-03")
    with pytest.raises(AirflowError, match="SIMULATED DATA.* torus/tenancies/2024-03"):
        airflow_server.refuse_real_files()


def test_files_of_the_simulator_are_collected(simulated_warehouse: FreshWarehouse, outbox: Callable[[str], Path]) -> None:
    delivery = outbox("torus/tenancies/2024-03")
    delivery.parents[2].joinpath(".simulated").write_text("torus/tenancies/2024-03")
    airflow_server.refuse_real_files()


def test_an_outbox_elsewhere_is_not_collected_under_simulated_agreements(
    simulated_warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARES_OUTBOX", "s3://outbox")
    with pytest.raises(AirflowError, match="s3://outbox"):
        airflow_server.refuse_real_files()


def test_what_comes_from_another_server_is_not_fetched_under_simulated_agreements(
    simulated_warehouse: FreshWarehouse, outbox: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = few_contracts(tmp_path)
    promise = root / "torus" / "tenancies.yml"
    promise.write_text(promise.read_text().replace("by: folder", "by: sftp"))
    by_sftp = contracts.load(root)
    monkeypatch.setattr(contracts, "load", lambda: by_sftp)
    with pytest.raises(AirflowError, match="SIMULATED DATA.* torus/tenancies, which comes from elsewhere"):
        airflow_server.refuse_real_files()


def test_real_files_are_collected_where_nothing_is_simulated(warehouse: FreshWarehouse, outbox: Callable[[str], Path]) -> None:
    outbox("torus/tenancies/2024-03")
    airflow_server.refuse_real_files()


def test_a_new_dag_starts_by_itself_on_one_machine_and_in_containers(warehouse: FreshWarehouse) -> None:
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["x-cares"]["environment"]

    for settings in (airflow_server.environment(), composed):
        assert settings["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "False"
