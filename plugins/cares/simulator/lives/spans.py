"""Stretches of time of people, and the contacts within them: who was where on a day, and when somebody was seen."""

from __future__ import annotations

import numpy as np
import pandas as pd

# How somebody was seen, and whether it came about (national codes).
FACE, PHONE, VIDEO = range(3)
ATTENDED, LATE, CANCELLED_BY_PATIENT, MISSED, CANCELLED_BY_PROVIDER = 5, 6, 2, 3, 4

_FAR = 4 * 10**6  # days; more than any day as a number


class Spans:
    """Stretches of time, at most one of a person on any day: from `starts` until the day before `ends`."""

    def __init__(self, persons: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
        keys = self._key(persons, starts)
        self._order = np.argsort(keys, kind="stable")
        self._keys, self._persons, self._ends = keys[self._order], persons[self._order], ends[self._order]

    @staticmethod
    def _key(persons: np.ndarray, days: np.ndarray | int) -> np.ndarray:
        return persons.astype(np.int64) * _FAR + days + _FAR // 2

    def at(self, persons: np.ndarray, days: np.ndarray | int) -> np.ndarray:
        """The number of the stretch in which each person is on a day, or on a day of its own; -1 for none."""
        if not len(self._keys):
            return np.full(len(persons), -1)
        place = np.searchsorted(self._keys, self._key(persons, days), "right") - 1
        inside = (place >= 0) & (self._persons[place] == persons) & (self._ends[place] > days)
        return np.where(inside, self._order[place], -1)

    def cover(self, persons: np.ndarray, days: np.ndarray | int) -> np.ndarray:
        """Whether each person is in a stretch on a day, or on a day of its own."""
        return self.at(persons, days) >= 0


def in_hospital(stays: pd.DataFrame) -> Spans:
    """The stays in the general hospital, as stretches of time."""
    return Spans(*(stays[name].to_numpy() for name in ("person", "admitted", "discharged")))


def one_at_a_time(persons: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Which stretches can all be true: a person's later one goes where it begins before an earlier one that stays has ended."""
    stays = np.zeros(len(persons), dtype=bool)
    until: dict[int, int] = {}
    for row in np.lexsort((starts, persons)).tolist():
        person = int(persons[row])
        if starts[row] > until.get(person, -_FAR):
            stays[row], until[person] = True, int(ends[row])
    return stays


def visits(
    rng: np.random.Generator, first: np.ndarray, last: np.ndarray, gap: np.ndarray, thickening: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Contacts of each course of care, about `gap` days apart from its first day to its last, at least one.

    Below 1, `thickening` brings them closer together towards the end. Gives the course and the day of each contact.
    """
    length = np.maximum(last - first, 0)
    number = np.maximum(1, np.rint(length / gap)).astype(int)
    course = np.arange(len(first)).repeat(number)
    place = np.arange(len(course)) - (np.cumsum(number) - number).repeat(number)
    share = (place + np.where(place > 0, rng.random(len(course)) * 0.7, 0)) / number[course]
    return course, first[course] + (length[course] * share**thickening).astype(int)
