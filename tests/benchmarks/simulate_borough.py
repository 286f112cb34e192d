"""How long a borough of true size takes to be made up, and how much memory: `python tests/benchmarks/simulate_borough.py`.

Takes the number of people (180,000 if none is given) and prints rows, seconds, rows a second, peak memory and the size of
what was written. Promised for 180,000 people and the usual months: under 6 minutes and 3 GB.
"""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Simulate once in a process of its own, and say what it took."""
    people = sys.argv[1] if len(sys.argv) > 1 else "180000"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "borough"
        began = time.monotonic()
        subprocess.run(
            [Path(sys.executable).with_name("cares"), "simulate", "--people", people, "--out", out],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        with (out / "answer_key" / "totals.csv").open(encoding="utf-8", newline="") as stream:
            rows = sum(int(row["rows_written"]) for row in csv.DictReader(stream))
        size = sum(path.stat().st_size for path in (out / "outbox").rglob("*") if path.is_file())
    print(f"{int(people):,} people: {rows:,} rows, {size / 1e9:.2f} GB, in {seconds:.0f} s ({rows / seconds:,.0f} rows a second)")
    print(f"processor {used.ru_utime + used.ru_stime:.0f} s, peak memory {used.ru_maxrss / 1024**2:.2f} GB")


if __name__ == "__main__":
    main()
