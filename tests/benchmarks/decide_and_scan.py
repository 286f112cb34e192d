"""Measures, in the environment it is started in: the decision, the findings, and an aggregate scan written by hand.

Arguments: delivery, rounds, rules. CPU is the server's and the client's together, import aside.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cares import checks, findings, warehouse
from cares.predicates import kept


def server_cpu() -> float:
    """CPU seconds of the server so far: its live processes, and those it has waited for."""
    with warehouse.connect_as_administrator(warehouse.database_name()) as connection:
        (data,) = connection.execute("show data_directory").fetchone()
    postmaster = int(Path(data, "postmaster.pid").read_text().split()[0])
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = stat.read_text().split(" (", 1)
        except OSError:
            continue
        fields = rest.rsplit(") ", 1)[1].split()
        if int(pid) == postmaster:
            ticks += sum(int(fields[n]) for n in (11, 12, 13, 14))
        elif int(fields[1]) == postmaster:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / 100


def cpu(work: Callable[[], object]) -> float:
    server, client = server_cpu(), time.process_time()
    work()
    return server_cpu() - server + time.process_time() - client


delivery, rounds, expected = map(int, sys.argv[1:4])
((file_id, around, rows),) = checks.files_to_check(delivery)
rules = around.table.rules(around.version)
assert len(rules) == expected, len(rules)
checker = checks.Checker()
checker.broken_rules(rules[:1], around, file_id)
# For the findings, four rules are broken by one row in a hundred or so.
numbers = [number for number, rule in enumerate(rules) if rule.kind == "between"]
broken = [replace(rules[n], argument=(0, 990)) if rules[n].kind == "between" else rules[n] for n in numbers]


def scan() -> None:
    counts = ", ".join(f"count(*) filter (where not {kept(rule, around)})" for rule in rules)
    with warehouse.connect() as connection:
        connection.execute(f"select {counts} from landing.bench__rows where file_id = {file_id}")


def decide() -> None:
    assert checker.broken_rules(rules, around, file_id) == []


def decide_and_write() -> None:
    decide()
    findings.write(delivery, [(file_id, around, rows, rules, broken)])


figures = [(cpu(scan), cpu(decide), cpu(decide_and_write)) for _ in range(rounds)]
scanned, decided, written = (statistics.median(column) for column in zip(*figures, strict=True))
decided_ratio = statistics.median(figure[1] / figure[0] for figure in figures)
written_ratio = statistics.median(figure[2] / figure[0] for figure in figures)
with warehouse.connect() as connection:
    (count,) = connection.execute("select count(*) from ledger.finding where delivery_id = %s", (delivery,)).fetchone()
print(
    f"{len(rules)} rules on {rows:,} rows: one aggregate scan {scanned:.1f} CPU s; "
    f"Great Expectations decides in {decided:.1f} CPU s, {decided_ratio:.2f} times (target 1.6); "
    f"with {count:,} findings written {written:.1f} CPU s, {written_ratio:.2f} times (target 3)"
)
