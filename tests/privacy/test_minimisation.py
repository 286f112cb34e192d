"""A mart says what it is for, for whom and by what right, and a column that serves no purpose is not built."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cares import builds
from cares.governance import minimisation, purposes
from cares.governance.minimisation import Mart
from cares.settings import DBT_PROJECT
from fresh_warehouse import FreshWarehouse

GOOD = Mart(
    "insight_teas",
    "insight",
    {
        "purpose": ["planning", "board reporting"],
        "reader": "analysts",
        "agreement": "of each feed",
        "leaves_out": "who drank it",
    },
    {"guard_person_id": {}, "sugar": {"purpose": ["planning"]}, "milk": {}},
)


def problems(mart: Mart) -> list[str]:
    return minimisation.problems([mart], purposes.PURPOSES)


def test_a_mart_that_says_everything_is_built() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize("name", ["purpose", "reader", "agreement", "leaves_out"])
def test_a_mart_that_says_less_is_not_built(name: str) -> None:
    silent = replace(GOOD, meta={key: value for key, value in GOOD.meta.items() if key != name})
    assert problems(silent)[0].startswith(f"insight_teas: meta says no {name}; write ")


def test_a_mart_is_for_purposes_of_the_register_and_for_that_of_its_schema() -> None:
    for_sale = replace(GOOD, meta=GOOD.meta | {"purpose": ["sales"]}, columns={})
    assert problems(for_sale) == [
        "insight_teas: 'sales' is no purpose of the register; use direct care, planning, board reporting",
        "insight_teas: it stands in insight, which is for planning, and does not serve that",
    ]


@pytest.mark.parametrize(
    ("purpose", "problem"),
    [
        ([], "column sugar serves no purpose; leave it out, or name the purpose that needs it"),
        (["direct care"], "column sugar is for direct care, which its mart does not serve"),
        ("planning", "column sugar is for planning, which its mart does not serve"),
        (["board reporting"], "column sugar does not serve planning, which insight is for; leave it out there"),
    ],
)
def test_a_column_without_a_purpose_of_its_mart_is_named(purpose: object, problem: str) -> None:
    assert problems(replace(GOOD, columns={"milk": {}, "sugar": {"purpose": purpose}})) == [f"insight_teas: {problem}"]


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        (
            "insight/insight_persons.yml",
            "      - name: sex_code\n        data_type: text\n",
            "      - name: sex_code\n        data_type: text\n        config: {meta: {purpose: []}}\n",
            "insight_persons: column sex_code serves no purpose; leave it out, or name the purpose that needs it",
        ),
        (
            "board/board_care_by_month.yml",
            "        purpose: [board reporting]\n",
            "",
            "board_care_by_month: meta says no purpose; write the purposes it serves, as a list",
        ),
    ],
)
def test_nothing_is_built_of_a_project_in_which_a_column_or_mart_has_no_purpose(
    warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, before: str, after: str, told: str
) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    model = project / "models" / "marts" / file
    text = model.read_text("utf-8")
    assert before in text
    model.write_text(text.replace(before, after, 1), "utf-8")
    monkeypatch.setattr(builds, "DBT_PROJECT", project)
    monkeypatch.setattr(builds, "_manifests", {})
    # What dbt remembers of this project must not be taken for ours.
    monkeypatch.setattr(builds, "var_folder", lambda *names: tmp_path.joinpath(*names))
    build_id = builds.start_build()
    with pytest.raises(builds.BuildError) as refused:
        builds.run_layer(build_id, "person_records")
    assert str(refused.value).startswith("Nothing is built: ")
    assert told in str(refused.value)
    assert warehouse.rows("select state, message from ledger.build") == [("failed", str(refused.value))]
