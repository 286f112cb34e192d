"""The demo, run once for the whole test session in a folder and with a server of its own; the fixture is in conftest.py."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CARES = str(Path(sys.executable).with_name("cares"))


@dataclass(frozen=True)
class FinishedDemo:
    """What the demo printed, and where it left everything."""

    var: Path
    exit_status: int
    output: str

    def cares(self, *words: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command where the demo ran."""
        return run_cares(self.var, *words, given=given, **environment)

    def ask(self, role: str, query: str) -> str:
        """What `cares warehouse psql` answers a role: its columns between "|", no header."""
        answer = self.cares("warehouse", "psql", "--role", role, given=f"\\pset format unaligned\n\\pset tuples_only\n{query}")
        assert answer.returncode == 0, answer.stderr
        return "\n".join(line for line in answer.stdout.splitlines() if not line.endswith((" is unaligned.", " is on.")))


def run_cares(var: Path, *words: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a `cares` command in its own process, with `var` as its folder."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CARES_", "AIRFLOW"))}
    return subprocess.run(
        [CARES, *words],
        input=given,
        capture_output=True,
        text=True,
        env={**inherited, "CARES_VAR": str(var), "COLUMNS": "200", **environment},
    )


@contextmanager
def finished_demo(var: Path) -> Iterator[FinishedDemo]:
    """Run the demo for a small borough, and stop afterwards whatever still runs in its folder."""
    try:
        done = run_cares(var, "demo", "--people", "600")
        yield FinishedDemo(var, done.returncode, done.stdout + done.stderr)
    finally:
        run_cares(var, "airflow", "down")
        run_cares(var, "warehouse", "stop")
