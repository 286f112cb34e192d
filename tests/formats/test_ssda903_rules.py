"""Rules on several columns or rows, as the contract of the children looked after return says them: one example of each kind.

Each example is two children: one whose rows break the rule, and one whose rows keep it. All of them come in one delivery.
"""

from __future__ import annotations

import csv

import pytest

from cares import checks, contracts, deliveries, landing
from cares.table_rules import Comparison, TableRule
from end_to_end.receiving import sign_agreement
from fresh_warehouse import FreshWarehouse

FEED = "council/looked_after_children"
YEAR = "2023-24"
COUNTS_WITHOUT_VALUES = {"result_format": "BASIC", "partial_unexpected_count": 0}

Row = dict[str, str]


def child(**said: str) -> Row:
    return {"SEX": "2", "DOB": "01/02/2012", "ETHNIC": "WBRI"} | said


def episode(begins: str, ends: str = "", **said: str) -> Row:
    usual = {"RNE": "S", "LS": "C2", "CIN": "N1", "PLACE": "U6", "PLACE_PROVIDER": "PR1", "REC": "X1" if ends else ""}
    return usual | {"DECOM": begins, "DEC": ends} | said


def review(on: str, code: str) -> Row:
    return {"DOB": "01/02/2020", "REVIEW": on, "REVIEW_CODE": code}


def score(born: str) -> Row:
    return {"DOB": born, "SDQ_SCORE": "12"}


def social_worker(begins: str, ends: str = "", number: str = "SW12345") -> Row:
    return {"DOB": "01/02/2012", "SW_ID": number, "SW_DECOM": begins, "SW_DEC": ends, "SW_REASON": "MANAGE"}


FIRST = episode("01/05/2023", "01/07/2023", PL_POST="WA10 1HP", URN="SC012345")

# The rule, what kind of condition it shows, the table, rows that break it and rows that keep it.
EXAMPLES = [
    ("148", "either this or that", "episodes", [episode("01/05/2023", "02/06/2023", REC="")], [FIRST]),
    ("214", "filled and blank", "episodes", [FIRST | {"LS": "V4"}], [episode("01/05/2023", LS="V4")]),
    ("380", "codes", "episodes", [episode("01/05/2023", PLACE="T1")], [episode("01/05/2023", PLACE="T1", RNE="P")]),
    ("530", "other than codes", "episodes", [FIRST | {"PLACE": "P1", "PLACE_PROVIDER": "PR4"}], [FIRST]),
    ("217", "a day", "episodes", [episode("01/04/2015", PLACE="A3", RNE="P")], [episode("31/03/2015", PLACE="A3", RNE="P")]),
    ("354", "the end of the period", "episodes", [episode("01/04/2024")], [episode("31/03/2024")]),
    ("392d", "another column", "episodes", [FIRST | {"HOME_POST": "WA10 1HP"}], [FIRST | {"HOME_POST": "WA9 1AA"}]),
    ("440", "a birthday", "reviews", [review("02/02/2024", "PN0")], [review("01/02/2024", "PN0")]),
    ("355", "another day", "episodes", [episode("01/05/2023", "01/05/2023")], [FIRST]),
    ("189", "a birthday before the period", "oc2", [score("31/03/2006")], [score("01/04/2006")]),
    ("209", "a day before the period", "header", [child(UPN="UN1", DOB="31/08/2018")], [child(UPN="UN1", DOB="01/09/2018")]),
    ("SW02STG1", "a pattern", "sw_episodes", [social_worker("01/05/2023", number="12345")], [social_worker("01/05/2023")]),
    ("432", "the previous row", "episodes", [FIRST | {"REC": "E4A"}, episode("01/08/2023", RNE="P")], [FIRST | {"REC": "E4A"}]),
    (
        "434",
        "the same as in the previous row",
        "episodes",
        [FIRST, episode("01/07/2023", RNE="L", LS="E1", PL_POST="WA9 1AA", URN="SC012345")],
        [FIRST, episode("01/07/2023", RNE="L", LS="E1", PL_POST="WA10 1HP", URN="SC012345")],
    ),
    (
        "383",
        "the row before the previous",
        "episodes",
        [FIRST, episode("01/07/2023", "08/07/2023", PLACE="T1"), episode("08/07/2023", PLACE="K2", RNE="P")],
        [FIRST, episode("01/07/2023", "08/07/2023", PLACE="T1"), episode("08/07/2023", PLACE="U6", RNE="P")],
    ),
    (
        "388 next follows",
        "the next row, in order of days and not of the file",
        "episodes",
        [episode("02/07/2023"), FIRST],
        [episode("01/07/2023"), FIRST],
    ),
    ("388 no next", "the last row", "episodes", [FIRST], [FIRST | {"REC": "E4A"}]),
    ("357", "the first row", "episodes", [episode("01/05/2023", RNE="P"), episode("01/06/2023")], [FIRST]),
    (
        "SW08STG2",
        "not the last row",
        "sw_episodes",
        [social_worker("01/05/2023"), social_worker("01/06/2023")],
        [social_worker("01/05/2023", "01/06/2023"), social_worker("01/06/2023")],
    ),
    (
        "377",
        "so many rows",
        "episodes",
        [episode(day, PLACE="T3") for day in ("01/05/2023", "01/06/2023", "01/07/2023")],
        [episode(day, PLACE="T3") for day in ("01/05/2023", "01/06/2023")],
    ),
    (
        "426",
        "the same in all rows",
        "episodes",
        [episode("01/05/2023", LS="V3"), episode("01/06/2023", LS="C2"), episode("01/07/2023", LS="V4")],
        [episode("01/05/2023", LS="V3"), episode("01/06/2023", LS="C2"), episode("01/07/2023", LS="V3")],
    ),
    ("365", "how long a row lasts", "episodes", [episode("14/03/2024", "01/04/2024", LS="V3")], [episode("14/03/2024", LS="V3")]),
    (
        "363",
        "how long rows last that follow without a gap",
        "episodes",
        [episode("01/05/2023", "05/05/2023", LS="L3"), episode("05/05/2023", "09/05/2023", LS="L3")],
        [episode("01/05/2023", "05/05/2023", LS="L3"), episode("06/05/2023", "10/05/2023", LS="L3")],
    ),
    (
        "367",
        "how long rows last within the period",
        "episodes",
        [episode("01/05/2023", "01/06/2023", LS="V3"), episode("15/02/2024", LS="V3")],
        [episode("01/01/2023", "01/05/2023", LS="V3"), episode("01/03/2024", "01/05/2024", LS="V3")],
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def broken(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Each (rule, child) of which a row breaks the rule, after all examples were received."""
    sign_agreement(FEED)
    tables: dict[str, list[Row]] = {"header": []}
    for number, _, table, breaks, keeps in EXAMPLES:
        for name, rows in ((f"{number} breaks", breaks), (f"{number} keeps", keeps)):
            tables["header"] += [{"CHILD": name} | (rows[0] if table == "header" else child())]
            if table != "header":
                tables.setdefault(table, []).extend({"CHILD": name} | row for row in rows)
    folder = tmp_path_factory.mktemp("examples")
    for table, rows in tables.items():
        with (folder / f"{table}.csv").open("w", newline="", encoding="utf-8") as stream:
            columns = contracts.load().formats["ssda903"].tables[table].columns("2024")
            writer = csv.DictWriter(stream, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
    registration = deliveries.register(FEED, sorted(folder.iterdir()), YEAR, "test")
    landing.land(registration.delivery_id)
    checks.check([registration.delivery_id])
    return {
        (rule, tables[table][line_number - 2]["CHILD"])
        for rule, table, line_number in warehouse_of_module.rows("select rule, table_name, line_number from ledger.finding")
    }


@pytest.mark.parametrize(("number", "table"), [(number, table) for number, _, table, *_ in EXAMPLES])
def test_a_rule_finds_the_child_whose_rows_break_it_and_no_other(broken: set[tuple[str, str]], number: str, table: str) -> None:
    found = {who for rule, who in broken if rule == f"{table}.rule {number}.conditions"}

    assert f"{number} breaks" in found
    assert f"{number} keeps" not in found


def test_great_expectations_and_the_findings_count_the_same(
    broken: set[tuple[str, str]], warehouse_of_module: FreshWarehouse
) -> None:
    checker = checks.Checker()
    [[delivery_id]] = warehouse_of_module.rows("select delivery_id from ledger.delivery")
    found = dict(warehouse_of_module.rows("select rule, count(*) from ledger.finding group by rule"))
    for file_id, around, _ in checks.files_to_check(delivery_id):
        rules = around.table.rules(around.version)
        for rule, result in zip(rules, checker.validate(rules, around, file_id, COUNTS_WITHOUT_VALUES), strict=True):
            assert result.result["unexpected_count"] == found.get(rule.id, 0), rule.id


def test_the_examples_show_every_word_of_the_language() -> None:
    tables = contracts.load().formats["ssda903"].tables
    shown = [tables[table].file.rules[number] for number, _, table, *_ in EXAMPLES]
    words = {word for rule in shown for part in (*rule.when, *rule.expect) for said in part.values() for word in said.given}
    demands = {word for rule in shown for word in ("at_most_rows", "at_most", "all_have_one") if getattr(rule, word)}

    assert words == Comparison.model_fields.keys()
    assert demands == {"at_most_rows", "at_most", "all_have_one"} <= TableRule.model_fields.keys()


def test_a_rule_reads_as_a_sentence() -> None:
    rules = {rule.id: rule.sentence for rule in contracts.load().formats["ssda903"].tables["episodes"].rules("2024")}

    assert rules["episodes.rule 148.conditions"] == "either DEC and REC are filled, or DEC and REC are blank"
    assert rules["episodes.rule 431.conditions"] == "when RNE is S, DECOM is after the previous row's DEC"
    assert rules["episodes.rule 377.conditions"] == "there are at most 2 rows of one CHILD in which PLACE is T3"
    assert rules["episodes.rule 437.conditions"] == "when REC is E2 or E15, the row is the last of its CHILD"
    assert rules["episodes.rule 361.conditions"] == (
        "rows of one CHILD in which LS is L1, one straight after the other, last at most 3 days together, from DECOM to DEC"
    )
