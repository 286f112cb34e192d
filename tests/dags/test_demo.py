"""The demo, under Airflow's real scheduler: what a newcomer sees, and what it leaves running."""

from __future__ import annotations

import csv
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from cares import contracts
from cares.cli.demo import QUERIES
from finished_demo import CARES, FinishedDemo, run_cares


def test_the_demo_ends_well_and_says_that_nobody_in_it_exists(demo: FinishedDemo) -> None:
    assert demo.exit_status == 0, demo.output
    assert demo.output.count("SIMULATED DATA") >= 2
    assert "Who is who" in demo.output


def totals(demo: FinishedDemo) -> list[dict[str, str]]:
    """What the answer key says of each table of each delivery."""
    with (demo.var / "answer_key" / "totals.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_organisation_sent_something(demo: FinishedDemo) -> None:
    assert {total["feed"].partition("/")[0] for total in totals(demo)} == set(contracts.load().organisations)


def test_each_delivery_came_out_as_the_answer_key_says(demo: FinishedDemo) -> None:
    expected = {f"{total['feed']}/{total['folder']}": total["expected"] for total in totals(demo)}
    answer = demo.ask(
        "engineer", "select source, case state when 'superseded' then 'accepted' else state end from ledger.delivery"
    )
    states = dict(line.split("|") for line in answer.splitlines())

    assert states == {folder: state for folder, state in expected.items() if state != "duplicate"}


def test_the_ledger_and_staging_count_what_the_answer_key_counts(demo: FinishedDemo) -> None:
    taken = [total for total in totals(demo) if total["expected"] == "accepted"]
    key = {
        (f"{total['feed']}/{total['folder']}", total["table"]): (
            int(total["rows_written"]), int(total["rows_unreadable"]), int(total["rows_to_set_aside"]),
        )
        for total in taken
    }  # fmt: skip
    ledger = demo.ask(
        "engineer",
        """select source, table_name, received_rows, unreadable_rows, set_aside_rows
           from ledger.delivery join ledger.delivery_file using (delivery_id)
           where state in ('accepted', 'superseded') and not_needed_rows is null""",
    )
    in_ledger = {(source, table): tuple(map(int, counts)) for source, table, *counts in map(split, ledger.splitlines())}
    assert in_ledger == key

    staging_tables = {f"{contracts.load().feed(total['feed']).format.name}__{total['table']}" for total in taken}
    staged = demo.ask(
        "pipeline",
        " union all ".join(
            f"select source, '{table}', count(*) from staging.stg_{table} join ledger.delivery using (delivery_id) group by source"
            for table in sorted(staging_tables)
        ),
    )
    in_staging = {(source, table.partition("__")[2]): int(rows) for source, table, rows in map(split, staged.splitlines())}
    assert in_staging == {
        of: written - unreadable - set_aside
        for of, (written, unreadable, set_aside) in key.items()
        if written > unreadable + set_aside
    }


def split(line: str) -> list[str]:
    return line.split("|")


def test_a_rejected_delivery_is_explained_in_the_summary(demo: FinishedDemo) -> None:
    assert re.search(r"sthk/admitted_patient_care 2020-03 was rejected: .* the mandatory column .* is missing", demo.output)


def test_the_people_found_are_the_right_ones(demo: FinishedDemo) -> None:
    together = re.search(r"put together ([\d.]+)% belong together; of those that belong together ([\d.]+)%", demo.output)

    assert together
    assert float(together[1]) > 95
    assert float(together[2]) > 50


def test_a_burst_of_deliveries_made_one_build(demo: FinishedDemo) -> None:
    assert int(demo.ask("engineer", "select count(*) from ledger.delivery where state in ('accepted', 'superseded')")) > 10
    assert demo.ask("engineer", "select count(*) from ledger.build") == "1"


def test_each_sender_has_a_letter_about_what_was_rejected(demo: FinishedDemo) -> None:
    rejected = demo.ask(
        "engineer", "select feed || '/' || period || '/delivery_' || delivery_id from ledger.delivery where state = 'rejected'"
    )

    for path in rejected.splitlines():
        assert (demo.var / "returns" / f"{path}_letter.txt").exists()


def test_airflow_is_stopped_and_the_warehouse_is_not(demo: FinishedDemo) -> None:
    assert demo.cares("airflow", "status").returncode == 1
    assert "PostgreSQL" in demo.cares("warehouse", "status").stdout


@pytest.mark.parametrize("title", QUERIES)
def test_the_queries_that_it_shows_can_be_pasted_as_the_analyst(demo: FinishedDemo, title: str) -> None:
    assert QUERIES[title] in demo.output
    assert demo.ask("analyst", QUERIES[title])


@pytest.mark.parametrize("number", range(1, 11))
def test_each_question_of_the_board_is_answered_or_says_why_not(demo: FinishedDemo, number: int) -> None:
    asked = demo.cares("question", "ask", str(number))

    assert asked.returncode == 0, asked.stderr
    assert all(part in asked.stdout for part in ("SIMULATED DATA", "What must be known", "Coverage"))


def test_the_analyst_reads_nothing_else(demo: FinishedDemo) -> None:
    for table in ("linked_care.persons", "ledger.delivery", "person_index.person"):
        refused = demo.cares("warehouse", "psql", "--role", "analyst", given=f"select count(*) from {table}")
        assert "permission denied" in refused.stderr


def test_the_report_is_there_and_says_simulated(demo: FinishedDemo) -> None:
    path = re.search(r"quality report: (\S+\.html)", demo.output)

    assert path
    assert "SIMULATED DATA" in Path(path[1]).read_text(encoding="utf-8")


def test_the_summary_says_why_the_report_says_no(demo: FinishedDemo) -> None:
    assert "It says No for direct care until what real data need is in place" in demo.output


def test_an_agreement_signed_by_hand_is_not_removed_without_a_word(demo: FinishedDemo) -> None:
    agreement = ("--agreement", "Schedule 9", "--purpose", "planning", "--from", "2019-01-01")
    assert demo.cares("agreement", "sign", "torus/tenancies", *agreement).returncode == 0
    refused = demo.cares("demo")

    assert refused.returncode == 1
    assert "holds what it did not make: agreement Schedule 9" in refused.stderr
    assert "demo --afresh" in refused.stderr
    assert demo.ask("engineer", "select count(*) > 0 from ledger.delivery") == "t"


def test_nothing_of_airflow_was_sent_anywhere_but_to_this_machine(demo: FinishedDemo) -> None:
    for log in (demo.var / "airflow" / "server_logs").iterdir():
        assert "0.0.0.0" not in log.read_text(encoding="utf-8")


def test_the_demo_touches_no_delivery_that_it_did_not_make(tmp_path: Path) -> None:
    mine = tmp_path / "var" / "outbox" / "torus" / "tenancies" / "2019-03"
    mine.mkdir(parents=True)
    try:
        refused = run_cares(tmp_path / "var", "demo")
        assert refused.returncode == 1
        assert "holds what the demo did not make: torus/tenancies/2019-03. Nothing was touched." in refused.stderr
        assert mine.exists()
    finally:
        run_cares(tmp_path / "var", "warehouse", "stop")


def test_a_demo_that_is_told_to_end_ends_as_with_ctrl_c_and_leaves_nothing_running(tmp_path: Path) -> None:
    environment = {"CARES_VAR": str(tmp_path / "var"), "PATH": "/usr/bin:/bin"}
    demo = subprocess.Popen(
        [CARES, "demo", "--people", "300"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout
    seen = ""
    while "was made up" not in seen:
        seen += demo.stdout.readline()
    time.sleep(2)  # Airflow is starting now
    demo.send_signal(signal.SIGTERM)
    rest, _ = demo.communicate(timeout=60)

    assert demo.returncode == 130
    assert "nothing is left running" in rest
    assert not [process for process in psutil.process_iter(["environ"]) if belongs_to(process, tmp_path)]


def belongs_to(process: psutil.Process, folder: Path) -> bool:
    return str(folder) in " ".join((process.info["environ"] or {}).values())
