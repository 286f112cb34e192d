"""Every table and column of the national data sets is recognised, by the names of their publishers and of a board's copy.

The lists are no part of this clone; they are read where they lie beside it.
"""

from __future__ import annotations

import pytest

from beside_the_clone import needs_columns, published_columns
from cares import contracts

pytestmark = needs_columns


@pytest.mark.parametrize(("name", "version"), [("csds", "1.5"), ("csds", "1.6"), ("mhsds", "5"), ("mhsds", "6")])
def test_every_published_table_and_column_of_a_version_is_recognised_by_it(name: str, version: str) -> None:
    format = contracts.load().formats[name]
    columns = published_columns(f"{name}_v{version.replace('.', '_')}")
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
    for row in published_columns(f"icb_received_{name}"):
        received.setdefault(row["table"], []).append(contracts.normalised(row["column"]))
    for stem, headers in received.items():
        if table := format.tables.get(format.table_of_stem.get(contracts.normalised(stem), "")):
            known = [table.headers[header] for header in headers if header in table.headers]
            assert len(known) == len(set(known)), stem
