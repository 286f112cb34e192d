"""How right the clusters of a person index are, where it is known who is who: counted in pairs of records, and in people."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pandas as pd

AGES = (0, 18, 40, 65, 80)  # from these years on


def scores(person: np.ndarray, cluster: np.ndarray) -> dict[str, float]:
    """Pairs put into one cluster against pairs of one person, and how many people were found whole or put together.

    `person` and `cluster` name, for each record, who it is of and where it was put. precision, recall and f1 are shares of
    pairs; exact is the share of people whose records are one cluster of their own; merged_people are in a cluster with
    others, merged_clusters hold more than one person, split_people stand in more than one cluster.
    """
    both = pd.DataFrame({"person": pd.factorize(person)[0], "cluster": pd.factorize(cluster)[0]})
    cells = both.value_counts(sort=False).rename("records").reset_index()
    found, together = _pairs(cells["records"]), _pairs(both["cluster"].value_counts())
    true = _pairs(both["person"].value_counts())
    people_in = cells.groupby("cluster")["person"].transform("size")
    clusters_of = cells.groupby("person")["cluster"].transform("size")
    precision, recall = found / max(together, 1), found / max(true, 1)
    people = both["person"].nunique()
    return {
        "records": len(both),
        "people": people,
        "clusters": both["cluster"].nunique(),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, 1e-9),
        "exact": int(((people_in == 1) & (clusters_of == 1)).sum()) / people,
        "merged_people": cells.loc[people_in > 1, "person"].nunique(),
        "merged_clusters": cells.loc[people_in > 1, "cluster"].nunique(),
        "split_people": cells.loc[clusters_of > 1, "person"].nunique(),
    }


def recall_by_source(person: np.ndarray, cluster: np.ndarray, source: np.ndarray) -> pd.Series:
    """The share of the true pairs in which a source has part that were put into one cluster, by source."""
    table = pd.DataFrame({"person": pd.factorize(person)[0], "cluster": pd.factorize(cluster)[0], "source": source})

    found = {}
    for of in sorted(table["source"].unique()):
        is_of = (table["source"] == of).to_numpy()
        each = table.assign(of=is_of)
        totals = [each.groupby(keys)["of"].agg(["size", "sum"]) for keys in (["person", "cluster"], ["person"])]
        inside, true = (_pairs(counts["size"]) - _pairs(counts["size"] - counts["sum"]) for counts in totals)
        found[of] = inside / max(true, 1)
    return pd.Series(found)


def recall_by_group(person: np.ndarray, cluster: np.ndarray, group: np.ndarray) -> pd.DataFrame:
    """Recall of pairs by a group of their people, and the share of the people of the group put together with others."""
    cells = pd.DataFrame({"group": group, "person": person, "cluster": cluster}).value_counts(sort=False)
    cells = cells.rename("records").reset_index()
    cells["merged"] = cells.groupby("cluster")["person"].transform("nunique") > 1
    rows = {}
    for name, of in cells.groupby("group"):
        each = of.groupby("person").agg(records=("records", "sum"), merged=("merged", "any"))
        rows[name] = {"people": len(each), "recall": _pairs(of["records"]) / max(_pairs(each["records"]), 1)}
        rows[name]["merged"] = float(each["merged"].mean())
    return pd.DataFrame(rows).T


def report(records: pd.DataFrame, cluster: np.ndarray, people: Path) -> str:
    """All scores of the clusters of `records`, by source too, and where there is a file of who the people are by group."""
    person = records["person"].to_numpy()
    found = scores(person, cluster)
    lines = [f"{name:16s} {value:,.5f}" if isinstance(value, float) else f"{name:16s} {value:,}" for name, value in found.items()]
    lines += ["recall of pairs with a record of", recall_by_source(person, cluster, records["source"].to_numpy()).to_string()]
    if people.exists():
        known = pd.read_parquet(people).set_index("person").reindex(person)
        born = pd.to_datetime(known["date_of_birth"])
        age = np.floor((born.max() - born).dt.days.to_numpy() / 365.2425)
        band = np.array([f"from {start:02d}" for start in AGES], dtype=object)[np.searchsorted(AGES, age, "right") - 1]
        for group in (band, known["origin"].to_numpy()):
            lines.append(recall_by_group(person, cluster, group).to_string(formatters={"people": "{:,.0f}".format}))
    return "\n".join(lines)


def used() -> str:
    """Processor seconds of this process so far (user and system), and its peak memory."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return f"processor {usage.ru_utime + usage.ru_stime:.1f} s, peak memory {usage.ru_maxrss / 1024**2:.2f} GB"


def _pairs(sizes: pd.Series) -> float:
    return float((sizes * (sizes - 1) // 2).sum())
