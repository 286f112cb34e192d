"""A model weighs the same pairs alike wherever Splink runs: in DuckDB, as the person index does, and on Spark.

PySpark has an environment of its own: `make spark` makes it. It needs Java.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from cares import settings
from cares.person_index import descriptions, scoring
from cares.person_index.model import COMPARISONS, Model

SPARK = Path(os.environ.get("CARES_SPARK", settings.ROOT / ".venv-spark")) / "bin" / "python"

pytestmark = [
    pytest.mark.skipif(not shutil.which("java"), reason="Spark needs Java, which is not here"),
    pytest.mark.skipif(not SPARK.exists(), reason="Spark has no environment here: make spark"),
]

# Columns, and what one person may be described by in them: each comparison has two that are the same, and any that are
# alike in another way.
MADE_UP = {
    "nhs_number": ["9434765919", "9876543210", None],
    "forename": [
        "Elizabeth",
        "Lizzie",
        "Elisabeth",
        "Eliz",
        "Margaret",
        "Hargreaves",
        "Hargreave",
        "Elizabht",
        "Elspeth",
        "Rose",
        None,
    ],
    "middle_name": ["Rose", "Ruth", "Elizabeth", None],
    "surname": ["Hargreaves", "Hargreave", "Hargreaves-Platt", "Platt", "Hargrieve", "Elizabeth", "Okafor", None],
    "date_of_birth": [
        "1984-03-07",
        "1984-07-03",
        "1984-03-08",
        "1984-01-01",
        "1989-03-07",
        "1990-03-07",
        "1984-11-07",
        "1951-12-25",
        None,
    ],
    "sex": ["F", "M", None],
    "address": ["12 Mill Lane", "12 Mills Lane", "14 Mill Lane", "Mill Lane", "3 Church Road", None],
    "postcode": ["WA10 1AB", "WA10 1AC", "WA10 1ZZ", "WA9 5QT", None],
    "uprn": ["100010001", "100010002", None],
    "phone": ["01744456789", "07700900123", None],
}


def test_spark_and_duckdb_give_every_pair_the_same_weight(tmp_path: Path) -> None:
    chance = random.Random(7)
    described = [{column: chance.choice(values) for column, values in MADE_UP.items()} for _ in range(300)]
    model = Model.load()
    with duckdb.connect() as connection:
        connection.register("sent", pa.Table.from_pylist([{"record_id": str(at), **row} for at, row in enumerate(described)]))
        descriptions.prepare(connection, "sent")
        scoring.count_frequencies(connection)
        scoring.add_frequencies(connection)
        connection.execute(
            """create temporary table candidate as
               select l.description_id as join_key_l, r.description_id as join_key_r
               from description as l join description as r on l.description_id < r.description_id"""
        )
        ours = scoring.predict(connection, model)
        (tmp_path / "settings.json").write_text(json.dumps(model.settings("spark")))
        connection.execute(f"copy (from comparable) to '{tmp_path}/comparable.parquet'")
        connection.execute(f"copy (select *, '0' as match_key from candidate) to '{tmp_path}/candidate.parquet'")

        done = subprocess.run(
            [SPARK, Path(__file__).with_name("weigh_on_spark.py"), tmp_path], capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stderr[-3000:]

        levels = [f"gamma_{name}" for name in COMPARISONS]
        pairs, paired, furthest, otherwise = connection.execute(
            f"""
            select
                (select count(*) from candidate), count(*), max(abs(ours.match_weight - theirs.match_weight)),
                count(*) filter ({" or ".join(f"ours.{level} <> theirs.{level}" for level in levels)})
            from {ours.physical_name} as ours
            join '{tmp_path}/weighed.parquet/*.parquet' as theirs using (description_id_l, description_id_r)
            """
        ).fetchall()[0]
        seen = connection.execute(
            " union all ".join(
                f"select distinct '{name}', {level} from {ours.physical_name}"
                for name, level in zip(COMPARISONS, levels, strict=True)
            )
        ).fetchall()

    every_level = {(name, level) for name, (_, of_it) in COMPARISONS.items() for level in range(-1, len(of_it) + 1)}
    assert every_level - set(seen) == set(), "each level of each comparison is to be among the pairs"
    assert paired == pairs > 40_000
    assert otherwise == 0
    assert furthest < 1e-6
