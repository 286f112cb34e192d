"""The ten questions of the People's Board: each is a file of SQL that any analyst can run, with its caveats and its coverage.

A file says in its first comment lines what is asked, who reads the answer, what must be known of it, and which feeds it rests
on; the rest is one query of published tables. Its last column is `cannot_be_answered_because`: null in a row that answers.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any, TextIO

import psycopg

from cares import settings, warehouse

FOLDER = settings.DBT_PROJECT / "analyses"
WHY_NOT = "cannot_be_answered_because"
_HEAD = re.compile(r"-- Question (?P<number>\d+): (?P<asked>.+)")
_SAID = re.compile(r"-- (?P<what>Reader|Caveats|Coverage):(?: (?P<text>.+))?")


class QuestionError(Exception):
    """A question that cannot be put: says what is missing and what to do, never a value."""


@dataclass(frozen=True)
class Question:
    """A question, who reads its answer, what must be known of it, the feeds that it rests on, and its query."""

    number: int
    asked: str
    reader: str
    caveats: tuple[str, ...]
    feeds: tuple[str, ...]
    query: str
    path: Path


@dataclass(frozen=True)
class Coverage:
    """How many of a feed's promised months are told, in part told or not told at all, and from which to which."""

    feed: str
    complete: int
    partly: int
    no_data: int
    first_month: date | None
    last_month: date | None
    last_received_on: date | None


@dataclass(frozen=True)
class Answer:
    """What the warehouse says: rows with the names of their columns, the reasons why not, and the coverage of each feed."""

    question: Question
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    why_not: tuple[str, ...]
    coverage: tuple[Coverage, ...]


def questions() -> tuple[Question, ...]:
    """All questions, by number."""
    return _read(FOLDER)


def question(number: int) -> Question:
    """One question. Raises QuestionError where there is none of that number."""
    for one in questions():
        if one.number == number:
            return one
    raise QuestionError(f"There is no question {number}: use one of {', '.join(str(one.number) for one in questions())}.")


def ask(number: int) -> Answer:
    """Put a question to the published tables, with no more rights than an analyst has.

    Raises QuestionError where nothing is published that it could be put to, WarehouseError when the warehouse does not answer.
    """
    asked = question(number)
    with warehouse.safe_errors(), warehouse.connect("analyst") as connection:
        connection.read_only = True
        try:
            found = connection.execute(asked.query.encode())
            columns = tuple(column.name for column in found.description or ())
            rows = found.fetchall()
            coverage = _coverage(connection, asked.feeds)
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.InsufficientPrivilege):
            raise QuestionError(
                f"Question {number} cannot be put: nothing that it reads is published yet. Take in deliveries, then run: "
                "cares build run (or cares demo for a made-up borough)."
            ) from None
        except psycopg.errors.UndefinedColumn:
            raise QuestionError(
                f"Question {number} cannot be put: the published build is older than {asked.path.name}. Run: cares build run"
            ) from None
    place = columns.index(WHY_NOT)
    return Answer(
        asked,
        columns[:place],
        tuple(row[:place] for row in rows if row[place] is None),
        tuple(row[place] for row in rows if row[place] is not None),
        coverage,
    )


def write_csv(answer: Answer, to: TextIO) -> None:
    """Write an answer as CSV: its rows, and the reasons why not in the last column, as the query gives them."""
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow([*answer.columns, WHY_NOT])
    writer.writerows([*row, None] for row in answer.rows)
    writer.writerows([*([None] * len(answer.columns)), reason] for reason in answer.why_not)


def _coverage(connection: psycopg.Connection[Any], feeds: Sequence[str]) -> tuple[Coverage, ...]:
    rows = connection.execute(
        """
        select needed.feed,
            count(*) filter (where coverage.status = 'complete'),
            count(*) filter (where coverage.status = 'partly'),
            count(*) filter (where coverage.status = 'no data' and coverage.is_promised),
            min(coverage.month) filter (where coverage.status <> 'no data'),
            max(coverage.month) filter (where coverage.status <> 'no data'),
            max(coverage.last_received_on)
        from unnest(%s::text[]) with ordinality as needed (feed, place)
        left join insight.coverage as coverage on coverage.feed = needed.feed
        group by needed.feed, needed.place
        order by needed.place
        """,
        (list(feeds),),
    ).fetchall()
    return tuple(Coverage(*row) for row in rows)


@cache
def _read(folder: Path) -> tuple[Question, ...]:
    return tuple(sorted((_question(path) for path in folder.glob("*.sql")), key=lambda one: one.number))


def _question(path: Path) -> Question:
    lines = path.read_text("utf-8").splitlines()
    head = _HEAD.fullmatch(lines[0]) if lines else None
    if not head:
        raise QuestionError(f"{path.name}: begin with a line like: -- Question 1: What is asked?")
    said: dict[str, list[str]] = {"Reader": [], "Caveats": [], "Coverage": []}
    of = None
    comments = list(takewhile(lambda line: line.startswith("--"), lines))
    for line in comments[1:]:
        if found := _SAID.fullmatch(line):
            of = said[found["what"]]
            of += [found["text"]] if found["text"] else []
        elif of is not None and line.startswith("-- - "):
            of.append(line.removeprefix("-- - "))
        elif of:
            of[-1] += " " + line.removeprefix("--").strip()
    missing = [what for what, text in said.items() if not text]
    if missing:
        raise QuestionError(f"{path.name}: its first lines say no {', '.join(missing)}")
    feeds = tuple(feed.strip() for feed in " ".join(said["Coverage"]).split(","))
    query = "\n".join(lines[len(comments) :]).strip()
    return Question(int(head["number"]), head["asked"], " ".join(said["Reader"]), tuple(said["Caveats"]), feeds, query, path)
