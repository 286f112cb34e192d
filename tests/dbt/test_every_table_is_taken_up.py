"""A table of a contract that is not taken up everywhere: the test names each step that is missing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml

from cares import contracts, settings

WHO_DESCRIBES_PEOPLE = Path("models/intermediate/person_index/int_person_rows.sql")
# Members of households get their homes before they are listed.
THE_LIST_READS = [WHO_DESCRIBES_PEOPLE.name, "int_household_members.sql"]


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


def describes_people(model: Path) -> bool:
    """Has a staging model people of its own numbering, with something that says who they are."""
    given = set(re.findall(r" as (\w+),?$", model.read_text(encoding="utf-8"), re.MULTILINE))
    return "local_person_id" in given and bool(given & {"nhs_number", "surname", "born_on"})


def missing_steps(project: Path, tables: list[str]) -> list[str]:
    """What is still to be done for tables named as in landing (`cld__events`), one line each; and what has no table."""
    missing = []
    for table in tables:
        folder = f"models/staging/{table.split('__')[0]}"
        if not (project / folder / f"stg_{table}.sql").exists():
            missing.append(f"{table}: write its staging model {folder}/stg_{table}.sql")
        if not (project / folder / f"stg_{table}.yml").exists():
            missing.append(f"{table}: describe its columns in {folder}/stg_{table}.yml")
    staged = {path.stem.removeprefix("stg_") for path in (project / "models" / "staging").rglob("stg_*.sql")}
    listed = "".join((project / WHO_DESCRIBES_PEOPLE.parent / name).read_text(encoding="utf-8") for name in THE_LIST_READS)
    missing += [
        f"{table}: it describes people; add its entry to {WHO_DESCRIBES_PEOPLE}"
        for table in sorted(staged)
        if describes_people(project / f"models/staging/{table.split('__')[0]}/stg_{table}.sql")
        and f"ref('stg_{table}')" not in listed
    ]
    missing += [f"{table}: no contract has this table" for table in sorted(staged - set(tables))]
    return missing


def differences_of_description(folder: Path) -> list[str]:
    """Where the columns that a staging model gives are not those described beside it, in their order, one line each."""
    found = []
    for path in sorted(folder.rglob("stg_*.yml")):
        described = [column["name"] for column in yaml.safe_load(path.read_text(encoding="utf-8"))["models"][0]["columns"]]
        query = re.sub(r"^--.*", "", path.with_suffix(".sql").read_text(encoding="utf-8"), flags=re.MULTILINE)
        given = re.findall(
            r"(?:\bas |^ *)(\w+),?$", query.partition("delivery_columns()")[2].partition("{{ from_new")[0], re.MULTILINE
        )
        if described != given:
            found.append(f"{path.stem}: gives {', '.join(given)}; describes {', '.join(described)}")
    return found


def test_every_table_of_every_contract_is_staged_described_and_accounted_for() -> None:
    tables = [table.landing_name for table in contracts.load().tables()]
    assert tables
    assert missing_steps(settings.DBT_PROJECT, tables) == []


def test_every_staging_model_describes_the_columns_that_it_gives() -> None:
    assert differences_of_description(settings.DBT_PROJECT / "models" / "staging") == []


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
    listed = (project / WHO_DESCRIBES_PEOPLE).read_text(encoding="utf-8")
    (project / WHO_DESCRIBES_PEOPLE).write_text(listed.replace("stg_csds__mpi", "stg_mhsds__mpi"), encoding="utf-8")
    tables = [table.landing_name for table in contracts.load().tables() if table.landing_name != "apc__episodes"]

    assert missing_steps(project, [*tables, "pharmacy__dispensings"]) == [
        "cld__events: describe its columns in models/staging/cld/stg_cld__events.yml",
        "pharmacy__dispensings: write its staging model models/staging/pharmacy/stg_pharmacy__dispensings.sql",
        "pharmacy__dispensings: describe its columns in models/staging/pharmacy/stg_pharmacy__dispensings.yml",
        "csds__mpi: it describes people; add its entry to models/intermediate/person_index/int_person_rows.sql",
        "apc__episodes: no contract has this table",
    ]
