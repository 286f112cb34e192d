"""How long each model takes with as many rows as a borough has: `python tests/benchmarks/build_marts.py --people 132000`.

Makes a borough up, takes all its deliveries in, builds the linked care dataset without its tests, and prints the seconds and
rows of each model, the slowest first. Everything lies in a folder of its own, named by --var, which is kept: where it holds a
warehouse already, only the build is made anew. 132,000 people are about 6 million rows, and take hours to take in.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Fill a warehouse, unless it is filled, and build."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--people", default="132000")
    arguments.add_argument("--from", dest="first", default="2018-10")
    arguments.add_argument("--until", default="2020-06")
    arguments.add_argument("--var", type=Path, required=True, help="an empty folder, or one that this benchmark filled")
    asked = arguments.parse_args()
    os.environ["CARES_VAR"] = str(asked.var.resolve())
    from cares import builds, warehouse

    if not (asked.var / "simulated").exists():
        fill(asked.var / "simulated", asked.people, asked.first, asked.until)
    builds.LEFT_OUT = (*builds.LEFT_OUT, "test")
    build_id = builds.build(say=lambda step: print(step, file=sys.stderr))
    with warehouse.connect("pipeline") as connection:
        ((rows,),) = connection.execute("select sum(accepted_rows) from ledger.delivery_file").fetchall()
        print(f"{rows:,} accepted rows")
        for layer, model, seconds, made in connection.execute(
            "select layer, model, seconds, rows from ledger.model_outcome where build_id = %s order by seconds desc", (build_id,)
        ):
            print(f"{seconds:9.1f} s  {'' if made is None or made < 0 else f'{made:,}':>12} rows  {layer}: {model}")
    warehouse.stop()


def fill(simulated: Path, people: str, first: str, until: str) -> None:
    """Simulate a borough, and take its deliveries in as they would have come."""
    from cares import deliveries, landing, warehouse

    cares = Path(sys.executable).with_name("cares")
    simulate: list[str | Path] = [cares, "simulate", "--people", people, "--from", first, "--until", until, "--out", simulated]
    subprocess.run(simulate, check=True, stdout=subprocess.DEVNULL)
    warehouse.ensure_ready()
    landing.prepare()
    subprocess.run([cares, "agreement", "load", simulated / "agreements.csv"], check=True, stdout=subprocess.DEVNULL)
    folders = [folder for folder in simulated.glob("outbox/*/*/*") if folder.is_dir()]
    for number, folder in enumerate(sorted(folders, key=lambda folder: (folder.name, folder)), 1):
        feed = "/".join(folder.parts[-3:-1])
        print(f"{number} of {len(folders)}: {feed} {folder.name}", file=sys.stderr)
        # What is sent again stands in a folder of its own, as in 2020-02__2.
        decision = deliveries.receive(feed, folder.iterdir(), folder.name.partition("__")[0])
        if decision.state == "held":
            deliveries.act("release", decision.delivery_id, "for the benchmark")


if __name__ == "__main__":
    main()
