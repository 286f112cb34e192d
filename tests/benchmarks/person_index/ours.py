"""Our index on the records of `borough_records.py`, and then a night of 8,000 changes: how right it is, and what it costs.

.venv/bin/python tests/benchmarks/person_index/ours.py /tmp/borough/records.parquet
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import duckdb
import pandas as pd
import scores

from cares.person_index import index
from cares.person_index.model import Model

CHANGES = 8_000


def main() -> None:
    """Recognise everybody in a file, print what came of it, and live through a night, and one in which nothing happens."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, help="records as `borough_records.py` writes them, with the truth")
    path = parser.parse_args().records
    connection = duckdb.connect()
    connection.execute("set threads = 2")
    connection.execute("create table records as select * exclude (person) from read_parquet($1)", [str(path)])
    began = time.process_time()
    model = index.recognise(connection, "records").model
    full = time.process_time() - began
    spent = scores.used()
    records = pd.read_parquet(path, columns=["record_id", "person", "source"])
    cluster = connection.execute("select record_id, cluster from person_cluster").df().set_index("record_id")["cluster"]
    print(f"ours of {path.name}")
    print(scores.report(records, cluster.loc[records["record_id"]].to_numpy(), path.with_suffix(".people.parquet")))
    print(f"{spent}; recognition alone {full:.1f} s of processor")
    first, start_up, night = (night_of(connection, model, changes, seed) for seed, changes in enumerate((10, 10, CHANGES)))
    print(
        f"a night of {CHANGES:,} changes {night:.2f} s, of which start-up (a night of 10 changes) {start_up:.2f} s; the first {first:.2f} s"
    )
    print(f"the night without start-up is {(night - start_up) / full:.1%} of the full run")


def night_of(connection: duckdb.DuckDBPyConnection, model: Model, changes: int, seed: int) -> float:
    """Seconds of processor for a night in which three quarters of so many records are described anew and the rest are gone."""
    connection.execute(
        f"""create or replace temporary table picked as
            select record_id, row_number() over (order by hash(record_id || '{seed}')) as place from records qualify place <= {changes}"""
    )
    connection.execute(
        """
        create or replace table changed as
        select * replace (
            case when place % 3 = 0 then null else postcode end as postcode,
            case when place % 3 = 1 then forename || 'a' else forename end as forename,
            case when place % 3 = 1 then null else nhs_number end as nhs_number
        )
        from records join picked using (record_id)
        where place % 4 <> 0
        """
    )
    connection.execute("create or replace table gone as select record_id from picked where place % 4 = 0")
    began = time.process_time()
    index.take_in_changes(connection, "changed", "gone", model)
    index.spread_touch(connection)
    index.judge(connection, model, only_reached=True)
    spent = time.process_time() - began
    connection.execute("delete from records where record_id in (select record_id from picked)")
    connection.execute("insert into records by name select * exclude (place) from changed")
    return spent


if __name__ == "__main__":
    main()
