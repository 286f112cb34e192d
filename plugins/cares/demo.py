"""The demo: a made-up borough sends its files, and the real pipeline takes them in under Airflow's real scheduler."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from cares import airflow_server, person_index, settings, warehouse
from cares.governance import agreements
from cares.person_index import Evaluation

COMPONENTS = ("api-server", "scheduler", "dag-processor")
FROM, UNTIL, SEED = "2018-10", "2019-03", 2019
# What a run leaves behind, beside the two databases.
_FOLDERS = ("simulated", "outbox", "answer_key", "store", "reports", "dbt", "airflow")
_SECONDS_TO_FINISH = 1200
# Airflow needs a moment between the end of one run and the run that follows from it.
_SECONDS_OF_QUIET = 5
_SECONDS_TO_BEGIN = 90


class DemoError(Exception):
    """The demo cannot be run here, or did not reach its end; the message says why and what to do."""


@dataclass(frozen=True)
class Progress:
    """How far the pipeline has come."""

    deliveries: list[dict[str, Any]]
    running: list[str]
    build: str
    active_runs: int
    reported: bool
    failed: list[str]

    @property
    def rows(self) -> int:
        """Rows taken from the files so far."""
        return sum(delivery["received_rows"] or 0 for delivery in self.deliveries)


@dataclass(frozen=True)
class Summary:
    """What the demo shows at its end."""

    deliveries: list[dict[str, Any]]
    people: Evaluation
    marts: list[tuple[str, int]]
    report: Path


def start_afresh() -> None:
    """Make the warehouse ready and empty, removing what an earlier demo left there and nothing else.

    Raises `DemoError` where there is anything that the demo did not make.
    """
    warehouse.ensure_ready()
    _refuse_what_is_not_ours()
    airflow_server.stop()
    if _deliveries_by_source():
        with warehouse.safe_errors(), warehouse.connect_as_administrator() as administrator:
            for name in (warehouse.database_name(), warehouse.AIRFLOW_DATABASE):
                administrator.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    for name in _FOLDERS:
        shutil.rmtree(settings.VAR / name, ignore_errors=True)
    warehouse.ensure_ready()


@contextmanager
def borough_being_made(people: int) -> Iterator[Callable[[], None]]:
    """Let the simulator write the organisations' files while the block goes on; gives a function that waits for them.

    That function also signs the sharing agreements, and raises `DemoError` if the simulator fails.
    """
    made = settings.var_folder("simulated")
    simulator = subprocess.Popen(
        [str(Path(sys.executable).with_name("cares")), "simulate", "--people", str(people), "--seed", str(SEED)]
        + ["--from", FROM, "--until", UNTIL, "--out", str(made)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def wait() -> None:
        _, problem = simulator.communicate()
        if simulator.returncode:
            raise DemoError(f"The simulator failed: {problem.strip().splitlines()[-1] if problem.strip() else 'no reason given'}")
        (made / "outbox" / ".simulated").write_text("\n".join(_folders_in(made / "outbox")))
        for name in ("outbox", "answer_key"):
            (made / name).rename(settings.VAR / name)
        agreements.sign(*agreements.read(made / "agreements.csv"))

    try:
        yield wait
    finally:
        simulator.kill()
        simulator.wait()


def progress() -> Progress:
    """How far the pipeline has come, from the ledger and from Airflow's own tables."""
    with warehouse.safe_errors(), warehouse.connect("engineer", row_factory=dict_row) as connection:
        deliveries = connection.execute(
            """select delivery_id, organisation, feed, period, state, reason, counted.*
               from ledger.delivery
               cross join lateral (
                   select sum(received_rows)::bigint as received_rows, sum(accepted_rows)::bigint as accepted_rows,
                          sum(set_aside_rows)::bigint as set_aside_rows, sum(unreadable_rows)::bigint as unreadable_rows
                   from ledger.delivery_file as file where file.delivery_id = delivery.delivery_id) as counted
               order by organisation, feed, delivery_id"""
        ).fetchall()
        build = connection.execute(
            """select build.state, layer, model from ledger.build
               left join ledger.model_outcome using (build_id) order by build_id desc, model_outcome.finished_at desc limit 1"""
        ).fetchone()
    with warehouse.safe_errors(), warehouse.connect("airflow", row_factory=dict_row) as connection:
        runs = connection.execute("select dag_id, state from dag_run").fetchall()
        running = connection.execute(
            """select dag_id, task_id, rendered_map_index from task_instance where state = 'running' order by start_date"""
        ).fetchall()
        failed = connection.execute(
            """select distinct dag_id, task_id from task_instance
               where state = 'failed' and (dag_id not like 'receive%' or task_id not in ('land', 'decide'))"""
        ).fetchall()
    return Progress(
        deliveries=deliveries,
        running=[_task(task) for task in running],
        build=_build(build),
        active_runs=sum(run["state"] in ("queued", "running") for run in runs),
        reported=any(run["dag_id"] == "report_quality" and run["state"] == "success" for run in runs),
        failed=[_task(task) for task in failed],
    )


def watch() -> Iterator[Progress]:
    """Give the progress once a second until everything was received, built and reported.

    Raises `DemoError` when a step failed that should not have, a part of Airflow ended, or time is up.
    """
    deadline = time.monotonic() + _SECONDS_TO_FINISH
    quiet_since = time.monotonic()
    while True:
        now = progress()
        yield now
        if now.failed:
            raise DemoError(f"{', '.join(now.failed)} failed; why: make up, and then its log in {airflow_server.url()}")
        if now.active_runs:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > _SECONDS_OF_QUIET and now.reported:
            break
        elif time.monotonic() - quiet_since > _SECONDS_TO_BEGIN:
            raise DemoError(f"Nothing runs and no report was written; see {airflow_server.home() / 'server_logs'}")
        if ended := airflow_server.ended():
            raise DemoError(f"Airflow's {', '.join(ended)} ended; see {airflow_server.home() / 'server_logs'}")
        if time.monotonic() > deadline:
            raise DemoError(f"Not finished after {_SECONDS_TO_FINISH // 60} minutes; see {airflow_server.home() / 'server_logs'}")
        time.sleep(1)
    if undecided := [str(delivery["delivery_id"]) for delivery in now.deliveries if delivery["state"] == "received"]:
        raise DemoError(f"No decision was made on delivery {', '.join(undecided)}; why: cares delivery show {undecided[0]}")


def summary() -> Summary:
    """What arrived, how right the people are against the simulator's answer key, and what was published."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        views = connection.execute(
            """select table_schema, table_name from information_schema.views
               where table_schema in ('linked_care', 'insight') order by table_schema desc, table_name"""
        ).fetchall()
        marts = []
        for schema, name in views:
            count = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, name))).fetchone()
            marts.append((f"{schema}.{name}", count[0]))
    return Summary(
        deliveries=progress().deliveries,
        people=person_index.evaluate(settings.VAR / "answer_key" / "persons.csv"),
        marts=marts,
        report=max((settings.VAR / "reports").glob("quality_*.html"), key=lambda path: path.stat().st_mtime),
    )


def _refuse_what_is_not_ours() -> None:
    outbox = settings.VAR / "outbox"
    mark = outbox / ".simulated"
    made = mark.read_text().splitlines() if mark.exists() else []
    if strange := sorted({*_deliveries_by_source(), *_folders_in(outbox)} - set(made)):
        raise DemoError(
            f"{settings.VAR} holds what the demo did not make ({strange[0]}{' and more' if len(strange) > 1 else ''}), and the "
            "demo starts with an empty warehouse. Nothing was touched. Run it in a folder of its own: CARES_VAR=FOLDER make demo"
        )


def _deliveries_by_source() -> set[str]:
    with warehouse.safe_errors(), warehouse.connect("engineer") as connection:
        return {source for (source,) in connection.execute("select source from ledger.delivery")}


def _folders_in(outbox: Path) -> list[str]:
    return sorted(path.relative_to(outbox).as_posix() for path in outbox.glob("*/*/*"))


def _build(build: dict[str, Any] | None) -> str:
    if build is None:
        return "not begun"
    return f"{build['state']}, {build['layer']}" if build["layer"] else str(build["state"])


def _task(task: dict[str, Any]) -> str:
    return " ".join(filter(None, (f"{task['dag_id']}:", task["task_id"], task.get("rendered_map_index"))))
