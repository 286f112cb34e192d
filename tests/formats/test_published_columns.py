"""Every table and column of the national data sets is recognised, by the names of their publishers and of a board's copy.

The published lists are not part of this clone; they are read where they lie beside it.
"""

from __future__ import annotations

import csv

import pytest

from cares import contracts, settings

PUBLISHED_COLUMNS = settings.ROOT.parent / "shared" / "columns"
pytestmark = pytest.mark.skipif(not PUBLISHED_COLUMNS.is_dir(), reason="the published lists of columns are not beside this clone")


def published(name: str) -> list[dict[str, str]]:
    with (PUBLISHED_COLUMNS / f"{name}.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(("name", "version"), [("csds", "1.5"), ("csds", "1.6"), ("mhsds", "5"), ("mhsds", "6")])
def test_every_published_table_and_column_of_a_version_is_recognised_by_it(name: str, version: str) -> None:
    format = contracts.load().formats[name]
    columns = published(f"{name}_v{version.replace('.', '_')}")
    tables = {row["table"]: format.table_of_stem[contracts.normalised(row["table"])] for row in columns}
    assert sorted(tables.values()) == sorted(format.recognised(version))
    for row in columns:
        if table := format.tables.get(tables[row["table"]]):
            for header in filter(None, (row["field"], row["data_dictionary_name"])):
                assert table.headers[contracts.normalised(header)] in table.columns(version), f"{table.name}: {header}"


@pytest.mark.parametrize("name", ["csds", "mhsds"])
def test_no_two_headers_of_a_board_s_received_copy_stand_for_one_column(name: str) -> None:
    format = contracts.load().formats[name]
    received: dict[str, list[str]] = {}
    for row in published(f"icb_received_{name}"):
        received.setdefault(row["table"], []).append(contracts.normalised(row["column"]))
    for stem, headers in received.items():
        if table := format.tables.get(format.table_of_stem.get(contracts.normalised(stem), "")):
            known = [table.headers[header] for header in headers if header in table.headers]
            assert len(known) == len(set(known)), stem
