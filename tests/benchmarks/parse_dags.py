"""How long Airflow takes to read all DAG files, beside importing Airflow's own `airflow.sdk` once.

Run by hand: python tests/benchmarks/parse_dags.py
Airflow reads every file every few minutes, in a process that has imported Airflow already.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

DAGS = Path(__file__).parents[2] / "dags"
TIMES = 5

MEASURE = f"""
import importlib, runpy, time
def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
def read():
    for file in {sorted(map(str, DAGS.glob("*.py")))!r}:
        runpy.run_path(file)
def airflow():
    sdk = importlib.import_module("airflow.sdk")
    sdk.DAG, sdk.Asset, sdk.AssetAlias, sdk.task, sdk.ObjectStoragePath, sdk.BaseHook, sdk.BaseOperatorLink
    importlib.import_module("airflow.providers.standard.operators.hitl")
print(seconds(airflow), seconds(read), seconds(read))
"""


def main() -> None:
    """Print the best of some fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "AIRFLOW_HOME": folder, "CARES_OUTBOX": folder, "CARES_VAR": folder}
        runs = [
            subprocess.check_output([sys.executable, "-W", "ignore", "-c", MEASURE], env=environment, text=True)
            for _ in range(TIMES)
        ]
    imported, first, again = (min(times) for times in zip(*(map(float, run.split()[-3:]) for run in runs), strict=True))
    print(f"importing Airflow                    {imported:6.2f} s")
    print(f"all DAG files, the first time        {first:6.2f} s, {first / imported:5.1%} of that")
    print(f"all DAG files, again                 {again:6.2f} s, {again / imported:5.1%} of that")


if __name__ == "__main__":
    main()
