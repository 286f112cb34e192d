"""What a contract may say in few words: columns that repeat, dates written in two ways, tables that are only counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from cares import contracts
from few_contracts import few_contracts

VISITS = """\
title: Visits
each_row_is: one visit
source: made up for this test
key: [Visit]
replaces: period
columns:
  Visit:
    means: the number of the visit
    we_expect: [filled]
    needed_for: [planning]
  Reason {n}:
    means: the reason with the number {n}
    repeats: 3
    also_called: {short: "R_{nn+1}"}
    needed_for: [planning]
"""
FORMAT = """\
title: Visits
published_by: nobody
source: made up for this test
facts: ours
versions: {"1": {from_period_ending: 2018-01-01, until_period_ending: 2018-12-31}, "2": {from_period_ending: 2019-01-01}}
counted_only:
  receipts: {each_row_is: one receipt, file_names: [bills], since: "2"}
"""


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    """Some contracts, and a format of a few lines."""
    root = few_contracts(tmp_path)
    (root / "formats" / "visits").mkdir()
    (root / "formats" / "visits" / "visits.yml").write_text(VISITS, encoding="utf-8")
    (root / "formats" / "visits" / "format.yml").write_text(FORMAT, encoding="utf-8")
    return root


def test_a_column_that_repeats_is_written_out_with_its_numbers_in_every_dialect(visits: Path) -> None:
    table = contracts.load(visits).formats["visits"].tables["visits"]
    assert list(table.column_names.values()) == ["visit", "reason_1", "reason_2", "reason_3"]
    assert table.headers["r04"] == "Reason 3"
    assert table.file.columns["Reason 2"].means == "the reason with the number 2"


def test_a_column_that_repeats_without_a_place_for_its_number_is_a_fault(visits: Path) -> None:
    path = visits / "formats" / "visits" / "visits.yml"
    path.write_text(VISITS.replace("Reason {n}:", "Reason:"), encoding="utf-8")
    with pytest.raises(contracts.ContractError, match="'Reason' repeats, so its header needs {n}"):
        contracts.load(visits)


def test_a_table_that_is_only_counted_is_recognised_in_its_versions(visits: Path) -> None:
    format = contracts.load(visits).formats["visits"]
    assert format.table_of_stem["bills"] == "receipts"
    assert format.recognised("1") == ["visits"]
    assert format.recognised("2") == ["visits", "receipts"]


def test_a_table_is_landed_or_only_counted_and_not_both(visits: Path) -> None:
    path = visits / "formats" / "visits" / "format.yml"
    path.write_text(FORMAT.replace("receipts:", "visits:"), encoding="utf-8")
    with pytest.raises(contracts.ContractError, match="visits.yml lands this table; remove one of the two"):
        contracts.load(visits)
