"""How right the index is, where the truth is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from cares import settings, simulated, warehouse


@dataclass(frozen=True)
class Pairs:
    """Pairs of records: those put together, those that belong together, and those that are both.

    Without any pair put together precision is 1, and without any true pair recall is.
    """

    linked_pairs: int
    true_pairs: int
    pairs_right: int

    @property
    def precision(self) -> float:
        """Of the pairs put together, the share that is right."""
        return self.pairs_right / self.linked_pairs if self.linked_pairs else 1.0

    @property
    def recall(self) -> float:
        """Of the true pairs, the share that was found."""
        return self.pairs_right / self.true_pairs if self.true_pairs else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def as_json(self) -> dict[str, float | int]:
        """Figures and counts under their names."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "true_pairs": self.true_pairs,
            "linked_pairs": self.linked_pairs,
            "pairs_right": self.pairs_right,
        }


@dataclass(frozen=True)
class People:
    """What became of the true people, and of those whose records are exactly one cluster.

    Over-linked people share a cluster with another person; under-linked ones are split over several.
    """

    people: int
    clusters: int
    recovered: int
    over_linked: int
    under_linked: int


class Judgement:
    """Clusters of records beside the truth, an element for each record that has both."""

    def __init__(self, cluster: Iterable[Any], truth: Iterable[Any]) -> None:
        self._cluster = _codes(cluster)
        self._truth = _codes(truth)
        # A meeting is what one true person and one cluster have in common.
        self._meeting = _codes(self._cluster * (int(self._truth.max(initial=0)) + 1) + self._truth)

    def pairs(self, chosen: np.ndarray | None = None) -> Pairs:
        """All pairs; with `chosen` (a boolean for each record) those in which at least one record is among the chosen."""
        return Pairs(*(_pairs(label, chosen) for label in (self._cluster, self._truth, self._meeting)))

    def by(self, group: Iterable[Any]) -> dict[str, tuple[int, Pairs]]:
        """For each value of `group` (an element for each record): its records, and the pairs with at least one of them."""
        names, codes = np.unique(np.asarray(group, dtype=str), return_inverse=True)
        chosen = [codes == code for code in range(len(names))]
        return {str(name): (int(of.sum()), self.pairs(of)) for name, of in zip(names, chosen, strict=True)}

    def people(self) -> People:
        """What became of each true person."""
        _, at = np.unique(self._meeting, return_index=True)
        cluster, truth = self._cluster[at], self._truth[at]
        is_shared = np.bincount(cluster)[cluster] > 1
        over = np.bincount(truth, weights=is_shared) > 0
        under = np.bincount(truth) > 1
        return People(
            len(over), int(self._cluster.max(initial=-1)) + 1, int((~over & ~under).sum()), int(over.sum()), int(under.sum())
        )


def _codes(labels: Iterable[Any]) -> np.ndarray:
    return np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)


def _pairs(label: np.ndarray, chosen: np.ndarray | None) -> int:
    if not len(label):
        return 0
    every = _pairs_within(np.bincount(label))
    return every if chosen is None else every - _pairs_within(np.bincount(label[~chosen], minlength=1))


def _pairs_within(sizes: np.ndarray) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


@dataclass(frozen=True)
class Evaluation:
    """Pairwise figures: of the pairs put together, how many are right; of the true pairs, how many were found."""

    person_records: int
    persons: int
    true_persons: int
    precision: float
    recall: float
    f1: float


def evaluate(answer_key: Path) -> Evaluation:
    """Compare the index with an answer key: a CSV with organisation, source, local_person_id, person.

    Records that only one side knows are left aside. Without any pair, precision and recall are 1.
    Raises `WarehouseError` if the file's columns are others or the database refuses.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        records, judgement = _judge(connection, answer_key)
    pairs, people = judgement.pairs(), judgement.people()
    return Evaluation(records, people.clusters, people.people, pairs.precision, pairs.recall, pairs.f1)


def judge_build(build_id: int | None = None) -> None:
    """Keep, for the quality report of a build or of the latest one, how far the index agrees with the simulator's answer key.

    Does nothing where the data are not simulated, where there is no answer key, or where the index has moved on to a later
    build. Raises `WarehouseError` if the answer key has other columns or the database refuses.
    """
    answer_key = settings.VAR / "answer_key" / "persons.csv"
    if not simulated.is_simulated() or not answer_key.exists():
        return
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        latest = connection.execute("select max(build_id) from ledger.build").fetchone()[0]
        if latest is None or build_id not in (None, latest):
            return
        records, judgement = _judge(connection, answer_key)
        pairs, people = judgement.pairs(), judgement.people()
        connection.execute(
            """
            insert into person_index.judged_by_answer_key
                (build_id, person_records, persons, true_persons, recovered_persons, linked_pairs, true_pairs, pairs_right)
            values (%s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (build_id) do update set
                judged_at = now(), person_records = excluded.person_records, persons = excluded.persons,
                true_persons = excluded.true_persons, recovered_persons = excluded.recovered_persons,
                linked_pairs = excluded.linked_pairs, true_pairs = excluded.true_pairs, pairs_right = excluded.pairs_right
            """,
            (
                latest,
                records,
                people.clusters,
                people.people,
                people.recovered,
                pairs.linked_pairs,
                pairs.true_pairs,
                pairs.pairs_right,
            ),
        )


def _judge(connection: psycopg.Connection[Any], answer_key: Path) -> tuple[int, Judgement]:
    """How many records both the index and the answer key know, and what they say of them."""
    connection.execute(
        "create temporary table answer (organisation text, source text, local_person_id text, person text) on commit drop"
    )
    with (
        answer_key.open("rb") as file,
        connection.cursor().copy("copy answer from stdin (format csv, header match)") as copy,
    ):
        while block := file.read(1 << 20):
            copy.write(block)
    # A number stands for each true person: their names would be several times as large.
    rows = connection.execute(
        """
        select membership.person_id, dense_rank() over (order by answer.person)
        from (select distinct * from answer) as answer
        inner join person_index.membership
            on membership.person_record_id = concat_ws('/', answer.organisation, answer.source, answer.local_person_id)
            and membership.valid_to is null
        """
    ).fetchall()
    both = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return len(rows), Judgement(both[:, 0], both[:, 1])
