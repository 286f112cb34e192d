"""From edges to clusters: which descriptions are one person, and which links the guards refuse.

The guards: one person has one NHS number in force, one birth date (give or take a slip of the pen), and no two records
that somebody said are not one person. Links are taken from the strongest down; what a guard refuses is therefore always
the weakest edge of a contradiction, whatever the order in which rows arrived.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from cares.person_index.model import Model

# Log2 odds from which two descriptions are one person (89 %), and from which they are worth a person's look (11 %).
LINKED_FROM = 3.0
GREY_FROM = -3.0
# Below these no edge ever links, whatever is added for who is left over, so it ties nothing to anything.
# Where no birth dates are compared, namesakes would tie half the borough together.
NEVER_LINKED_BELOW = {"dated": -7.0, "undated": -4.0}
# The log2 odds that are at most believed of somebody's having another record, where no numbers tell.
MOST_ODDS_OF_A_PARTNER = 9.0

TWO_NUMBERS, BIRTH_DATES, MUST_NOT_LINK, TWO_CANDIDATES, GREY = (
    "two NHS numbers", "birth dates", "must not link", "two candidates", "grey"
)  # fmt: skip


@dataclass
class Nodes:
    """Descriptions, an array element each: `number` and `born` are codes (-1: none), `records` how many share it.

    `is_verified` says that the number was traced and verified, `is_current` that it is not an earlier one, `is_named`
    that a forename and a surname are known, `is_changed` that an identity may have been changed; `sources` is a bit for each source that has a record so described.
    """

    ids: np.ndarray
    number: np.ndarray
    born: np.ndarray
    records: np.ndarray
    is_verified: np.ndarray
    is_current: np.ndarray
    is_named: np.ndarray
    is_changed: np.ndarray
    sources: np.ndarray


@dataclass
class Edges:
    """Compared pairs: positions of two nodes, log2 odds without the numbers, and what the comparisons found.

    `numbers` is 1 (the same), 0 (different) or -1; `is_dated` says that both birth dates are known, `is_born_otherwise`
    that they cannot be one.
    """

    left: np.ndarray
    right: np.ndarray
    weight: np.ndarray
    numbers: np.ndarray
    is_dated: np.ndarray
    is_born_otherwise: np.ndarray

    @cached_property
    def ends(self) -> list[tuple[int, int]]:
        """The two nodes of each edge."""
        return list(zip(self.left.tolist(), self.right.tolist(), strict=True))

    @property
    def never_linked_below(self) -> np.ndarray:
        """The log2 odds that each edge needs to be of any account."""
        return np.where(self.is_dated, NEVER_LINKED_BELOW["dated"], NEVER_LINKED_BELOW["undated"])


@dataclass
class Clustering:
    """`cluster`: a label for each node; `total`: each edge's log2 odds, numbers included; `refused`: edge -> guard.

    `is_set_aside`: the node's NHS number belongs to somebody else, so it neither links nor separates.
    """

    cluster: np.ndarray
    total: np.ndarray
    refused: dict[int, str]
    is_set_aside: np.ndarray


def cluster(
    nodes: Nodes,
    edges: Edges,
    model: Model,
    ties: Iterable[tuple[int, int]] = (),
    must_link: Iterable[tuple[int, int]] = (),
    must_not_link: Iterable[tuple[int, int]] = (),
) -> Clustering:
    """Put nodes together.

    `ties` are descriptions of one record; `must_link` and `must_not_link` what people decided, over any guard. A pure
    function of what is connected: nothing outside a component of edges from `NEVER_LINKED_BELOW` up or of one number changes its clusters.
    """
    is_set_aside = contested_numbers(nodes, edges)
    differ, agree = model.number_weights()
    bits = np.where(edges.numbers == 1, agree, np.where(edges.numbers == 0, differ, 0.0))
    total = edges.weight + np.where(is_set_aside[edges.left] | is_set_aside[edges.right], 0.0, bits)
    if model.are_birth_dates_sure:
        total = np.where(edges.is_born_otherwise & (edges.numbers != 1), np.minimum(total, GREY_FROM - 1), total)
    groups = _Groups(nodes, is_set_aside, must_not_link, model)
    for left, right in must_link:
        groups.join(left, right)
    for left, right in ties:
        groups.join(left, right)
    refused: dict[int, str] = {}
    core = (edges.numbers == 1) & ~is_set_aside[edges.left] & ~is_set_aside[edges.right] & ~edges.is_born_otherwise
    groups.join_plain_numbers()
    labels = groups.labels()
    core &= labels[edges.left] != labels[edges.right]
    for at in _strongest_first(edges, total, np.flatnonzero(core)).tolist():
        _link(groups, edges, at, refused)
    # Those whose number is not known find their people first, and each other after: two of them may be like several
    # people, and together they would be taken for one who is like nobody else.
    if model.are_birth_dates_sure:
        is_numbered = groups.numbers()[groups.labels()] >= 0
        for at, strength in _between_groups(groups, nodes, edges, model, total):
            left, right = edges.ends[at]
            if strength >= LINKED_FROM and (is_numbered[left] or is_numbered[right]):
                _link(groups, edges, at, refused, strength)
    for at, strength in _between_groups(groups, nodes, edges, model, total):
        if strength < LINKED_FROM:
            if groups.find(edges.ends[at][0]) != groups.find(edges.ends[at][1]):
                refused[at] = GREY
            continue
        _link(groups, edges, at, refused, strength)
    # Who is still alone is most likely one of those whom they resemble, now that these are known by their other records.
    if model.are_birth_dates_sure:
        left_over = np.minimum(np.where(edges.is_dated, *model.left_over), LINKED_FROM - edges.never_linked_below)
        _link_left_over(groups, nodes, edges, model, total, left_over, refused)
    else:
        # The more have found their other record, the likelier have the rest one.
        alone = math.inf
        while (still_alone := _alone(groups.labels(), nodes.records)) < alone:
            alone = still_alone
            left_over = np.full(len(total), _odds_of_a_partner(alone))
            _link_left_over(groups, nodes, edges, model, total, left_over, refused)
    return Clustering(groups.labels(), total, refused, is_set_aside)


def contested_numbers(nodes: Nodes, edges: Edges) -> np.ndarray:
    """Which nodes hold an NHS number that is somebody else's.

    Where holders of one number were born on days that cannot be one, it belongs to those who are most; if there are two
    groups as large, to nobody. A number that was traced and verified is never set aside.
    """
    is_set_aside = np.zeros(len(nodes.ids), bool)
    same = edges.numbers == 1
    torn = same & edges.is_born_otherwise
    if not torn.any():
        return is_set_aside
    contested = np.unique(nodes.number[edges.left[torn]])
    holders = np.flatnonzero(np.isin(nodes.number, contested))
    agree = same & ~torn
    size = len(nodes.ids)
    group = connected_components(
        coo_matrix((np.ones(agree.sum()), (edges.left[agree], edges.right[agree])), shape=(size, size)), directed=False
    )[1]
    held: dict[int, Counter[int]] = defaultdict(Counter)
    for holder in holders:
        held[nodes.number[holder]][group[holder]] += int(nodes.records[holder])
    for holder in holders:
        most = held[nodes.number[holder]].most_common(2)
        owner = most[0][0] if len(most) == 1 or most[0][1] > most[1][1] else None
        is_set_aside[holder] = group[holder] != owner and not nodes.is_verified[holder]
    return is_set_aside


def _strongest_first(edges: Edges, strength: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return chosen[np.lexsort((edges.right[chosen], edges.left[chosen], -strength[chosen]))]


def _between_groups(
    groups: _Groups, nodes: Nodes, edges: Edges, model: Model, total: np.ndarray, left_over: np.ndarray | None = None
) -> list[tuple[int, float]]:
    """The edge that speaks for each pair of groups, from the strongest down, with its strength.

    Where names are known on both sides, an edge that compares names speaks, not one that could not. A group without a
    number that would fit several people is likely none of them: their odds are shared out.
    """
    labels = groups.labels()
    left, right = labels[edges.left], labels[edges.right]
    apart = left != right
    named = nodes.is_named[edges.left] & nodes.is_named[edges.right]
    every = np.flatnonzero(apart)
    low, high = np.minimum(left, right)[every], np.maximum(left, right)[every]
    order = np.lexsort((edges.right[every], edges.left[every], -total[every], ~named[every], high, low))
    every, low, high = every[order], low[order], high[order]
    first = np.ones(len(every), bool)
    first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    if model.are_birth_dates_sure:
        first &= total[every] >= edges.never_linked_below[every]
    speaking, low, high = every[first], low[first], high[first]
    strength = total[speaking] + (0.0 if left_over is None else left_over[speaking])
    odds = np.exp2(np.clip(strength, -60, 60))
    number = groups.numbers()
    if not model.are_birth_dates_sure:
        sizes = np.bincount(labels, nodes.records, minlength=len(labels))
        number = np.where(sizes > 1, 0, -1)
    # What else each side without a number may be, if it is somebody with a number.
    for side, other in ((low, high), (high, low)):
        is_open = (number[side] < 0) & ((number[other] >= 0) | (left_over is not None))
        rivals = np.bincount(side[is_open], odds[is_open], minlength=len(labels))[side[is_open]] - odds[is_open]
        strength[is_open] -= np.log2(1 + np.maximum(0.0, rivals))
    ranked = np.lexsort((edges.right[speaking], edges.left[speaking], -strength))
    if left_over is not None:
        is_open, is_other_open = number[low[ranked]] < 0, number[high[ranked]] < 0
        # Two of whom no number tells may be twins of whom nobody else knows.
        ranked = ranked[is_open != is_other_open if model.are_birth_dates_sure else is_open | is_other_open]
    ranked = ranked[strength[ranked] >= GREY_FROM]
    return list(zip(speaking[ranked].tolist(), strength[ranked].tolist(), strict=True))


def _link_left_over(
    groups: _Groups, nodes: Nodes, edges: Edges, model: Model, total: np.ndarray, left_over: np.ndarray, refused: dict[int, str]
) -> None:
    for at, strength in _between_groups(groups, nodes, edges, model, total, left_over):
        if strength >= LINKED_FROM:
            _link(groups, edges, at, refused, strength)


def _alone(labels: np.ndarray, records: np.ndarray) -> float:
    """The share of nodes whose record has found no other."""
    return float((np.bincount(labels, records)[labels] == 1).mean()) if len(labels) else 0.0


def _odds_of_a_partner(alone: float) -> float:
    """The log2 odds that somebody has another record, where no numbers tell: as many as are not alone."""
    return float(np.clip(np.log2(max(1 - alone, 1e-6) / max(alone, 1e-6)), 0.0, MOST_ODDS_OF_A_PARTNER))


def _link(groups: _Groups, edges: Edges, at: int, refused: dict[int, str], strength: float = math.inf) -> None:
    guard = groups.try_join(*edges.ends[at], strength)
    if guard:
        refused[at] = guard
    else:
        refused.pop(at, None)


class _Groups:
    """Groups of nodes that grow together, each with its NHS number, its birth dates and those it must not meet."""

    def __init__(self, nodes: Nodes, is_set_aside: np.ndarray, must_not_link: Iterable[tuple[int, int]], model: Model) -> None:
        self._parent = list(range(len(nodes.ids)))
        self._number = np.where(is_set_aside | ~nodes.is_current, -1, nodes.number).tolist()
        self._sources = nodes.sources.tolist()
        self._same_source = model.same_source
        self._is_changed = nodes.is_changed.tolist()
        # The date on which a group's records agree, or -1 for none, and how many have one; each date's records where they differ.
        self._born: list[int | Counter[int]] = (
            nodes.born if model.are_birth_dates_sure else np.full(len(nodes.born), -1)
        ).tolist()
        self._dated = nodes.records.tolist()
        self._foes: dict[int, set[int]] = defaultdict(set)
        for left, right in must_not_link:
            self._foes[left].add(right)
            self._foes[right].add(left)

    def find(self, node: int) -> int:
        parent = self._parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def labels(self) -> np.ndarray:
        """Each node's group, by the number of one of its nodes."""
        parent = np.array(self._parent, int)
        while (parent[parent] != parent).any():
            parent = parent[parent]
        return parent

    def numbers(self) -> np.ndarray:
        return np.array(self._number, int)

    def join(self, left: int, right: int) -> None:
        left, right = sorted((self.find(left), self.find(right)))
        if left == right:
            return
        self._parent[right] = left
        self._sources[left] |= self._sources[right]
        self._is_changed[left] |= self._is_changed[right]
        if self._number[left] < 0:
            self._number[left] = self._number[right]
        self._add_dates(left, right)
        if right in self._foes:
            self._foes[left] |= self._foes.pop(right)

    def join_plain_numbers(self) -> None:
        """Join all who have one number in force and one birth date, where nothing else was said of them: no guard could object."""
        number, parent = self.numbers(), np.array(self._parent, int)
        born = np.array([-1 if isinstance(date, Counter) else date for date in self._born], int)
        is_spoken_of = parent != np.arange(len(parent))
        is_spoken_of[parent[is_spoken_of]] = True
        is_spoken_of[np.array(list(self._foes), int)] = True
        holders = np.flatnonzero(number >= 0)
        if not len(holders):
            return
        holders = holders[np.argsort(number[holders], kind="stable")]
        starts = np.flatnonzero(np.r_[True, np.diff(number[holders]) != 0])
        earliest = np.minimum.reduceat(np.where(born[holders] < 0, np.iinfo(int).max, born[holders]), starts)
        latest = np.maximum.reduceat(born[holders], starts)
        is_plain = ~np.logical_or.reduceat(is_spoken_of[holders], starts) & ((latest < 0) | (earliest == latest))
        ends = np.r_[starts[1:], len(holders)]
        for start, end in zip(starts[is_plain].tolist(), ends[is_plain].tolist(), strict=True):
            first, *others = holders[start:end].tolist()
            for other in others:
                self.join(first, other)

    def try_join(self, left: int, right: int, strength: float) -> str | None:
        """Join two groups, or say which guard is in the way.

        Whose identity may have been changed is known by numbers and by what people decide, never by likeness: it could be
        somebody's old name that is found. A source seldom has two records of one person, so a link between two groups
        that it knows must be stronger.
        """
        left, right = self.find(left), self.find(right)
        if left == right:
            return None
        if self._number[left] >= 0 and self._number[right] >= 0 and self._number[left] != self._number[right]:
            return TWO_NUMBERS
        if left in self._foes and any(self.find(foe) == right for foe in self._foes[left]):
            return MUST_NOT_LINK
        born, other = self._born[left], self._born[right]
        if born != other and born != -1 and other != -1 and not could_be_one_date(_main(born), _main(other)):
            return BIRTH_DATES
        if math.isfinite(strength) and (self._is_changed[left] or self._is_changed[right]):
            return GREY
        if self._sources[left] & self._sources[right] and strength + self._same_source < LINKED_FROM:
            return GREY
        self.join(left, right)
        return None

    def _add_dates(self, group: int, other: int) -> None:
        born, more = self._born[group], self._born[other]
        if more == -1:
            return
        if born == -1:
            self._born[group], self._dated[group] = more, self._dated[other]
        elif born == more and not isinstance(born, Counter):
            self._dated[group] += self._dated[other]
        else:
            self._born[group] = self._counted(group) + self._counted(other)

    def _counted(self, group: int) -> Counter[int]:
        born = self._born[group]
        return born if isinstance(born, Counter) else Counter({born: self._dated[group]})


def _main(born: int | Counter[int]) -> int:
    """The date that most records of a group have; of several the first."""
    return min(born, key=lambda date: (-born[date], date)) if isinstance(born, Counter) else born


def could_be_one_date(one: int, other: int) -> bool:
    """Could two birth dates, each a number YYYYMMDD, be one that was mistaken: a digit, two swapped, day for month, 1 January?"""
    if one == other:
        return True
    first, second = f"{one:08d}", f"{other:08d}"
    differ = [at for at in range(8) if first[at] != second[at]]
    if len(differ) == 1:
        return True
    if (
        len(differ) == 2
        and differ[1] == differ[0] + 1
        and first[differ[0]] == second[differ[1]]
        and first[differ[1]] == second[differ[0]]
    ):
        return True
    same_year = first[:4] == second[:4]
    if same_year and (first[4:] == "0101" or second[4:] == "0101" or first[4:6] == second[6:] and first[6:] == second[4:6]):
        return True
    if first[4:] == second[4:]:
        return abs(int(first[:4]) - int(second[:4])) in (1, 10)
    return (same_year + (first[4:6] == second[4:6]) + (first[6:] == second[6:])) == 2
