"""A random sample of linked pairs for people to judge, and what their judgements say about all of them."""

from __future__ import annotations

import csv
import getpass
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from cares import warehouse
from cares.person_index import trial
from cares.person_index.clustering import GREY
from cares.person_index.trial import KNOWN_COLUMNS, TrialError

# Where the strata of linked pairs begin, in log2 odds of the direct comparison.
_STRATA_FROM = (8.0, 15.0, 25.0)
_GREY_STRATUM = "g"
# Weaker links are judged more often than there are of them; a fifth of the sample is pairs that were nearly linked.
_SHARE_OF_GREY = 0.2
_COLUMNS = ("pair", "same", "record_l", "record_r", "stratum", "pairs_in_stratum")
_ANSWERS = ("yes", "no", "unsure")
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A share with its 95 % interval, from so many judgements; `unsure` were left aside."""

    share: float
    lower: float
    upper: float
    judged: int
    unsure: int


@dataclass(frozen=True)
class SampleResult:
    """Of the pairs that were linked, the share that is right; of those in the grey band, the share that is one person."""

    precision: Estimate | None
    grey_that_are_the_same: Estimate | None
    not_judged: int

    def as_json(self) -> dict[str, object]:
        """Both estimates under their names."""
        return {
            "precision": vars(self.precision) if self.precision else None,
            "grey_that_are_the_same": vars(self.grey_that_are_the_same) if self.grey_that_are_the_same else None,
            "not_judged": self.not_judged,
        }


# Every pair of records in one person, by how strongly the two are linked directly: the same words, in bands of weight, or
# only through others; and the pairs that were nearly linked.
_STRATA = f"""
create or replace temporary table stratum_pair as
with described as (
    select record_id, row, cluster, description_id from recognised_record join record_description using (record_id)
),
directly as (
    select least(l.row, r.row) as one, greatest(l.row, r.row) as other,
        max(weight + case numbers when 1 then $same when 0 then $different else 0 end) as weight
    from edge
    join described as l on l.description_id = description_l
    join described as r on r.description_id = description_r
    where l.cluster = r.cluster and l.row <> r.row
    group by all
    union all
    select l.row, r.row, cast('infinity' as double)
    from described as l join described as r on l.description_id = r.description_id and l.row < r.row
),
strongest as (select one, other, max(weight) as weight from directly group by all),
linked as (
    select l.row as one, r.row as other
    from recognised_record as l join recognised_record as r on l.cluster = r.cluster and l.row < r.row
)
select one, other, case
        when weight is null then 'a'
        {" ".join(f"when weight < {limit} then '{letter}'" for limit, letter in zip(_STRATA_FROM, "bcd", strict=True))}
        when not isinf(weight) then 'e'
        else 'f'
    end as stratum
from linked left join strongest using (one, other)
union all
select one, other, '{_GREY_STRATUM}' from nearly_linked
"""

_NEARLY_LINKED = f"""
create or replace temporary table nearly_linked as
with described as (select row, cluster, description_id from recognised_record join record_description using (record_id))
select distinct least(l.row, r.row) as one, greatest(l.row, r.row) as other
from refused
join described as l on l.description_id = description_l
join described as r on r.description_id = description_r
where guard = '{GREY}' and l.cluster <> r.cluster
"""

# What the index of the warehouse holds, as a trial leaves it; the weights there are final.
_FROM_WAREHOUSE = {
    "sent": """
        select row_number() over (order by person_record_id) as row, person_record_id as record_id, person_id as cluster
        from person_index.membership where valid_to is null
    """,
    "record_description": "select person_record_id as record_id, description_id from person_index.described_record",
    "edge": "select description_l, description_r, weight, -1 as numbers from person_index.edge where valid_to is null",
    "asked": """
        select record_l, record_r from person_index.pair_to_decide
        where closed_at is null and reason = 'grey' and not is_sealed
    """,
}


def draw(
    connection: duckdb.DuckDBPyConnection,
    number_weights: tuple[float, float],
    pairs: int,
    path: Path,
    with_values: bool = False,
    seed: int | None = None,
) -> int:
    """Write a random sample of about `pairs` pairs of a trial to the CSV file `path`; returns how many there are.

    The strata stand for strengths of the link; the numbers of pairs drawn from them are as the square roots of how many
    they hold. It holds record ids; `with_values` what the table says of both records, too. Raises TrialError.
    """
    connection.execute(_NEARLY_LINKED)
    return _draw(connection, number_weights, pairs, path, with_values, seed)


def draw_from_warehouse(pairs: int, path: Path) -> int:
    """`draw`, of the index in the warehouse: record ids alone. Raises TrialError, or WarehouseError."""
    with trial.workspace() as connection:
        for table, query in _FROM_WAREHOUSE.items():
            trial.read_warehouse(connection, table, query)
        connection.execute("create table recognised_record as select row, record_id, cluster from sent")
        connection.execute(
            """create temporary table nearly_linked as
               select least(l.row, r.row) as one, greatest(l.row, r.row) as other
               from asked join sent as l on l.record_id = record_l join sent as r on r.record_id = record_r
               where l.cluster <> r.cluster"""
        )
        return _draw(connection, (0.0, 0.0), pairs, path, with_values=False, seed=None)


def _draw(
    connection: duckdb.DuckDBPyConnection,
    number_weights: tuple[float, float],
    pairs: int,
    path: Path,
    with_values: bool,
    seed: int | None,
) -> int:
    different, same = number_weights
    connection.execute(_STRATA, {"same": same, "different": different})
    sizes = dict(connection.execute("select stratum, count(*) from stratum_pair group by stratum order by stratum").fetchall())
    if not sizes:
        raise TrialError("No pair was linked or nearly linked, so that there is none to judge")
    chance = seed if seed is not None else random.SystemRandom().randrange(2**31)
    wanted = _allocate(sizes, pairs)
    present = [name for name, *_ in connection.execute("describe sent").fetchall()]
    values = [name for name in KNOWN_COLUMNS if name in present and name != "record_id"] if with_values else []
    beside = "".join(f", l.{name} as {name}_l, r.{name} as {name}_r" for name in values)
    limits = " or ".join(f"stratum = '{stratum}' and nth <= {number}" for stratum, number in wanted.items())
    chosen = connection.execute(
        f"""
        with shuffled as (
            select *, row_number() over (partition by stratum order by hash(one, other, $chance), one, other) as nth,
                count(*) over (partition by stratum) as pairs_in_stratum
            from stratum_pair
        )
        select
            row_number() over (order by hash(other, one, $chance), one, other) as pair, '' as same,
            l.record_id as record_l, r.record_id as record_r, stratum, pairs_in_stratum{beside}
        from shuffled join sent as l on l.row = one join sent as r on r.row = other
        where {limits}
        order by pair
        """,
        {"chance": chance},
    ).fetchall()
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*_COLUMNS, *(f"{name}_{side}" for name in values for side in "lr")])
            writer.writerows(chosen)
    except OSError as error:
        raise TrialError(f"{path} cannot be written: {error.strerror}") from error
    return len(chosen)


def _allocate(sizes: dict[str, int], pairs: int) -> dict[str, int]:
    """How many pairs to draw from each stratum; at least one, and no more than there are."""
    shares = {}
    for is_grey, share in ((True, _SHARE_OF_GREY), (False, 1 - _SHARE_OF_GREY)):
        of = {stratum: math.sqrt(size) for stratum, size in sizes.items() if (stratum == _GREY_STRATUM) == is_grey}
        shares.update({stratum: share * root / sum(of.values()) for stratum, root in of.items()})
    return {stratum: min(sizes[stratum], max(1, round(pairs * share))) for stratum, share in shares.items()}


def read_judgements(path: Path) -> SampleResult:
    """What a judged sample says: a CSV with columns pair and same (yes, no or unsure), and the strata that `draw` wrote.

    Without strata every pair counts as much as any other. Raises TrialError.
    """
    rows = _read(path)
    answers: dict[str, list[tuple[str, float]]] = {"linked": [], "grey": []}
    not_judged = 0
    judged_in: dict[str, int] = {}
    for row in rows:
        if row["same"] in ("yes", "no"):
            judged_in[row["stratum"]] = judged_in.get(row["stratum"], 0) + 1
    for row in rows:
        if not row["same"]:
            not_judged += 1
            continue
        weight = float(row["pairs_in_stratum"] or 1) / judged_in.get(row["stratum"], 1)
        answers["grey" if row["stratum"] == _GREY_STRATUM else "linked"].append((row["same"], weight))
    return SampleResult(_estimate(answers["linked"]), _estimate(answers["grey"]), not_judged)


def keep(told: SampleResult) -> None:
    """Keep, for the quality report, what a judged sample says of all links. Raises TrialError where nothing was judged."""
    if told.precision is None:
        raise TrialError("No linked pair of the sample was judged yes or no, so that it says nothing to keep")
    share = told.precision
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute(
            """insert into person_index.judged_sample (judged_by, judged, unsure, share_right, lower, upper)
               values (%s, %s, %s, %s, %s, %s)""",
            (getpass.getuser(), share.judged, share.unsure, share.share, share.lower, share.upper),
        )


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in ("pair", "same") if name not in (reader.fieldnames or [])]
            if missing:
                raise TrialError(
                    f"{path} has no column {' and no column '.join(missing)}; expected a judged sample with: {', '.join(_COLUMNS)}"
                )
            rows = [{name: (row.get(name) or "").strip().lower() for name in _COLUMNS} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrialError(f"{path} cannot be read as CSV in UTF-8 ({type(error).__name__})") from error
    for line, row in enumerate(rows, start=2):
        if row["same"] and row["same"] not in _ANSWERS:
            raise TrialError(f"{path}: line {line}, column same: expected yes, no, unsure, or nothing while it is not judged")
        if row["stratum"] and not (row["pairs_in_stratum"].isdigit() and int(row["pairs_in_stratum"])):
            raise TrialError(
                f"{path}: line {line}, column pairs_in_stratum: expected the number that was drawn up with the sample"
            )
    pairs = [row["pair"] for row in rows]
    if len(set(pairs)) < len(pairs):
        raise TrialError(f"{path}: a number stands twice in the column pair; judge each pair once")
    return rows


def _estimate(answers: Sequence[tuple[str, float]]) -> Estimate | None:
    clear = [(answer == "yes", weight) for answer, weight in answers if answer != "unsure"]
    if not clear:
        return None
    right, weights = np.array([yes for yes, _ in clear], float), np.array([weight for _, weight in clear])
    share = float((right * weights).sum() / weights.sum())
    lower, upper = interval(share, float(weights.sum() ** 2 / (weights**2).sum()))
    return Estimate(share, lower, upper, len(clear), len(answers) - len(clear))


def interval(share: float, judged: float) -> tuple[float, float]:
    """The 95 % interval of Clopper and Pearson (1934) of a share among so many judgements.

    Where judgements count unequally, `judged` is Kish's effective number of them, (sum of weights)² / sum of weights².
    """
    from scipy.special import betaincinv

    tail = (1 - _CONFIDENCE) / 2
    right = share * judged
    lower = float(betaincinv(right, judged - right + 1, tail)) if right > 0 else 0.0
    upper = float(betaincinv(right + 1, judged - right, 1 - tail)) if judged - right > 1e-9 else 1.0
    return lower, upper
