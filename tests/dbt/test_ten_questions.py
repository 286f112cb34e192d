"""The ten questions of the People's Board: each is answered, or says why not; without data no answer reads zero."""

from __future__ import annotations

import json
import os
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from typer.testing import CliRunner

import accepted_deliveries
from accepted_deliveries import deliver
from cares import builds, contracts, questions, settings, warehouse
from cares.cli import typer_app
from cares.questions import Answer
from fresh_warehouse import FreshWarehouse

TEN = range(1, 11)
NOTEBOOK = questions.FOLDER / "delayed_days.ipynb"
MONTHS = [date(2019, month, 1) for month in (10, 11, 12)]
accepted_deliveries.FORMAT_OF_FEED |= {
    "sthk/delayed_transfers": ("delayed_transfers", "1.09"),
    "ccg/partnership_money": ("partnership_money", "1"),
}


def month(first: date) -> tuple[str, date, date]:
    last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return f"{first:%Y-%m}", first, last


@pytest.fixture(scope="module")
def answers(warehouse_of_module: FreshWarehouse) -> dict[str, dict[int, Answer]]:
    """What each question says where nothing came, and after delayed days and money of three months did."""
    warehouse = warehouse_of_module
    builds.build()
    empty = {number: questions.ask(number) for number in TEN}
    for first in MONTHS:
        deliver(warehouse, "sthk/delayed_transfers", month(first), "period", {
            "delayed_days": [{
                "provider_code": "RBN", "council_code": "E08000013", "reason": reason, "responsible_organisation": responsible,
                "setting": "Acute", "delayed_days": days,
            } for reason, responsible, days in [("A", "NHS", "40"), ("E", "Social Care", "60")]],
        })  # fmt: skip
        deliver(warehouse, "ccg/partnership_money", month(first), "snapshot", {
            "schemes": [{
                "scheme_reference": "S1", "title": "Of the tests", "lead_partner": "St Helens Council", "start_date": "01/04/2019",
            }],
            "savings": [{
                "scheme_reference": "S1", "month_ending": f"{month(told)[2]:%d/%m/%Y}", "partner": "St Helens Council",
                "effect": "Saves", "basis": basis, "amount": amount, "evidence": evidence,
            } for told in MONTHS if told <= first
              for basis, amount, evidence in [("Plan", "1000.01", ""), ("Actual", "900.02", "Measured")]],
        })  # fmt: skip
    builds.build()
    return {"nothing came": empty, "some came": {number: questions.ask(number) for number in TEN}}


def test_there_are_ten_and_each_says_what_is_to_be_known_of_it() -> None:
    asked = questions.questions()
    assert [one.number for one in asked] == list(TEN)
    feeds = contracts.load().feeds
    for one in asked:
        assert one.path.name.startswith(f"{one.number}_")
        assert one.asked.endswith("?") and one.reader and len(one.caveats) >= 2
        assert {*one.feeds} <= feeds.keys(), f"{one.path.name}: no such feed: {', '.join({*one.feeds} - feeds.keys())}"


@pytest.mark.parametrize("number", TEN)
def test_each_query_reads_what_analysts_may_read_and_joins_the_coverage(number: int) -> None:
    query = questions.question(number).query
    named = {*re.findall(r"\b(?:from|join)\s+([a-z_]+\.[a-z_]+)", query)}
    assert "insight.coverage" in named
    assert {name.partition(".")[0] for name in named} <= {"insight", "board", "partnership"}
    assert "{{" not in query and "{%" not in query
    for feed in questions.question(number).feeds:
        assert f"'{feed}'" in query, f"{feed} is named as coverage, and the query does not ask for it"


@pytest.mark.parametrize("number", TEN)
def test_where_nothing_came_it_says_so_and_never_zero(answers: dict[str, dict[int, Answer]], number: int) -> None:
    answer = answers["nothing came"][number]
    assert answer.why_not and all(len(reason) > 20 for reason in answer.why_not)
    figures = [value for row in answer.rows for value in row if not isinstance(value, (str, date, bool)) and value is not None]
    assert not [figure for figure in figures if figure == 0], f"question {number} reads zero where nobody told anything"
    assert all(not one.complete and not one.partly for one in answer.coverage)


@pytest.mark.parametrize("number", TEN)
def test_each_is_answered_or_says_why_not(answers: dict[str, dict[int, Answer]], number: int) -> None:
    answer = answers["some came"][number]
    assert answer.rows or answer.why_not


def test_delayed_days_and_savings_are_answered_once_their_feeds_came(answers: dict[str, dict[int, Answer]]) -> None:
    assert [number for number in (1, 2) if not answers["some came"][number].rows] == []
    (coverage,) = [one for one in answers["some came"][1].coverage if one.feed == "sthk/delayed_transfers"]
    assert (coverage.complete, coverage.first_month, coverage.last_month) == (3, MONTHS[0], MONTHS[-1])
    days = [value for row in answers["some came"][1].rows for value in row]
    assert "100" in days


def test_what_is_asked_for_is_printed_with_its_caveats_and_its_coverage(answers: dict[str, dict[int, Answer]]) -> None:
    run = CliRunner().invoke(typer_app, ["question", "ask", "1"], env={"COLUMNS": "300"})
    assert run.exit_code == 0, run.output
    asked = questions.question(1)
    assert asked.asked in run.output and asked.caveats[0][:40] in run.output and "Coverage" in run.output
    as_csv = CliRunner().invoke(typer_app, ["question", "ask", "1", "--csv"])
    assert as_csv.output.splitlines()[0] == ",".join([*answers["some came"][1].columns, questions.WHY_NOT])
    listed = CliRunner().invoke(typer_app, ["question", "list"], env={"COLUMNS": "300"})
    assert all(one.asked in listed.output for one in questions.questions())


def test_the_notebook_runs_and_keeps_no_output(
    answers: dict[str, dict[int, Answer]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the service file and the password file of the README, from the folder in which it lies."""
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not [cell for cell in code if cell["outputs"] or cell["execution_count"]]
    where = urlsplit(warehouse.url("analyst", with_password=False))
    database = unquote(where.path.removeprefix("/"))
    service, passwords = tmp_path / "service", tmp_path / "passwords"
    service.write_text(f"[cares]\nhost={where.hostname}\nport={where.port}\ndbname={database}\nuser={where.username}\n")
    passwords.touch(mode=0o600)
    passwords.write_text(f"{where.hostname}:{where.port}:{database}:{where.username}:{warehouse.password('analyst')}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    monkeypatch.chdir(NOTEBOOK.parent)
    names: dict[str, Any] = {}
    for cell in code:
        exec(compile("".join(cell["source"]), NOTEBOOK.name, "exec"), names)
    assert len(names["answer"]) == len(answers["some came"][1].rows)
    complete = names["coverage"].query("status == 'complete'")
    assert {*complete["feed"]} == {"sthk/delayed_transfers"} and {*complete["month"]} == {*MONTHS}


def test_before_anything_is_published_it_says_what_to_do(warehouse: FreshWarehouse) -> None:
    with pytest.raises(questions.QuestionError, match="cares build run"):
        questions.ask(1)


def test_the_readme_names_each_question_and_each_file() -> None:
    readme = (settings.ROOT / "README.md").read_text("utf-8")
    for one in questions.questions():
        assert f"| {one.number} {one.asked} | [{one.path.name}]({os.path.relpath(one.path, settings.ROOT)}) |" in readme
