"""Small numbers in published tables of counts: what else must be hidden, so that no total and no earlier release gives one away.

dbt hides counts of 1 to 7 and rounds the others. Here the hidden ones are held against everything that a reader has seen of
the month, in this release and in earlier ones; where fewer than three values are left for one of them, another number of
that month is hidden, too. A count that did not change since a release is taken for one and the same, so that two releases
cannot be held against each other; and one that was hidden stays hidden until it is well past the limit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import psycopg
from psycopg import sql
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from cares import warehouse

ALL = "all"
LARGEST_HIDDEN = 7
# Whoever knows that one or two were added to a hidden count must not learn it from its being shown at last.
_SHOWN_AGAIN_FROM = 11
_FEWEST_VALUES = 3
_ANY = 10_000_000

Cell = tuple[str, ...]
Key = tuple[Cell, str]  # what it is of, and the measure


@dataclass(frozen=True)
class CountedTable:
    """A published table of counts: its slices are protected one by one. `people` are no more than `events`, and only the
    events of the parts add up to those of a total; one of the people may be in several parts.
    """

    schema: str
    name: str
    slice: str
    dimensions: tuple[str, str]
    people: str
    events: str

    @property
    def measures(self) -> tuple[str, str]:
        """The columns that hold counts; the count itself is in `guard_` and the name, what is read in the name and `_as_shown`."""
        return self.people, self.events


TABLES = (CountedTable("board", "care_by_month", "started_month", ("organisation", "kind"), "people", "care_events"),)


@dataclass
class Release:
    """What was released of one slice: each count, and what was shown of it (None: hidden)."""

    counted: dict[Key, int]
    shown: dict[Key, int | None] = field(default_factory=dict)


def protect(connection: psycopg.Connection[Any], build_id: int, schemas: dict[str, str]) -> int:
    """Hide what must be hidden in the tables of counts of a build that is about to be released, and remember the release.

    `schemas` are where its tables stand: published schema -> schema of the build. Returns how many numbers were hidden that
    were not small themselves.
    """
    hidden = 0
    for table in TABLES:
        place = sql.Identifier(schemas[table.schema], table.name)
        if not warehouse.is_there(connection, place.as_string(connection)):
            continue
        earlier = _released(connection, table)
        to_hide: list[tuple[Any, ...]] = []
        known: dict[Any, dict[Key, int | None]] = {}
        for day, counted in _counted(connection, table, place):
            releases = earlier.get(day, [])
            same = next((release for release in releases if release.counted == counted), None)
            if same:
                shown = same.shown
            else:
                # Many months of a long history have the same few counts.
                pattern = None if releases else tuple(sorted(counted.items()))
                shown = known.get(pattern) if pattern else None
                shown = shown or what_to_show(counted, releases, table)
                if pattern:
                    known[pattern] = shown
                _remember(connection, table, day, len(releases) + 1, counted, shown, build_id)
            to_hide += [
                (day, *cell, measure) for (cell, measure), number in shown.items()
                if number is None and counted[cell, measure] > LARGEST_HIDDEN
            ]  # fmt: skip
        for measure in table.measures:
            _hide(connection, table, place, measure, [row[:-1] for row in to_hide if row[-1] == measure])
        hidden += len(to_hide)
    return hidden


def what_to_show(counted: dict[Key, int], earlier: Sequence[Release], table: CountedTable = TABLES[0]) -> dict[Key, int | None]:
    """What may be shown of the counts of one slice after what was shown of it `earlier`: each to the nearest 5, or None."""
    last = earlier[-1] if earlier else Release({})
    shown: dict[Key, int | None] = {}
    for key, count in counted.items():
        same = next((one for one in reversed(earlier) if one.counted.get(key) == count), None)
        was_hidden = key in last.shown and last.shown[key] is None
        if same:
            shown[key] = same.shown[key]
        elif 1 <= count <= LARGEST_HIDDEN or was_hidden and 0 < count < _SHOWN_AGAIN_FROM:
            shown[key] = None
        else:
            shown[key] = 5 * ((count + 2) // 5)
    knowledge = _Knowledge([*earlier, Release(counted, shown)], table)
    # To hide more never tells more: a number that is safe stays so, and what was hidden for it is held against the rest after it.
    to_see = knowledge.hidden()
    while to_see:
        weak = to_see.pop(0)
        while not knowledge.is_safe(weak) and (keys := _best_to_hide(weak, knowledge, earlier)):
            for key in keys:
                shown[key] = None
                knowledge.hide(key)
                to_see.append((key, counted[key]))
    return shown


def given_away(releases: Sequence[Release], table: CountedTable = TABLES[0]) -> list[Key]:
    """The numbers, hidden in every one of these releases of one slice, for which a reader of all of them is left with fewer
    than three values; those of the last release first.
    """
    knowledge = _Knowledge(releases, table)
    return [key for key, count in knowledge.hidden() if not knowledge.is_safe((key, count))]


def possible_values(releases: Sequence[Release], key: Key, table: CountedTable = TABLES[0]) -> tuple[int, int]:
    """The least and the greatest value that a number of the last release can have for a reader of all of them."""
    return _Knowledge(releases, table).extremes((key, releases[-1].counted[key]))


class _Knowledge:
    """What a reader of some releases of one slice can work out: whole numbers within bounds, and sums and limits between them.

    The reader is taken to know the rule, which counts changed between two releases, and which hidden ones are small.
    """

    def __init__(self, releases: Sequence[Release], table: CountedTable) -> None:
        self.releases = releases
        self.table = table
        self.number: dict[tuple[Key, int], int] = {}
        self.lows: list[float] = []
        self.highs: list[float] = []
        self.is_hidden: list[bool] = []
        for release in releases:
            for key, count in release.counted.items():
                self._add(key, count, release.shown[key])
        # The counts themselves are one answer to everything seen.
        self.least = self.greatest = np.array([count for _, count in self.number], dtype=float)
        self.answers = 0
        self.rows: list[tuple[dict[int, float], float, float]] = []
        for release in releases:
            self._relate(release)
        entries = [(row, column, value) for row, (terms, _, _) in enumerate(self.rows) for column, value in terms.items()]
        rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
        self.constraint = LinearConstraint(
            coo_array((values, (rows, columns)), shape=(len(self.rows), len(self.lows))).tocsr(),
            [low for _, low, _ in self.rows],
            [high for _, _, high in self.rows],
        )

    def _add(self, key: Key, count: int, shown: int | None) -> None:
        low, high = _could_be(count, shown)
        place = self.number.setdefault((key, count), len(self.lows))
        if place == len(self.lows):
            self.lows.append(low)
            self.highs.append(high)
            self.is_hidden.append(shown is None)
        else:
            self.lows[place], self.highs[place] = max(self.lows[place], low), min(self.highs[place], high)
            self.is_hidden[place] = self.is_hidden[place] and shown is None

    def _relate(self, release: Release) -> None:
        def at(cell: Cell, measure: str) -> int:
            return self.number[(cell, measure), release.counted[cell, measure]]

        people, events = self.table.measures
        cells = {cell for cell, _ in release.counted}
        for cell in cells:
            # Each has at least one event, and each event somebody: where there are none of the one, there are none of the other.
            self.rows.append(({at(cell, events): 1, at(cell, people): -1}, 0, np.inf))
            for parts in _parts(cell, cells):
                of_events: dict[int, float] = defaultdict(float)
                of_people: dict[int, float] = defaultdict(float)
                of_events[at(cell, events)] -= 1
                of_people[at(cell, people)] -= 1
                for part in parts:
                    of_events[at(part, events)] += 1
                    of_people[at(part, people)] += 1
                    if at(part, people) != at(cell, people):
                        self.rows.append(({at(cell, people): 1, at(part, people): -1}, 0, np.inf))
                self.rows.append((dict(of_events), 0, 0))
                self.rows.append((dict(of_people), 0, np.inf))

    def hidden(self) -> list[tuple[Key, int]]:
        """The numbers that no release shows, those of the last release first; a number is named by what it is of and its count."""
        last = self.releases[-1].counted
        found = [one for one, place in self.number.items() if self.is_hidden[place]]
        return sorted(found, key=lambda one: (last.get(one[0]) != one[1], one))

    def hide(self, key: Key) -> None:
        """Let a number of the last release, which no earlier one shows, be hidden from now on."""
        place = self.number[key, self.releases[-1].counted[key]]
        self.lows[place], self.highs[place], self.is_hidden[place] = 1, _ANY, True

    def is_safe(self, one: tuple[Key, int]) -> bool:
        """Are at least three values left for a hidden number?"""
        place = self.number[one]
        # One answer tells of many numbers: most are seen to be safe before they are asked for.
        if not self.answers:
            everything = [place for place, is_hidden in enumerate(self.is_hidden) if is_hidden]
            for sign in (1, -1):
                self._solve(dict.fromkeys(everything, sign))
        for sign in (1, -1):
            if self.greatest[place] - self.least[place] < _FEWEST_VALUES - 1:
                self._solve({place: sign})
        return bool(self.greatest[place] - self.least[place] >= _FEWEST_VALUES - 1)

    def would_be_safe(self, one: tuple[Key, int], without: Sequence[Key]) -> bool:
        """Would at least three values be left for a hidden number, if others were hidden, too?"""
        before = self.lows.copy(), self.highs.copy()
        for key in without:
            place = self.number[key, self.releases[-1].counted[key]]
            self.lows[place], self.highs[place] = 1, _ANY
        least, greatest = self.extremes(one)
        self.lows, self.highs = before
        return greatest - least >= _FEWEST_VALUES - 1

    def extremes(self, one: tuple[Key, int]) -> tuple[int, int]:
        """The least and the greatest value that a number can have."""
        place = self.number[one]
        values = [round(self._solve({place: sign}, is_trial=True)[place]) for sign in (1, -1)]
        return values[0], values[1]

    def _solve(self, weights: dict[int, int], is_trial: bool = False) -> Any:
        """Whole numbers that agree with everything seen, with the least sum by these weights."""
        aim = np.zeros(len(self.lows))
        for place, weight in weights.items():
            aim[place] = weight
        answer = milp(
            aim, constraints=self.constraint, bounds=Bounds(self.lows, self.highs), integrality=np.ones(len(self.lows))
        )  # fmt: skip
        if answer.x is None:
            raise AssertionError("the counts themselves agree with what was shown of them")
        found = np.round(answer.x)
        if not is_trial:
            self.answers += 1
            self.least, self.greatest = np.minimum(self.least, found), np.maximum(self.greatest, found)
        return found


def _could_be(count: int, shown: int | None) -> tuple[float, float]:
    """The least and the greatest count for which the same is shown. That a larger one is hidden, too, tells nothing."""
    if shown is None:
        return (1, LARGEST_HIDDEN) if count <= LARGEST_HIDDEN else (1, _ANY)
    return (0, 0) if shown == 0 else (max(LARGEST_HIDDEN + 1, shown - 2), shown + 2)


def _parts(cell: Cell, cells: set[Cell]) -> Iterator[list[Cell]]:
    """The ways in which a total is made of its parts: by each dimension over which it is one."""
    for place, value in enumerate(cell):
        if value == ALL:
            yield [
                other
                for other in cells
                if other[place] != ALL and all(other[at] == cell[at] for at in range(len(cell)) if at != place)
            ]


def _best_to_hide(weak: tuple[Key, int], knowledge: _Knowledge, earlier: Sequence[Release]) -> list[Key]:
    """The numbers of the smallest cell whose hiding leaves a weak one enough values; or, where no single one does, of the smallest.

    People and events of a cell go together, because each tells of the other. Empty where everything that is not known already
    is hidden.
    """
    last = knowledge.releases[-1]
    cells: dict[Cell, list[Key]] = defaultdict(list)
    for key, number in last.shown.items():
        if number and not any(one.counted.get(key) == last.counted[key] and one.shown[key] is not None for one in earlier):
            cells[key[0]].append(key)
    candidates = sorted(
        cells.values(), key=lambda keys: (not _is_beside(keys[0], weak[0]), max(last.counted[key] for key in keys), keys)
    )
    return next((keys for keys in candidates if knowledge.would_be_safe(weak, keys)), next(iter(candidates), []))


def _is_beside(key: Key, other: Key) -> bool:
    """Are two numbers of one line or column, or of one cell?"""
    return any(one == two for one, two in zip(key[0], other[0], strict=True))


def _counted(
    connection: psycopg.Connection[Any], table: CountedTable, place: sql.Identifier
) -> Iterator[tuple[date, dict[Key, int]]]:
    slices: dict[date, dict[Key, int]] = defaultdict(dict)
    columns = (table.slice, *table.dimensions, *(f"guard_{measure}" for measure in table.measures))
    statement = sql.SQL("select {} from {} order by {}, {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        place,
        sql.Identifier(table.slice),
        sql.SQL(", ").join(map(sql.Identifier, table.dimensions)),
    )
    for day, one, two, *counts in connection.execute(statement):
        for measure, count in zip(table.measures, counts, strict=True):
            slices[day][(one, two), measure] = count
    yield from slices.items()


def _released(connection: psycopg.Connection[Any], table: CountedTable) -> dict[date, list[Release]]:
    """The earlier releases of each slice, the oldest first."""
    found: dict[date, dict[int, Release]] = defaultdict(dict)
    for day, number, cell, measure, count, shown in connection.execute(
        """select slice, release, cell, measure, counted, shown from governance.released_cell
           where table_name = %s order by slice, release, cell, measure""",
        (f"{table.schema}.{table.name}",),
    ):
        release = found[day].setdefault(number, Release({}))
        release.counted[tuple(cell), measure] = count
        release.shown[tuple(cell), measure] = shown
    return {day: list(releases.values()) for day, releases in found.items()}


def _remember(
    connection: psycopg.Connection[Any], table: CountedTable, day: date, release: int, counted: dict[Key, int],
    shown: dict[Key, int | None], build_id: int,
) -> None:  # fmt: skip
    statement = """copy governance.released_cell (table_name, slice, release, cell, measure, counted, shown, build_id)
                   from stdin"""
    with connection.cursor().copy(statement) as copy:
        for (cell, measure), count in counted.items():
            row = (f"{table.schema}.{table.name}", day, release, list(cell), measure, count, shown[cell, measure], build_id)
            copy.write_row(row)


def _hide(
    connection: psycopg.Connection[Any], table: CountedTable, place: sql.Identifier, measure: str, rows: list[tuple[Any, ...]]
) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            sql.SQL("update {} set {} = null, {} = '*' where {} = %s and {} = %s and {} = %s").format(
                place,
                sql.Identifier(measure),
                sql.Identifier(f"{measure}_as_shown"),
                sql.Identifier(table.slice),
                *map(sql.Identifier, table.dimensions),
            ),
            rows,
        )
