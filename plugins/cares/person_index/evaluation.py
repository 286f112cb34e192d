"""How right the index is, where the truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cares import warehouse


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
        connection.execute(
            """create temporary table answer (organisation text, source text, local_person_id text, person text)
               on commit drop"""
        )
        with (
            answer_key.open("rb") as file,
            connection.cursor().copy("copy answer from stdin (format csv, header match)") as copy,
        ):
            while block := file.read(1 << 20):
                copy.write(block)
        records, persons, true_persons, together, truly, both = connection.execute(
            """
            with judged as (
                select membership.person_id, answer.person
                from (select distinct * from answer) as answer
                inner join person_index.membership
                    on membership.person_record_id
                        = concat_ws('/', answer.organisation, answer.source, answer.local_person_id)
                    and membership.valid_to is null
            ),
            meeting as (select person_id, person, count(*) as n from judged group by person_id, person),
            person as (select person_id, count(*) as n from judged group by person_id),
            true_person as (select person, count(*) as n from judged group by person)
            select
                (select count(*) from judged),
                (select count(*) from person),
                (select count(*) from true_person),
                (select coalesce(sum(n * (n - 1) / 2), 0) from person),
                (select coalesce(sum(n * (n - 1) / 2), 0) from true_person),
                (select coalesce(sum(n * (n - 1) / 2), 0) from meeting)
            """
        ).fetchone()
    precision = float(both / together) if together else 1.0
    recall = float(both / truly) if truly else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Evaluation(records, persons, true_persons, precision, recall, f1)
