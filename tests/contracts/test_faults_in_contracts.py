"""A fault in a contract is named with its file, its line and what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cares import contracts, settings
from cares.cli.contract import app

HEADER = "formats/ssda903/header.yml"
EPISODES = "formats/ssda903/episodes.yml"
SW_EPISODES = "formats/ssda903/sw_episodes.yml"
APC = "formats/apc/episodes.yml"
CLD = "council/adult_social_care.yml"
TORUS = "torus/tenancies.yml"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of all contracts, to spoil."""
    return shutil.copytree(settings.EXPECTATIONS, tmp_path / "expectations")


def line_of(path: Path, text: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize(
    ("file", "was", "becomes", "named", "remedy"),
    [
        (HEADER, "means: the child's sex", "meens: the child's sex", "meens:", "did you mean 'means'?"),
        (HEADER, "{one_of: sex}", "{one_of: sexes}", "one_of: sexes", "'sexes' is not a code list of ssda903; known: "),
        (HEADER, "{one_of: sex}", "sexes", "sexes", "'sexes' is neither a rule nor a pattern; known: "),
        (HEADER, "if_broken: warn", "if_broken: shrug", "shrug", "use one of 'reject the delivery', "),
        (HEADER, "key: [CHILD]", "key: [KIND]", "yaml-language", "names the column 'KIND', which the table does not have"),
        (HEADER, "replaces: period", "replaces: window", "yaml-language", "needs window_months, event_start and event_end"),
        (HEADER, "one_of: sex", "one_of: sex, between: [0, 1]", "between", "needs exactly one of: "),
        (HEADER, "{one_of: sex}", "not_in_future", "not_in_future", "give that column a date pattern first"),
        (HEADER, "{expect: filled, if_broken: warn}", "filled", "  DOB:", "a blank has no value to set aside"),
        (EPISODES, "refers_to: header.CHILD", "refers_to: header.KIND", "header.KIND", "is not a table.header"),
        (SW_EPISODES, "since: 2024", "since: 2204", "2204", "'2204' is not a version of this format; known: "),
        (APC, "HES: ETHNOS", "HES: SEX", "  Sex:", "'SEX' already names the column 'Ethnic Group'"),
        (CLD, "sends: cld", "sends: clb", "clb", "'clb' is not a format; known: "),
        (CLD, "version: R1", "version: R9", "R9", "has no version 'R9'; known: R1, R2"),
        (TORUS, "every: month", "every: fortnight", "fortnight", "use one of 'month', 'quarter', 'financial year' or 'day'"),
        ("torus/organisation.yml", "name: Torus", "nam: Torus", "nam:", "did you mean 'name'?"),
        ("patterns.yml", "[0-9]{1,12}", "[0-9{1,12}", "[0-9{1,12}", "is not a regular expression"),
    ],
)
def test_a_fault_is_named_with_file_line_and_remedy(
    copy: Path, file: str, was: str, becomes: str, named: str, remedy: str
) -> None:
    path = copy / file
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, becomes, 1), encoding="utf-8")

    result = CliRunner().invoke(app, ["check", "--root", str(copy)])

    assert result.exit_code == 1
    problem = next(line for line in result.output.splitlines() if remedy in line)
    assert problem.startswith(f"expectations/{file}: line {line_of(path, named)}: "), problem


def test_a_key_given_twice_is_refused(copy: Path) -> None:
    path = copy / HEADER
    path.write_text(path.read_text(encoding="utf-8") + "  SEX: {means: again}\n", encoding="utf-8")
    with pytest.raises(contracts.ContractError, match="'SEX' is given twice"):
        contracts.load(copy)


def test_all_faults_are_named_at_once(copy: Path) -> None:
    for file in ("council/organisation.yml", "sthk/organisation.yml"):
        (copy / file).write_text("nam: nobody\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["check", "--root", str(copy)])
    assert "council/organisation.yml" in result.output
    assert "sthk/organisation.yml" in result.output


def test_a_list_that_accepts_nothing_in_a_version_is_refused(copy: Path) -> None:
    codes = copy / "formats/ssda903/codes.yml"
    sex, rest = codes.read_text(encoding="utf-8").split("ethnic_origin:")
    codes.write_text(sex.replace("until: 2024", "until: 2023") + "ethnic_origin:" + rest, encoding="utf-8")
    with pytest.raises(contracts.ContractError, match="'sex' accepts no code in version 2024; add one to codes.yml"):
        contracts.load(copy)


def test_a_stale_catalogue_is_refused_and_names_its_remedy(copy: Path) -> None:
    (copy / "README.md").write_text("yesterday\n", encoding="utf-8")
    stale = CliRunner().invoke(app, ["catalogue", "--check", "--root", str(copy)])
    assert stale.exit_code == 1
    assert "run 'cares contract catalogue'" in stale.output
    assert CliRunner().invoke(app, ["catalogue", "--root", str(copy)]).exit_code == 0
    assert CliRunner().invoke(app, ["catalogue", "--check", "--root", str(copy)]).exit_code == 0
