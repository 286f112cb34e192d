"""The demo: a made-up borough sends its files, and the real pipeline takes them in under Airflow's real scheduler."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import dict_row

from cares import airflow_server, person_index, settings, simulated, warehouse
from cares.governance import agreements
from cares.person_index import Evaluation

COMPONENTS = ("api-server", "scheduler", "dag-processor")
# A month in which quarters and financial years end, so that every organisation sends.
LAST_MONTH, SEED = date(2020, 3, 1), 2019
# What a run leaves behind, beside the two databases.
_FOLDERS = ("simulated", "outbox", "answer_key", "store", "reports", "returns", "dbt", "airflow", "audit")
_SECONDS_TO_FINISH = 1200
# Airflow needs a moment between the end of one run and the run that follows from it.
_SECONDS_OF_QUIET = 5
_SECONDS_TO_BEGIN = 90


class DemoError(Exception):
    """The demo cannot be run here, or did not reach its end; the message says why and what to do."""


class DemoRefused(DemoError):
    """The demo would take or remove what is not its own; nothing was touched."""


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
    marts: list[tuple[str, int, int]]
    report: Path


def not_its_own() -> list[str]:
    """What this warehouse holds that no demo made and `start_afresh` would remove, in words; starts the warehouse.

    Raises `DemoRefused` where even a person's word is not enough: files in the outbox may be the only ones there are, an
    outbox elsewhere would be collected under simulated agreements, and another server is not ours to empty.
    """
    outbox = settings.VAR / "outbox"
    if airflow_server.outbox() != str(outbox):
        raise DemoRefused(
            "CARES_OUTBOX names an outbox, and the demo would collect what lies there under SIMULATED agreements. "
            "Nothing was touched. Run it without: env -u CARES_OUTBOX make demo"
        )
    if files := simulated.not_simulated(str(outbox)):
        raise DemoRefused(
            f"{outbox} holds what the demo did not make: {in_short(files)}. Nothing was touched. "
            f"Move it away first: mv {outbox} {outbox}.mine"
        )
    warehouse.ensure_ready()
    strange = [f"agreement {agreement}" for agreement in simulated.other_agreements()]
    strange += [*_deliveries_not_its_own(outbox), *_builds_not_its_own(), *_logins_not_its_own()]
    if strange and not warehouse.is_embedded():
        raise DemoRefused(
            f"The server that CARES_WAREHOUSE_URL names holds what the demo did not make: {in_short(strange)}. "
            "Nothing was touched. Run it on a server of its own: env -u CARES_WAREHOUSE_URL CARES_VAR=FOLDER make demo"
        )
    return strange


def in_short(things: list[str]) -> str:
    """A list for a sentence: the first three, and how many more."""
    return ", ".join(things[:3]) + (f" and {len(things) - 3} more" if len(things) > 3 else "")


def start_afresh() -> bool:
    """Make the warehouse ready and empty; ask `not_its_own` first. True if there was anything to remove.

    Removed are both databases, with their deliveries, agreements, builds and people and Airflow's runs and logins; the
    outbox, the originals, the reports and Airflow's logs. Keys and passwords of the roles stay.
    """
    warehouse.ensure_ready()
    airflow_server.stop()
    used = _is_used()
    if used:
        with warehouse.safe_errors(), warehouse.connect_as_administrator() as administrator:
            for name in (warehouse.database_name(), warehouse.AIRFLOW_DATABASE):
                administrator.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    for name in _FOLDERS:
        shutil.rmtree(settings.VAR / name, ignore_errors=True)
    warehouse.ensure_ready()
    return used


@contextmanager
def borough_being_made(people: int, months: int) -> Iterator[Callable[[], None]]:
    """Let the simulator write what the organisations send in so many months while the block goes on.

    Gives a function that waits for the simulator, and then signs the sharing agreements. It raises `DemoError` if the
    simulator fails.
    """
    made = settings.var_folder("simulated")
    years_back, month = divmod(LAST_MONTH.month - months, 12)
    first = LAST_MONTH.replace(year=LAST_MONTH.year + years_back, month=month + 1)
    simulator = subprocess.Popen(
        [str(Path(sys.executable).with_name("cares")), "simulate", "--people", str(people), "--seed", str(SEED)]
        + ["--from", f"{first:%Y-%m}", "--until", f"{LAST_MONTH:%Y-%m}", "--out", str(made)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def wait() -> None:
        _, problem = simulator.communicate()
        if simulator.returncode:
            raise DemoError(f"The simulator failed: {problem.strip().splitlines()[-1] if problem.strip() else 'no reason given'}")
        (made / "outbox" / simulated.MARK).write_text("\n".join(simulated.deliveries_in(made / "outbox")), encoding="utf-8")
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
               where state = 'failed' and (dag_id not like 'receive%' or task_id not in ('fetch', 'land', 'decide'))"""
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
            raise DemoError(f"Nothing runs and no report was written; see {airflow_server.logs()}")
        if ended := airflow_server.ended():
            raise DemoError(f"Airflow's {', '.join(ended)} ended; see {airflow_server.logs()}")
        if time.monotonic() > deadline:
            raise DemoError(f"Not finished after {_SECONDS_TO_FINISH // 60} minutes; see {airflow_server.logs()}")
        time.sleep(1)
    if undecided := [str(delivery["delivery_id"]) for delivery in now.deliveries if delivery["state"] == "received"]:
        raise DemoError(f"No decision was made on delivery {', '.join(undecided)}; why: cares delivery show {undecided[0]}")


def summary() -> Summary:
    """What arrived, how right the people are against the simulator's answer key, and what was published."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        views = connection.execute(
            """select table_schema, array_agg(table_name::text) from information_schema.views
               where table_schema in ('linked_care', 'insight', 'board', 'partnership') group by table_schema order by table_schema"""
        ).fetchall()
        marts = []
        for schema, names in views:
            rows = (connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, name))) for name in names)
            marts.append((schema, len(names), sum(count.fetchone()[0] for count in rows)))
    return Summary(
        deliveries=progress().deliveries,
        people=person_index.evaluate(settings.VAR / "answer_key" / "persons.csv"),
        marts=marts,
        report=max((settings.VAR / "reports").glob("quality_*.html"), key=lambda path: path.stat().st_mtime),
    )


def _deliveries_not_its_own(outbox: Path) -> list[str]:
    with warehouse.safe_errors(), warehouse.connect("engineer") as connection:
        deliveries = connection.execute("select delivery_id, feed, period, source from ledger.delivery order by delivery_id")
        made = set(simulated.written_by_simulator(outbox))
        return [f"delivery {number} of {feed} for {period}" for number, feed, period, source in deliveries if source not in made]


def _builds_not_its_own() -> list[str]:
    """The builds that began outside every run of the DAG that builds: somebody started them by hand."""
    with warehouse.safe_errors(), warehouse.connect("engineer") as connection:
        builds = connection.execute("select build_id, started_at from ledger.build order by build_id").fetchall()
    runs = _ask_airflow("dag_run", "select start_date, end_date from dag_run where dag_id = 'build_linked_dataset'")
    return [
        f"build {number}"
        for number, started in builds
        if not any(begin and begin <= started and (end is None or started <= end) for begin, end in runs)
    ]


def _logins_not_its_own() -> list[str]:
    return [
        f"Airflow's login {name}"
        for (name,) in _ask_airflow("ab_user", "select username from ab_user order by username")
        if name != airflow_server.LOGIN_NAME
    ]


def _ask_airflow(table: str, query: LiteralString) -> list[tuple[Any, ...]]:
    """The rows of a query in Airflow's database; none where its table is not made yet."""
    with warehouse.safe_errors(), warehouse.connect("airflow") as connection:
        if connection.execute("select to_regclass(%s)", (f"public.{table}",)).fetchone() == (None,):
            return []
        return connection.execute(query).fetchall()


def _is_used() -> bool:
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        row = connection.execute(
            """select exists (select from ledger.delivery) or exists (select from ledger.build)
                      or exists (select from governance.sharing_agreement)"""
        ).fetchone()
    return bool(row and row[0]) or bool(_ask_airflow("ab_user", "select from ab_user"))


def _build(build: dict[str, Any] | None) -> str:
    if build is None:
        return "not begun"
    return f"{build['state']}, {build['layer']}" if build["layer"] else str(build["state"])


def _task(task: dict[str, Any]) -> str:
    return " ".join(filter(None, (f"{task['dag_id']}:", task["task_id"], task.get("rendered_map_index"))))
