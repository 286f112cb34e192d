"""Run by the Python of an environment with PySpark: Splink's scores of pairs of descriptions, worked out by Spark.

    python weigh_on_spark.py FOLDER

The folder holds `settings.json` (Splink's settings), `comparable.parquet` (descriptions) and `candidate.parquet` (pairs, in
columns join_key_l, join_key_r and match_key); `weighed.parquet` is written beside them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession
from splink import Linker
from splink.backends.spark import SparkAPI, similarity_jar_location

folder = Path(sys.argv[1])
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.jars", similarity_jar_location())
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.warehouse.dir", str(folder / "spark-warehouse"))
    .config("spark.local.dir", str(folder))
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.ui.enabled", "false")
    .getOrCreate()
)
api = SparkAPI(spark_session=spark, break_lineage_method="persist")
comparable = spark.read.parquet(str(folder / "comparable.parquet"))
shares = [name for name in comparable.columns if name.startswith("tf_")]
linker = Linker(api.register(comparable.drop(*shares)), json.loads((folder / "settings.json").read_text("utf-8")))
for share in shares:
    column = share.removeprefix("tf_")
    known = comparable.select(column, share).where(f"{column} is not null").distinct()
    linker.table_management.register_term_frequency_lookup(api.register(known), column)
linker.table_management.register_blocked_pairs_for_predict(api.register(spark.read.parquet(str(folder / "candidate.parquet"))))
scored = linker.inference.predict(warning_mode="never").as_spark_dataframe()
scored.coalesce(1).write.parquet(str(folder / "weighed.parquet"))
spark.stop()
