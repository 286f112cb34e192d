"""However many pairs are compared at a time, each weighs the same."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from cares.person_index import descriptions, scoring
from cares.person_index.model import Model


@pytest.fixture
def connection():
    people = [
        {
            "record_id": f"{forename} {surname} {at}",
            "forename": forename,
            "surname": surname,
            "date_of_birth": f"19{70 + at}-05-{10 + at}",
            "postcode": "WA10 1AB",
            "address": f"{at} Mill Lane",
        }
        for forename in ("Ann", "Anne", "Joan", "Zbigniew")
        for surname in ("Platt", "Pratt", "Okafor")
        for at in range(4)
    ]
    with duckdb.connect() as connection:
        connection.register("sent", pa.Table.from_pylist(people))
        descriptions.prepare(connection, "sent")
        scoring.add_keys(connection)
        scoring.count_frequencies(connection)
        scoring.add_frequencies(connection)
        scoring.find_candidates(connection)
        yield connection


def weights(connection: duckdb.DuckDBPyConnection, **pairs_at_a_time: int) -> list[tuple]:
    scoring.weigh_candidates(connection, Model.load(), **pairs_at_a_time)
    return connection.execute("from weighed order by all").fetchall()


def test_a_few_pairs_at_a_time_weigh_what_all_of_them_weigh_at_once(connection):
    at_once = weights(connection)
    pairs = connection.execute("select count(*) from candidate").fetchall()[0][0]
    assert len(at_once) == pairs > 100
    assert weights(connection, pairs_at_a_time=pairs // 5) == at_once


def test_no_pairs_at_all_leave_no_weights(connection):
    connection.execute("delete from candidate")
    assert weights(connection) == []
