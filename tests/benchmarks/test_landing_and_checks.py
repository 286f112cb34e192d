"""Landing against a bare server-side COPY, and the checks against one aggregate scan written by hand.

Each figure is a ratio of two things done in turn in the same run; the medians are printed. Run with `make bench`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from benchmarks.bench_extract import COLUMNS, ROWS, RULES, write_expectations, write_extract

ROUNDS = 3

_CHILD = """
import json, resource, sys, time
from datetime import date
from cares import deliveries, landing, warehouse
from cares.governance import agreements
from pathlib import Path
agreements.sign(agreements.Agreement("BENCH", "bench/rows", ("planning",), date(2018, 1, 1), date(2018, 1, 1)))
delivery = deliveries.register("bench/rows", [Path(sys.argv[1])], sys.argv[2], "bench").delivery_id
started = time.perf_counter()
landing.land(delivery)
landed = time.perf_counter() - started
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([delivery, landed, memory]))
"""


@dataclass
class Bench:
    """A warehouse of the benchmark's own, with the extract written."""

    extract: Path
    environment: dict[str, str]

    def run(self, *arguments: str) -> str:
        done = subprocess.run([sys.executable, *arguments], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def land(self, period: str) -> tuple[int, float, float]:
        """Land the extract in a process of its own: (delivery, seconds, peak MB)."""
        import json

        delivery, seconds, memory = json.loads(self.run("-c", _CHILD, str(self.extract), period))
        return delivery, seconds, memory


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    write_expectations(folder / "expectations")
    write_extract(folder / "rows.csv")
    environment = {**os.environ, "CARES_VAR": str(folder / "var"), "CARES_EXPECTATIONS": str(folder / "expectations")}
    one = Bench(folder / "rows.csv", environment)
    one.run("-c", "from cares import warehouse; warehouse.ensure_ready()")
    yield one
    one.run("-c", "from cares import warehouse; warehouse.stop()")


def in_turn(ours: Callable[[int], float], reference: Callable[[int], float]) -> tuple[float, float, float]:
    """Both measured in turn: (median of ours, median of the reference, median of the ratios ours / reference)."""
    pairs = [(ours(round), reference(round)) for round in range(ROUNDS)]
    return (
        statistics.median(pair[0] for pair in pairs),
        statistics.median(pair[1] for pair in pairs),
        statistics.median(pair[0] / pair[1] for pair in pairs),
    )


def as_administrator(bench: Bench) -> psycopg.Connection:
    url = bench.run(
        "-c", "from cares.warehouse import _address, database_name\nprint(_address()['port'], database_name())"
    ).split()
    password = (Path(bench.environment["CARES_VAR"]) / "secrets" / "cares_administrator.password").read_text().strip()
    return psycopg.connect(
        host="127.0.0.1", port=url[0], dbname=url[1], user="cares_administrator", password=password, autocommit=True
    )


def test_landing_against_a_bare_server_side_copy(bench: Bench) -> None:
    peaks = []

    def ours(round: int) -> float:
        _, seconds, memory = bench.land(f"2019-0{round + 1}")
        peaks.append(memory)
        return seconds

    with as_administrator(bench) as connection:
        connection.execute(f"create table public.bare ({', '.join(f'c{n} text' for n in range(COLUMNS))})")

        def bare(round: int) -> float:
            connection.execute("truncate public.bare")
            started = time.perf_counter()
            connection.execute(f"copy public.bare from '{bench.extract}' (format csv, header)")
            return time.perf_counter() - started

        seconds, reference, ratio = in_turn(ours, bare)
        connection.execute("drop table public.bare")

    print(
        f"\nlanding {ROWS:,} rows x {COLUMNS} columns ({bench.extract.stat().st_size / 1e6:.0f} MB): {seconds:.2f} s; "
        f"bare server-side COPY {reference:.2f} s; speed {1 / ratio:.2f} of it (target 0.9); "
        f"peak memory {max(peaks):.0f} MB (target below 100)"
    )


def test_the_decision_against_one_aggregate_scan(bench: Bench) -> None:
    delivery, *_ = bench.land("2019-12")
    with as_administrator(bench) as connection:
        connection.execute("vacuum analyze landing.bench__rows")
        script = Path(__file__).with_name("decide_and_scan.py")
        print("\n" + bench.run(str(script), str(delivery), str(ROUNDS), str(RULES)))
