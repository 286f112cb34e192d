"""The statutory rules of the children looked after return: what our contracts find, and what the public validator finds.

The validator (csc-validator-be-903) needs libraries older than ours: `make parity` gives it an environment of its own.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from cares import checks, contracts, deliveries, findings, landing, settings
from cares.predicates import can_be_judged
from end_to_end.receiving import sign_agreement
from fresh_warehouse import FreshWarehouse
from parity.planted import plant

FEED = "council/looked_after_children"
SAMPLE = settings.ROOT.parent / "shared" / "samples" / "ssda903"
VALIDATOR = Path(os.environ.get("CARES_VALIDATOR_903", settings.ROOT / ".venv-903")) / "bin" / "python"
# The years whose rules the validator has, each by the year in which the return ends: so are our versions named.
YEARS = ["2023", "2024", "2025", "2026", "2027"]
TABLES = {
    "Header": "header",
    "Episodes": "episodes",
    "Reviews": "reviews",
    "UASC": "uasc",
    "OC2": "oc2",
    "OC3": "oc3",
    "AD1": "ad1",
    "PlacedAdoption": "placed_for_adoption",
    "PrevPerm": "previous_permanence",
    "Missing": "missing",
    "SWEpisodes": "sw_episodes",
    "DoLo": "dolo",
}

# Where we differ, and why.
NEVER_RUNS = {"233": "it asks for a column DATE_EPISODE_CEASED, which no return has; we read DEC"}
DIFFERENT = {
    ("146", "2025"): "it still has H5 and P2, which ended on 28 October 2023, and writes K3 with a small k, which no value has",
}
_NOT_A_DAY = "it takes a day that is none for a blank; we find such a day by the rule on the day itself"
DIFFERENT_WHERE_PLANTED = {
    "333": _NOT_A_DAY,
    "SW01aSTG1": _NOT_A_DAY,
    "SW01bSTG1": _NOT_A_DAY,
    "574": "it takes times missing in the order of their ends; we in that of their starts, which differs where one ends before",
}

Children = dict[str, set[str]]  # the number of a rule, to the children of whom a row breaks it

pytestmark = [
    pytest.mark.skipif(not VALIDATOR.exists(), reason="the validator has no environment here: make parity"),
    pytest.mark.skipif(not SAMPLE.is_dir(), reason="the public SSDA903 sample is not beside this checkout"),
]


class Judged:
    """A folder of files as the validator and our contracts judge it."""

    def __init__(self, warehouse: FreshWarehouse, folder: Path, period: str) -> None:
        run = [VALIDATOR, Path(__file__).with_name("run_validator.py"), folder, *YEARS]
        self.said = json.loads(subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True).stdout)
        delivery = deliveries.register(FEED, sorted(folder.glob("*.csv")), period, "test")
        landing.land(delivery.delivery_id)
        self.warehouse, self.delivery_id = warehouse, delivery.delivery_id
        format = contracts.load().formats["ssda903"]
        self.child: dict[tuple[str, int], str] = {}
        for path in folder.glob("*.csv"):
            table = format.table_of_stem[contracts.normalised(path.stem)]
            with path.open(encoding="utf-8-sig", newline="") as stream:
                for row, values in enumerate(csv.DictReader(stream)):
                    self.child[table, row] = values["CHILD"]

    def by_validator(self, year: str) -> Children:
        """By the rules that we express: some of the others name rows that are not there."""
        return {
            number: {self.child[TABLES[table], row] for table, rows in tables.items() for row in rows}
            for number, tables in self.said[year]["broken"].items()
            if number in expressed(year)
        }

    def by_contracts(self, year: str) -> Children:
        broken: Children = defaultdict(set)
        period = contracts.parse_period(f"{int(year) - 1}-{year[2:]}", "financial year")
        for _, around, _ in checks.files_to_check(self.delivery_id):
            around = replace(around, version=year, period=period)
            rules = [rule for rule in around.table.rules(year) if rule.known_as and can_be_judged(rule, around)]
            for line, number in self.warehouse.rows(findings.broken_lines(rules, around)) if rules else ():
                broken[str(rules[number].known_as)].add(self.child[around.table.name, line - 2])
        return broken

    def differing(self, year: str) -> list[str]:
        """The rules in force in a year that are expressed, and by which not the same children are flagged."""
        theirs, ours = self.by_validator(year), self.by_contracts(year)
        return sorted(number for number in theirs if theirs[number] != ours.get(number, set()))


def expressed(year: str) -> set[str]:
    """The numbers of the validator's rules that our contracts express in a version."""
    tables = contracts.load().formats["ssda903"].tables.values()
    return {rule.known_as for table in tables for rule in table.rules(year) if rule.known_as}


@pytest.fixture(scope="module")
def sample(warehouse_of_module: FreshWarehouse) -> Judged:
    sign_agreement(FEED)
    return Judged(warehouse_of_module, SAMPLE, "2023-24")


@pytest.fixture(scope="module")
def planted(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    sign_agreement(FEED)
    return Judged(warehouse_of_module, plant(SAMPLE, tmp_path_factory.mktemp("planted"), seed=903), "2024-25")


@pytest.mark.parametrize("year", YEARS)
def test_each_rule_flags_the_same_children_of_the_public_sample(sample: Judged, year: str) -> None:
    assert sample.differing(year) == sorted(number for number, when in DIFFERENT if when == year)


@pytest.mark.parametrize("year", YEARS[1:])
def test_each_rule_flags_the_same_children_where_faults_are_planted(planted: Judged, year: str) -> None:
    differing = set(planted.differing(year)) - DIFFERENT_WHERE_PLANTED.keys()
    assert differing == {number for number, when in DIFFERENT if when == year}


def test_every_rule_was_seen_to_be_broken(sample: Judged, planted: Judged) -> None:
    broken = {
        number for judged in (sample, planted) for year in YEARS for number, who in judged.by_validator(year).items() if who
    }
    never = set().union(*(expressed(year) for year in YEARS)) - NEVER_RUNS.keys() - broken
    assert never == set(), "plant what breaks them"


def test_every_rule_of_the_validator_is_expressed_or_named_with_the_reason_why_not(sample: Judged) -> None:
    ours = set().union(*(expressed(year) for year in YEARS))
    not_ours = {number for one in contracts.load().formats["ssda903"].file.rules_not_expressed for number in one.rules}
    theirs = {number for year in YEARS for kind in ("broken", "could_not_run") for number in sample.said[year][kind]}

    assert not ours & not_ours
    assert ours | not_ours == theirs
    could_not_run = {number for year in YEARS for number in sample.said[year]["could_not_run"]}
    assert ours & could_not_run == NEVER_RUNS.keys()
    print(f"of {len(theirs)} rules, {len(ours)} are expressed and {len(not_ours)} named with the reason why not")
