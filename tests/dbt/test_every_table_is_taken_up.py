"""A table of a contract that is not taken up everywhere: the test names each step that is missing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml

from cares import contracts, settings


def still_reads_an_earlier_name(project: Path, tables: Iterable[contracts.Table]) -> list[str]:
    """Which staging model reads a column by a name that its contract has given up, one line each."""
    found = []
    for table in tables:
        model = project / "models" / "staging" / table.format / f"stg_{table.landing_name}.sql"
        read = set(re.findall(r"'(\w+)'", model.read_text(encoding="utf-8"))) if model.exists() else set()
        for header, now in table.column_names.items():
            found += [
                f"{table.landing_name}: {earlier} is called {now} now; read it by that name in {model.relative_to(project)}"
                for earlier in table.earlier_names(header)
                if earlier in read
            ]
    return found


def missing_steps(project: Path, tables: list[str]) -> list[str]:
    """What is still to be done for tables named as in landing (`cld__events`), one line each; and what has no table."""
    sources = yaml.safe_load((project / "models" / "sources.yml").read_text(encoding="utf-8"))["sources"]
    accepted = {table["name"] for source in sources if source["name"] == "accepted" for table in source["tables"]}
    listed = set(re.findall(r"'stg_(\w+)'", (project / "macros" / "staging_models.sql").read_text(encoding="utf-8")))
    staged = {path.stem.removeprefix("stg_") for path in (project / "models" / "staging").rglob("stg_*.sql")}
    missing = []
    for table in tables:
        folder = f"models/staging/{table.split('__')[0]}"
        if table not in accepted:
            missing.append(f"{table}: name it under `accepted` in models/sources.yml")
        if not (project / folder / f"stg_{table}.sql").exists():
            missing.append(f"{table}: write its staging model {folder}/stg_{table}.sql")
        if not (project / folder / f"stg_{table}.yml").exists():
            missing.append(f"{table}: describe its columns in {folder}/stg_{table}.yml")
        if table not in listed:
            missing.append(f"{table}: name it in macros/staging_models.sql, so that its rows are accounted for")
    missing += [f"{table}: no contract has this table" for table in sorted((accepted | listed | staged) - set(tables))]
    return missing


def test_every_table_of_every_contract_is_staged_described_and_accounted_for() -> None:
    tables = [table.landing_name for table in contracts.load().tables()]
    assert tables
    assert missing_steps(settings.DBT_PROJECT, tables) == []


def test_no_staging_model_reads_a_column_by_an_earlier_name() -> None:
    assert still_reads_an_earlier_name(settings.DBT_PROJECT, contracts.load().tables()) == []


def test_a_staging_model_that_reads_a_renamed_column_by_its_earlier_name_is_named(tmp_path: Path) -> None:
    root = shutil.copytree(settings.EXPECTATIONS, tmp_path / "expectations")
    tenancies = root / "formats" / "housing" / "tenancies.yml"
    text = tenancies.read_text(encoding="utf-8").replace("  UPRN:\n", "  Property Number:\n    renamed_from: [UPRN]\n")
    tenancies.write_text(text, encoding="utf-8")

    assert still_reads_an_earlier_name(settings.DBT_PROJECT, contracts.load(root).tables()) == [
        "housing__tenancies: uprn is called property_number now; "
        "read it by that name in models/staging/housing/stg_housing__tenancies.sql"
    ]


def test_each_step_that_is_missing_is_named(tmp_path: Path) -> None:
    project = shutil.copytree(settings.DBT_PROJECT, tmp_path / "dbt_project")
    (project / "models/staging/cld/stg_cld__events.yml").unlink()
    tables = [table.landing_name for table in contracts.load().tables() if table.landing_name != "apc__episodes"]

    assert missing_steps(project, [*tables, "ecds__attendances"]) == [
        "cld__events: describe its columns in models/staging/cld/stg_cld__events.yml",
        "ecds__attendances: name it under `accepted` in models/sources.yml",
        "ecds__attendances: write its staging model models/staging/ecds/stg_ecds__attendances.sql",
        "ecds__attendances: describe its columns in models/staging/ecds/stg_ecds__attendances.yml",
        "ecds__attendances: name it in macros/staging_models.sql, so that its rows are accounted for",
        "apc__episodes: no contract has this table",
    ]
