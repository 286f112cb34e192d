"""The contracts in the repository: valid, complete, and the same as the lists they were transcribed from."""

from __future__ import annotations

import json
import re
import shutil
from collections import defaultdict
from pathlib import Path

import pytest
import yaml
from click.testing import Result
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from beside_the_clone import needs_columns, published_columns
from cares import catalogue, contracts, settings
from cares.cli.contract import app

# The registers of governance are no contracts; whatever obeys them reads them.
FILES = sorted(path for path in settings.EXPECTATIONS.rglob("*.yml") if path.parent.name != "governance")
# Listed, and refused by rule 133: nobody without a home or in custody lives suitably.
NOT_ACCEPTED = {"ACCOM": {"S1", "X1"}}
# Its codes are those of rule 633; the list of columns gives none.
CODES_OF_A_RULE = {"LA_PERM"}


def of(format: str, table: str) -> contracts.Table:
    return contracts.load().formats[format].tables[table]


def test_every_contract_is_valid() -> None:
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 0, result.output
    assert "13 organisations, " in result.output


def test_the_catalogue_is_not_stale() -> None:
    result = CliRunner().invoke(app, ["catalogue", "--check"])
    assert result.exit_code == 0, result.output


def test_the_readme_s_counts_come_from_the_contracts(tmp_path: Path) -> None:
    """A table, column or feed more makes the sentence in the README stale, and the command writes it again."""
    root = shutil.copytree(settings.EXPECTATIONS, tmp_path / "expectations")
    readme = Path(shutil.copy(settings.ROOT / "README.md", tmp_path))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["catalogue", "--root", str(root), *arguments])

    assert run().exit_code == 0
    assert " ".join(catalogue.counts(contracts.load(root)).split()) in " ".join(readme.read_text(encoding="utf-8").split())
    readme.write_text(readme.read_text(encoding="utf-8").replace(" feeds in ", " feeds and one more in "), encoding="utf-8")
    assert (stale := run("--check")).exit_code == 1
    assert f"stale: {readme}; run 'cares contract catalogue'" in stale.output
    assert run().exit_code == run("--check").exit_code == 0


def test_the_editors_schemas_are_not_stale() -> None:
    result = CliRunner().invoke(app, ["schema", "--check"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(settings.EXPECTATIONS)))
def test_a_contract_names_the_schema_that_an_editor_checks_it_with(path: Path) -> None:
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    named = re.fullmatch(r"# yaml-language-server: [$]schema=(\S+)", first)
    assert named, "the first line names the schema"
    schema = json.loads((path.parent / named[1]).read_text(encoding="utf-8"))
    as_an_editor_reads_it = json.loads(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), default=str))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(as_an_editor_reads_it)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(settings.EXPECTATIONS)))
def test_regular_expressions_stand_in_the_patterns_alone(path: Path) -> None:
    if path.name != "patterns.yml":
        assert not re.search(r"\[[A-Z0-9]-[A-Z0-9]|\\[dws]|matches:", path.read_text(encoding="utf-8"))


def test_every_pattern_recognises_its_own_example() -> None:
    for name, pattern in contracts.load().patterns.items():
        if pattern.matches:
            example = pattern.looks_like.replace(" ", "" if "spaces" in pattern.ignoring else " ")
            assert re.fullmatch(pattern.matches, example), name


def test_every_pattern_and_every_code_list_is_used() -> None:
    everything = contracts.load()
    rules = [
        (table.format, rule)
        for table in everything.tables()
        for column in table.file.columns.values()
        for rule in column.we_expect
    ]
    in_rules_of_tables = {
        comparison.written_as
        for table in everything.tables()
        for rule in table.file.rules.values()
        for conditions in (*rule.when, *rule.expect)
        for comparison in conditions.values()
    }
    assert everything.patterns.keys() <= {rule.expect for _, rule in rules} | in_rules_of_tables
    for format in everything.formats.values():
        assert format.code_lists.keys() <= {rule.one_of for name, rule in rules if name == format.name}, format.name


def test_each_file_is_read_once_and_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    as_before = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or as_before(path))
    contracts._load.cache_clear()
    assert contracts.load() is contracts.load()
    assert sorted(read) == FILES


def test_every_key_and_every_start_of_an_event_must_be_filled_or_is_only_a_warning() -> None:
    for table in contracts.load().tables():
        if table.file.key_if_broken != "warn":
            for header in table.file.key:
                assert any(rule.expect == "filled" for rule in table.file.columns[header].we_expect), (table.name, header)


@needs_columns
def test_the_looked_after_return_has_the_transcribed_columns_and_codes() -> None:
    format = contracts.load().formats["ssda903"]
    columns: dict[str, list[str]] = defaultdict(list)
    for row in published_columns("ssda903"):
        table = format.tables[format.table_of_stem[contracts.normalised(row["table"])]]
        columns[table.name].append(row["column"])
        accepted = [rule.one_of for rule in table.file.columns[row["column"]].we_expect if rule.one_of]
        assert bool(accepted) == bool(row["codes_2024"].strip() or row["column"] in CODES_OF_A_RULE), (table.name, row["column"])
        if accepted and row["column"] not in CODES_OF_A_RULE:
            listed = set(row["codes_2024"].split()) - NOT_ACCEPTED.get(row["column"], set())
            assert set(table.codes(accepted[0], "2024")) == listed, (table.name, row["column"])
        since = row["first_in_schema_year(2017=earliest held)"]
        assert (table.file.since or "2017") == since, table.name
    assert {name: sorted(table.file.columns) for name, table in format.tables.items()} == {
        name: sorted(found) for name, found in columns.items()
    }


@needs_columns
def test_client_level_data_has_the_fifty_transcribed_columns_in_their_order() -> None:
    assert list(of("cld", "events").file.columns) == [row["header"] for row in published_columns("cld")]


@needs_columns
def test_admitted_patient_care_has_the_213_transcribed_columns_in_their_order() -> None:
    found = [row["header"] for row in published_columns("sus_legacy_apc")]
    assert len(found) == 213
    assert list(of("apc", "episodes").file.columns)[:213] == found


@needs_columns
def test_every_name_in_the_newer_dialect_was_found_in_a_received_copy() -> None:
    received = set()
    for row in published_columns("icb_received_apc"):
        received |= {row["column"].removesuffix(" Pseudo"), f"{row['table']}.{row['column']}"}
    for header, column in of("apc", "episodes").file.columns.items():
        names = column.also_called.get("SUS+", ())
        assert set((names,) if isinstance(names, str) else names) <= received, header


@pytest.mark.parametrize(
    ("code", "from_year", "to_year"),
    [("H5", 2017, 2024), ("P2", 2017, 2024), ("K3", 2025, 2026), ("Z11", 2026, 2026), ("Z14", 2026, 2026), ("Z1", 2017, 2025)],
)
def test_a_placement_code_is_accepted_in_its_own_years_alone(code: str, from_year: int, to_year: int) -> None:
    years = [year for year in range(2017, 2027) if code in of("ssda903", "episodes").codes("placement", str(year))]
    assert years == list(range(from_year, to_year + 1))


def test_the_code_of_sex_changes_with_the_return_for_2024_25() -> None:
    feed = contracts.load().feed("council/looked_after_children")
    header = feed.format.tables["header"]
    assert header.codes("sex", feed.version(feed.period("2023-24"))) == ["1", "2"]
    assert header.codes("sex", feed.version(feed.period("2024-25"))) == ["M", "F", "U"]


def test_the_two_vocabularies_of_client_level_data_meet_only_where_they_say_the_same() -> None:
    events = of("cld", "events")
    assert "Carer" in events.codes("client_type", "R1")
    assert "Carer" not in events.codes("client_type", "R2")
    assert events.codes("event_type", "R1") == events.codes("event_type", "R2")


def test_the_council_uses_release_1_from_its_first_quarter() -> None:
    feed = contracts.load().feed("council/adult_social_care")
    assert feed.version(feed.period("2018-Q4")) == feed.version(feed.period("2020-Q2")) == "R1"


def test_a_header_of_another_dialect_is_the_same_column() -> None:
    headers = of("apc", "episodes").headers
    for name in ("ADMIMETH", "spell.admission.method"):
        assert headers[contracts.normalised(name)] == "Admission Method (Hospital Provider Spell)"
    assert headers["diag402"] == "Secondary Diagnosis (ICD) 1"


def test_no_purpose_needs_a_description_in_free_text() -> None:
    for table in contracts.load().tables():
        for header, column in table.file.columns.items():
            assert not (column.free_text and column.needed_for), (table.name, header)


def test_every_file_that_contributing_names_is_there() -> None:
    page = (settings.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:dbt_project|expectations|plugins|tests|dags)/[^`<> ]*)`", page)
    assert len(named) > 10
    assert [name for name in named if not (settings.ROOT / name).exists()] == []


def test_contributing_says_what_each_kind_of_contract_holds() -> None:
    page = (settings.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in FILES:
        *folders, name = path.relative_to(settings.EXPECTATIONS).parts
        kind = name if name in ("patterns.yml", "format.yml", "codes.yml", "organisation.yml") else "<"
        place = {0: "", 1: "<organisation>/", 2: "formats/<format>/"}[len(folders)]
        assert f"| `{place}{kind}" in page, path
