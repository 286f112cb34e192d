"""Airflow as this project runs it on one machine: its settings, its keys, its database and its processes.

Airflow itself is only ever started as programs; this module does not import it. In production the same settings stand in
`docker-compose.yml`.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

from cares import contracts, settings, simulated, warehouse
from cares.secret_files import read_or_make_secret

LOGIN_NAME = "engineer"
# Each login's role. The administrator says who may come in, and is made only when asked for.
LOGINS = {"engineer": "Engineer", "governance": "Governance", "analyst": "Analyst", "administrator": "Admin"}
WANTED_PORT = 8080
COMPONENTS = {
    # The pages and the tasks' own door to Airflow's database.
    "api-server": ["api-server"],
    # The log files lie on this machine, where the pages read them: no log server has to listen.
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
_SECONDS_TO_ANSWER = 240
_SECONDS_TO_STOP = 20


class AirflowError(Exception):
    """Airflow cannot be prepared, started or reached; the message says what to do."""


@dataclass(frozen=True)
class Login:
    """Who may sign in. The password is known here once; Airflow keeps only its hash."""

    name: str
    password: str


def home() -> Path:
    """Airflow's own folder: logs, and the record of what was started."""
    return settings.var_folder("airflow")


def outbox() -> str:
    """Where the organisations leave their files: CARES_OUTBOX (a folder, or an address such as s3://...), or `VAR/outbox`."""
    return os.environ.get("CARES_OUTBOX", str(settings.VAR / "outbox"))


def environment(port: int = WANTED_PORT) -> dict[str, str]:
    """The variables under which every program of Airflow runs, with its pages on `port` of the loopback address."""
    url = f"http://127.0.0.1:{port}"
    database = warehouse.url("airflow").replace("postgresql://", "postgresql+psycopg://", 1)
    airflow = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "6",
        "CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "CORE__DAGS_FOLDER": str(settings.ROOT / "dags"),
        "CORE__PLUGINS_FOLDER": str(settings.ROOT / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__FERNET_KEY": read_or_make_secret("airflow.fernet_key") + "=",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": database,
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": read_or_make_secret("airflow.api_key"),
        # A long line of a log, such as why a delivery was rejected, is read without scrolling sideways.
        "API__DEFAULT_WRAP": "True",
        # Its documentation pages fetch scripts from other hosts.
        "API__ENABLE_SWAGGER_UI": "False",
        "API_AUTH__JWT_SECRET": read_or_make_secret("airflow.jwt_secret"),
        "FAB__SESSION_LIFETIME_MINUTES": "480",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    if simulated.is_simulated():
        airflow["API__INSTANCE_NAME"] = f"{simulated.WORD}: St Helens Cares"
    # A proxy of the user's must not be asked for our own loopback address.
    loopback = ",".join(filter(None, [os.environ.get("NO_PROXY", ""), "127.0.0.1", "localhost"]))
    return {
        **os.environ,
        **{f"AIRFLOW__{name}": value for name, value in airflow.items()},
        "AIRFLOW_HOME": str(home()),
        "CARES_VAR": str(settings.VAR),
        "CARES_OUTBOX": outbox(),
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "NO_PROXY": loopback,
        "no_proxy": loopback,
    }


def prepare() -> Login | None:
    """Create or migrate Airflow's database, and make the login the first time, which is then returned.

    Nothing happens if this version of Airflow did it before on the same database. Raises `AirflowError`.
    """
    first_time = not _tables_exist()
    if not first_time and _prepared_mark().exists() and _prepared_mark().read_text() == _mark():
        return None
    login = Login(LOGIN_NAME, secrets.token_urlsafe(12)) if first_time else None
    _run_prepare(login)
    _prepared_mark().write_text(_mark())
    return login


def new_login(name: str = LOGIN_NAME) -> Login:
    """Make one of `LOGINS`, or give it a new password, and return it. Raises `AirflowError`."""
    if name not in LOGINS:
        raise AirflowError(f"There is no login {name!r}: use one of {', '.join(LOGINS)}.")
    login = Login(name, secrets.token_urlsafe(12))
    _run_prepare(login)
    return login


def refuse_real_files() -> None:
    """Raise `AirflowError` if files that nobody made up would be collected under the simulator's sharing agreements."""
    if not simulated.is_simulated():
        return
    elsewhere = [feed.slug for feed in contracts.load().feeds.values() if feed.file.arrives.by != "folder"]
    if real := [*simulated.not_simulated(outbox()), *elsewhere]:
        raise AirflowError(
            f"This warehouse holds {simulated.WORD}, and its agreements would let in what nobody made up: {real[0]}"
            f"{' and more' if len(real) > 1 else ''}, {'which comes from elsewhere' if real == elsewhere else f'in the outbox {outbox()}'}. "
            "For real files use a warehouse of their own: CARES_VAR=FOLDER make up"
        )


def start(components: Collection[str] = tuple(COMPONENTS)) -> str:
    """Start these components and return the address of the pages, which do not answer yet: see `wait_until_ready`.

    Raises `AirflowError` if Airflow runs already.
    """
    if running():
        raise AirflowError(f"Airflow is running already, at {url()}. To stop it: cares airflow down")
    port = _free_port()
    started = {}
    for name in components:
        started[name] = _identity(_start_component(name, port))
        _record().write_text(json.dumps({"url": f"http://127.0.0.1:{port}", "processes": started}))
    return url()


def start_and_wait(components: Collection[str] = tuple(COMPONENTS)) -> None:
    """Start these components and return when the pages answer; whatever prevents it, nothing is left running.

    Raises `AirflowError` when a component ends at once or time is up.
    """
    start(components)
    try:
        wait_until_ready()
    except BaseException:
        stop()
        raise


def running() -> list[str]:
    """The components that were started here and still run."""
    return [name for name, process in _processes().items() if process]


def ended() -> list[str]:
    """The components that were started here and ended by themselves."""
    return [name for name, process in _processes().items() if not process]


def remember_warehouse() -> None:
    """Keep in mind that the warehouse was started for Airflow's sake, until `stop_warehouse`."""
    _warehouse_record().write_text(str(warehouse.embedded_process()))


def stop_warehouse() -> bool:
    """Stop the warehouse if it still is the one that was started for Airflow's sake; True if it was."""
    if not _warehouse_record().exists():
        return False
    ours = _warehouse_record().read_text() == str(warehouse.embedded_process())
    _warehouse_record().unlink()
    return ours and warehouse.stop()


def url() -> str:
    """Where the pages of the last start are."""
    return str(json.loads(_record().read_text())["url"])


def wait_until_ready() -> None:
    """Return when the pages answer. Raises `AirflowError` when a component ended or time is up."""
    deadline = time.monotonic() + _SECONDS_TO_ANSWER
    while not answers():
        if names := ended():
            raise AirflowError(f"Airflow's {names[0]} ended while starting; see {_log(names[0])}")
        if time.monotonic() > deadline:
            raise AirflowError(f"Airflow's pages do not answer after {_SECONDS_TO_ANSWER} seconds; see {_log('api-server')}")
        time.sleep(0.5)


def answers() -> bool:
    """Do the pages answer?"""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url()}/api/v2/version", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def stop() -> list[str]:
    """Stop what was started here, with every process below it, and nothing else; the names of what ran."""
    ran = running()
    parents = [process for process in _processes().values() if process]
    families = parents + [child for parent in parents for child in parent.children(recursive=True)]
    for parent in parents:
        parent.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(families, timeout=_SECONDS_TO_STOP)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=5)
    _record().unlink(missing_ok=True)
    return ran


def _run_prepare(login: Login | None) -> None:
    with _log("prepare").open("w") as log:
        done = subprocess.run(
            [sys.executable, "-m", "cares_pages.prepare"],
            input=f"{login.name} {login.password}\n" if login else "\n",
            text=True,
            env=environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if done.returncode:
        raise AirflowError(f"Airflow's database could not be prepared; see {_log('prepare')}")


def _start_component(name: str, port: int) -> psutil.Process:
    with _log(name).open("w") as log:
        return psutil.Popen(
            [sys.executable, "-m", "airflow", *COMPONENTS[name]],
            env=environment(port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C in the terminal is ours to handle: whoever started them stops them in order.
            start_new_session=True,
            umask=0o077,
        )


def _log(name: str) -> Path:
    return logs() / f"{name}.log"


def logs() -> Path:
    """The folder with what the components said."""
    return settings.var_folder("airflow", "server_logs")


def _record() -> Path:
    return home() / "running.json"


def _warehouse_record() -> Path:
    return home() / "warehouse_process"


def _prepared_mark() -> Path:
    return home() / "prepared"


def _mark() -> str:
    packages = ("apache-airflow", "apache-airflow-providers-fab")
    return " ".join([*(f"{package} {version(package)}" for package in packages), f"roles {', '.join(LOGINS.values())}"])


def _tables_exist() -> bool:
    with warehouse.connect("airflow") as connection:
        return connection.execute("select to_regclass('public.ab_user')").fetchone() != (None,)


def _processes() -> dict[str, psutil.Process | None]:
    """What was started here, by name; None for what does not run any more."""
    if not _record().exists():
        return {}
    started = json.loads(_record().read_text())["processes"]
    return {name: _process(identity) for name, identity in started.items()}


def _identity(process: psutil.Process) -> list[float]:
    return [process.pid, process.create_time()]


def _process(identity: list[float]) -> psutil.Process | None:
    """The process if it still runs: its number alone may have been given to another one since."""
    pid, created = identity
    try:
        process = psutil.Process(int(pid))
        return process if process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _free_port() -> int:
    """The usual port if it is free, else one that the system chooses."""
    for wanted in (WANTED_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AirflowError("No free port on 127.0.0.1.")
