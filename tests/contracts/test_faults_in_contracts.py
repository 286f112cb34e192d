"""A fault in a contract is named with its file, its line and what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cares import contracts
from cares.cli.contract import app
from few_contracts import few_contracts

HEADER = "formats/ssda903/header.yml"
EPISODES = "formats/ssda903/episodes.yml"
SW_EPISODES = "formats/ssda903/sw_episodes.yml"
APC = "formats/apc/episodes.yml"
CLD = "council/adult_social_care.yml"
TORUS = "torus/tenancies.yml"
HOUSING = "formats/housing/format.yml"
TENANCIES = "formats/housing/tenancies.yml"
BOXES = "{mailbox: X26HC001, workflow: CARES, returns_workflow: CARES_RETURN}"
SSDA903 = "formats/ssda903/format.yml"
# How the checker of types speaks; nobody who writes a contract knows these words.
NOT_ENGLISH = ("Input should", "valid dictionary", "instance of", "function-before", "Traceback", "tuple", "FeedFile")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of some contracts, to spoil."""
    return few_contracts(tmp_path)


def problems_of(root: Path) -> list[str]:
    """What `cares contract check` says, one problem a line; it must find one."""
    result = CliRunner().invoke(app, ["check", "--root", str(root)])
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1
    assert not any(words in result.output for words in NOT_ENGLISH), result.output
    return result.output.splitlines()


def line_of(path: Path, text: str) -> int:
    lines = path.read_text(encoding="utf-8").split("\n")
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize(
    ("file", "was", "becomes", "named", "remedy"),
    [
        (HEADER, "means: the child's sex", "meens: the child's sex", "meens:", "did you mean 'means'?"),
        (HEADER, "{one_of: sex,", "{one_of: sexes,", "one_of: sexes", "'sexes' is not a code list of ssda903; known: "),
        (HEADER, "{one_of: sex, known_as: 101}", "sexes", "sexes", "'sexes' is neither a rule nor a pattern; known: "),
        (HEADER, "if_broken: warn", "if_broken: shrug", "shrug", "use one of 'reject the delivery', "),
        (HEADER, "key: [CHILD]", "key: [KIND]", "yaml-language", "names the column 'KIND', which the table does not have"),
        (HEADER, "replaces: period", "replaces: window", "yaml-language", "needs window_months, event_start and event_end"),
        (HEADER, "one_of: sex", "one_of: sex, between: [0, 1]", "between", "needs exactly one of: "),
        (HEADER, "{one_of: sex, known_as: 101}", "not_in_future", "not_in_future", "give that column a date pattern first"),
        (HEADER, "{expect: filled, if_broken: warn, known_as: 102}", "filled", "  DOB:", "a blank has no value to set aside"),
        (EPISODES, "refers_to: header.CHILD", "refers_to: header.KIND", "header.KIND", "is not a table.header"),
        (SW_EPISODES, "since: 2024", "since: 2204", "2204", "'2204' is not a version of this format; known: "),
        (HEADER, "MC_DOB: {after: DOB}", "MC_DOB: {aftr: DOB}", "aftr", "did you mean 'after'?"),
        (HEADER, "MC_DOB: {after: DOB}", "MC_DOB: {after: DBO}", "  621:", "names the column 'DBO'; did you mean 'DOB'?"),
        (HEADER, "MC_DOB: {after: DOB}", "MC_DOB: {after: SEX}", "after: SEX", "compares 'SEX' as a date"),
        (HEADER, "at_most_rows: 1", "at_most_rows: 0", "at_most_rows: 0", "write a number that is at least 1"),
        (HEADER, "    at_most_rows: 1\n", "", "  444:", "needs exactly one of: expect, at_most_rows, at_most, all_have_one"),
        (HEADER, "{SEX: {none_of: [U]}}", "{SEX: {none_of: [W]}}", "[W]", "W is not in the code list of SEX"),
        (HEADER, "{SEX: {none_of: [U]}}", "{SEX: {}}", "SEX: {}", "says nothing; write at least one of: filled, "),
        (EPISODES, "{this row: last}", "{this row: ended}", "row: ended", "use one of 'first', 'not first', 'last', "),
        (EPISODES, "history: {of: CHILD, in_order_of: [DECOM]}\n", "", "  142:", "say under 'history' which rows"),
        (EPISODES, "{of: CHILD, in_order_of: [DECOM]}", "{of: KIND}", "of: KIND", "names the column 'KIND'"),
        (SW_EPISODES, "whole_social_worker_number", "whole_number_of", "whole_number_of", "is not a pattern; known: "),
        (APC, "HES: ETHNOS", "HES: SEX", "  Sex:", "'SEX' already names the column 'Ethnic Group'"),
        (CLD, "sends: cld", "sends: clb", "clb", "'clb' is not a format; known: "),
        (CLD, "version: R1", "version: R9", "R9", "has no version 'R9'; known: R1, R2"),
        (TORUS, "every: month", "every: fortnight", "fortnight", "use one of 'month', 'quarter', 'financial year' or 'day'"),
        ("torus/organisation.yml", "name: Torus", "nam: Torus", "nam:", "did you mean 'name'?"),
        ("patterns.yml", "[0-9]{1,12}", "[0-9{1,12}", "[0-9{1,12}", "is not a regular expression"),
        (HOUSING, "2018-01-01", "2018-13-01", "2018-13-01", "write a day that exists, like 2019-03-31"),
        (HOUSING, "2018-01-01", "'2018-01-01'", "2018-01-01", "write a day like 2019-03-31, without quotes"),
        (HOUSING, "2018-01-01", "0", "period_ending: 0", "found 0; write a day like 2019-03-31, without quotes"),
        (HOUSING, "2018-01-01}", "2018-01-01, until_period_ending: 2017-01-01}", "until", "ends before it begins"),
        (HOUSING, "title: Tenancies", "title: Ten\aancies", "title: ", "a control character stands there; remove it"),
        (HOUSING, "title: Tenancies", 'title: "Ten\\x07ancies" #', "title: ", "a control character stands in the text"),
        (HOUSING, "facts: ours", "[facts, ours]: 1", "[facts", "the word before the colon is missing, or is a list"),
        (HOUSING, "facts: ours", '"": ours', '"": ours', "the word before the colon is missing, or is a list"),
        (HOUSING, "facts: ours", "facts: !!int ours", "!!int", "ours cannot be read; correct it"),
        (HOUSING, "facts: ours", "facts: !!set {ours}", "!!set", "a kind of value that contracts do not have"),
        (HOUSING, "title: Tenancies and", "title: yes #", "title: ", "found true; write text (in quotes"),
        (SSDA903, "2018: {from_period_ending: 2018", "2018: {from_period_ending: 2016", "versions:", "in the order of their"),
        (SW_EPISODES, "since: 2024", "since: 02024", "02024", "if it is a code or a name, write it in quotes"),
        (SW_EPISODES, "since: 2024", "since: 2024\nuntil: 2020", "until: 2020", "'2020' comes before '2024'"),
        (TENANCIES, "at_most_characters: 30", "at_most_characters: -1", "-1", "write a number that is at least 1"),
        (TENANCIES, "at_most_characters: 30", "at_most_characters: ten", "ten}", "found 'ten'; write a whole number"),
        (TENANCIES, "at_most_characters: 30", "between: [10, 1]", "[10, 1]", "write the smaller one first"),
        (TENANCIES, "at_most_characters: 30", "between: [10]", "[10]", "is missing; add it"),
        (TENANCIES, "at_most_characters: 30", "between: [1, .nan]", ".nan", "is read as the number nan"),
        (TENANCIES, "columns:\n", 'columns:\n  "a\\0b": {means: x}\n', "0b", "a control character stands in the text"),
        (TENANCIES, "columns:\n", "columns:\n  Period-End: {means: x}\n", "yaml-language", "which we need ourselves"),
        (TENANCIES, "columns:\n", "columns:\n  '--': {means: x}\n", "yaml-language", "has no letter or digit"),
        (TENANCIES, "columns:", "file_names: [Household Members]\ncolumns:", "file_names", "rename one"),
        (TENANCIES, "title: Tenancies", "title: {a: b}", "title: ", "found words with a value each; write text"),
        (TORUS, "{by: folder, every: month, due_days_after_period: 7}", "weekly", "arrives:", "write words with a value each"),
        (TORUS, "by: folder", "by: post", "by: post", "use one of 'folder', 'sftp', 'mesh', 'object storage' or 'https'"),
        (TORUS, "by: folder", "by: mesh", "arrives:", "write mesh with mailbox, workflow, returns_workflow"),
        (TORUS, "by: folder", "by: mesh, mesh: {mailbox: X26HC001}", "mailbox", "workflow: is missing; add it"),
        (TORUS, "by: folder", f"by: sftp, mesh: {BOXES}", "arrives:", "the feed comes by sftp; remove mesh, or write by: mesh"),
        (
            TORUS,
            "by: folder",
            "by: folder, connection: cares_torus",
            "arrives:",
            "a folder needs no connection; remove connection",
        ),
        (TORUS, "due_days_after_period: 7", "due_days_after_period: -7", "-7", "found -7; write a number that is at least 0"),
        (TORUS, "title: ", "hold_when_set_aside_above_percent: -5\ntitle: ", "-5", "write a number that is at least 0"),
        (TORUS, "title: ", "hold_when_set_aside_above_percent: 101\ntitle: ", "101", "write a number that is at most 100"),
        (TORUS, "title: ", "files: {delimiter: '\"'}\ntitle: ", "delimiter", "use one of ',', ';', '|' or "),
        (TORUS, "title: ", 'files: {delimiter: "\\n"}\ntitle: ', "delimiter", "use one of ',', ';', '|' or "),
        (
            CLD,
            "from_period_ending: 2018-01-01}",
            "from_period_ending: 2018-01-01}\n  - {version: R2, from_period_ending: 2017-01-01}",
            "versions:",
            "R2 does not begin after R1; write the oldest version first",
        ),
    ],
)
def test_a_fault_is_named_with_file_line_and_remedy(
    copy: Path, file: str, was: str, becomes: str, named: str, remedy: str
) -> None:
    path = copy / file
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, becomes, 1), encoding="utf-8")

    problem = next(line for line in problems_of(copy) if remedy in line)
    assert problem.startswith(f"expectations/{file}: line {line_of(path, named)}: "), problem


@pytest.mark.parametrize("content", ["", "\n# nothing but a remark\n", "~\n"])
@pytest.mark.parametrize(
    "file", ["patterns.yml", HOUSING, TENANCIES, "formats/housing/codes.yml", "torus/organisation.yml", TORUS]
)
def test_an_empty_file_is_a_problem(copy: Path, file: str, content: str) -> None:
    (copy / file).write_text(content, encoding="utf-8")
    assert f"expectations/{file}: line 1: is empty; CONTRIBUTING.md says what each file holds" in problems_of(copy)


@pytest.mark.parametrize(
    "file", ["patterns.yml", HOUSING, TENANCIES, "formats/housing/codes.yml", "torus/organisation.yml", TORUS]
)
def test_a_file_that_holds_a_list_is_a_problem(copy: Path, file: str) -> None:
    (copy / file).write_text("- tenancies\n", encoding="utf-8")
    assert f"expectations/{file}: line 1: found a list, expected words with a value each" in "\n".join(problems_of(copy))


@pytest.mark.parametrize(
    ("was", "becomes", "remedy"),
    [
        (TORUS, "torus/tenancies.yaml", "torus/tenancies.yaml: line 1: is not read; a contract's name ends in .yml: rename it"),
        (TORUS, "torus/tenancies", "torus/tenancies: line 1: is not read; a contract's name ends in .yml: rename it"),
        (TORUS, "torus/feeds/tenancies.yml", "torus/feeds: this folder is not read; move its files up into torus/"),
        (TORUS, "tenancies.yml", "expectations/tenancies.yml: line 1: is not read here"),
        (TORUS, "formats/tenancies.yml", "formats/tenancies.yml: line 1: is not read here"),
        (TORUS, "torus/Tenancies 2.yml", "line 1: the feed 'Tenancies 2' must be named in lower-case letters"),
        (TENANCIES, "formats/housing/tenancies.yaml", "formats/housing/tenancies.yaml: line 1: is not read; a contract's name"),
        (TENANCIES, "formats/housing/The Tenancies.yml", "line 1: the table 'The Tenancies' must be named in lower-case"),
        (HOUSING, "formats/housing/formats.yml", "formats.yml: line 1: is not read by this name; rename it to format.yml"),
        ("torus/organisation.yml", "torus/organization.yml", "organization.yml: line 1: is not read by this name; rename it to"),
        ("torus/organisation.yml", "elsewhere.md", "expectations/torus/organisation.yml: is missing; add it"),
        ("patterns.yml", "pattern.yml", "expectations/patterns.yml: is missing; add it"),
    ],
)
def test_a_file_that_nobody_would_read_is_a_problem(copy: Path, was: str, becomes: str, remedy: str) -> None:
    (copy / becomes).parent.mkdir(exist_ok=True)
    (copy / was).rename(copy / becomes)
    assert remedy in "\n".join(problems_of(copy))


@pytest.mark.parametrize(
    ("folder", "missing"),
    [
        ("knowsley", "knowsley/organisation.yml"),
        ("torus_", "torus_/organisation.yml"),
        ("formats/pharmacy", "formats/pharmacy/format.yml"),
    ],
)
def test_a_folder_that_does_not_say_what_it_is_is_a_problem(copy: Path, folder: str, missing: str) -> None:
    (copy / folder).mkdir()
    assert any(line.startswith(f"expectations/{missing}: is missing; add it") for line in problems_of(copy))


def test_a_format_without_a_table_is_a_problem(copy: Path) -> None:
    (copy / "formats/pharmacy").mkdir()
    shutil.copy(copy / HOUSING, copy / "formats/pharmacy/format.yml")
    assert any(
        line.startswith("expectations/formats/pharmacy/format.yml: line 1: the format has no table") for line in problems_of(copy)
    )


def test_what_an_editor_hides_in_a_folder_is_no_problem(copy: Path) -> None:
    (copy / "torus/.tenancies.yml.swp").write_bytes(b"\x00")
    (copy / ".idea").mkdir()
    assert set(contracts.load(copy).organisations) == {"council", "sthk", "torus"}


def test_a_byte_that_is_not_utf_8_is_named_with_its_line(copy: Path) -> None:
    line = line_of(copy / TORUS, "Torus's")
    (copy / TORUS).write_bytes((copy / TORUS).read_bytes().replace(b"Torus's", b"Torus\x92s"))
    assert f"expectations/{TORUS}: line {line}: a byte is not UTF-8; save the file as UTF-8" in problems_of(copy)


def test_a_broken_format_is_named_once_and_its_feeds_are_not_blamed(copy: Path) -> None:
    (copy / HOUSING).write_text("", encoding="utf-8")
    assert [line for line in problems_of(copy) if line.startswith("expectations/")] == [
        f"expectations/{HOUSING}: line 1: is empty; CONTRIBUTING.md says what each file holds"
    ]


def test_a_code_keeps_its_leading_nought_and_its_yes(copy: Path) -> None:
    codes = copy / "formats/housing/codes.yml"
    text = codes.read_text(encoding="utf-8").replace('{"Y": "yes", "N": "no"}', "{yes: it is so, 01: also, 6.10: too}")
    codes.write_text(text, encoding="utf-8")
    assert contracts.load(copy).formats["housing"].tables["tenancies"].codes("yes_no", "1") == ["yes", "01", "6.10"]


def test_a_code_given_twice_in_a_list_is_refused(copy: Path) -> None:
    codes = copy / "formats/housing/codes.yml"
    codes.write_text(codes.read_text(encoding="utf-8").replace("[Introductory,", "[Starter,"), encoding="utf-8")
    assert any("tenure > codes: a code is given twice; remove one of them" in line for line in problems_of(copy))


def test_a_folder_of_contracts_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(contracts.ContractError, match="there is no such folder"):
        contracts.load(tmp_path / "nowhere")


def test_a_key_given_twice_is_refused(copy: Path) -> None:
    path = copy / HEADER
    path.write_text(path.read_text(encoding="utf-8").replace("columns:\n", "columns:\n  SEX: {means: again}\n"), encoding="utf-8")
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


@pytest.mark.parametrize(
    ("replacement", "remedy"),
    [
        ("Client", "'Client' is not a code of client_type; add it, or name one that is"),
        ("Carer", "'Carer' is replaced itself; name the code that replaces it"),
    ],
)
def test_a_code_is_replaced_by_a_code_that_is_accepted_still(copy: Path, replacement: str, remedy: str) -> None:
    codes = copy / "formats/cld/codes.yml"
    text = codes.read_text(encoding="utf-8").replace("replaced_by: Service user", f"replaced_by: {replacement}")
    codes.write_text(text, encoding="utf-8")
    with pytest.raises(contracts.ContractError, match=remedy):
        contracts.load(copy)


def test_a_stale_catalogue_is_refused_and_names_its_remedy(copy: Path) -> None:
    (copy / "README.md").write_text("yesterday\n", encoding="utf-8")
    stale = CliRunner().invoke(app, ["catalogue", "--check", "--root", str(copy)])
    assert stale.exit_code == 1
    assert "run 'cares contract catalogue'" in stale.output
    assert CliRunner().invoke(app, ["catalogue", "--root", str(copy)]).exit_code == 0
    assert CliRunner().invoke(app, ["catalogue", "--check", "--root", str(copy)]).exit_code == 0
