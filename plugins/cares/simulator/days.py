"""Days as whole numbers, and facts that hold from one day to another.

A day is the number of days since 1 January 1970; `NEVER` lies after every day.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

_EPOCH = date(1970, 1, 1)
_FIRST, _LAST = date(1880, 1, 1), date(2060, 1, 1)
NEVER = 10**6
ALWAYS = (_FIRST - _EPOCH).days
_SPAN = 2 * 10**6
YEAR = 365.2425
MINUTES_IN_A_DAY = 24 * 60


def day(of: date) -> int:
    """The number of a date."""
    return (of - _EPOCH).days


def date_of(number: int) -> date:
    """The date of a number."""
    return _EPOCH + timedelta(days=int(number))


_ISO = np.arange(day(_FIRST), day(_LAST)).astype("datetime64[D]").astype(str).tolist()
_WRITTEN = {
    "%d/%m/%Y": np.array([*(f"{text[8:]}/{text[5:7]}/{text[:4]}" for text in _ISO), ""], dtype=object),
    "%Y-%m-%d": np.array([*_ISO, ""], dtype=object),
}


def uk(days: np.ndarray) -> np.ndarray:
    """Days written dd/mm/yyyy; NEVER is blank."""
    return _written(days, "%d/%m/%Y")


def iso(days: np.ndarray) -> np.ndarray:
    """Days written yyyy-mm-dd; NEVER is blank."""
    return _written(days, "%Y-%m-%d")


def _written(days: np.ndarray, style: str) -> np.ndarray:
    table = _WRITTEN[style]
    days = np.asarray(days)
    return table[np.where(days < day(_LAST), days - ALWAYS, len(table) - 1)]


def age(born: np.ndarray, on: np.ndarray | int) -> np.ndarray:
    """Completed years, by the average length of a year; below 0 before birth."""
    return np.floor((on - born) / YEAR).astype(int)


def by_age(years: np.ndarray, values: dict[int, float]) -> np.ndarray:
    """The value for each age, given by the age from which it holds; 0 before the first."""
    found = np.zeros(len(years))
    for start, value in values.items():
        found[years >= start] = value
    return found


def weekday_of(days: np.ndarray) -> np.ndarray:
    """The day of the week of each day: 0 is Monday."""
    return (days + 3) % 7


class Timeline:
    """A fact about each of many subjects that changes on certain days.

    Takes subject numbers, the day from which each value holds, and the values; every subject has a value
    from `ALWAYS` on.
    """

    def __init__(self, subjects: np.ndarray, from_days: np.ndarray, values: np.ndarray) -> None:
        order = np.lexsort((from_days, subjects))
        self.subjects, self.from_days, self.values = subjects[order], from_days[order], values[order]
        self._keys = self._key(self.subjects, self.from_days)

    @staticmethod
    def _key(subjects: np.ndarray, days: np.ndarray | int) -> np.ndarray:
        return subjects.astype(np.int64) * _SPAN + (days - ALWAYS)

    def on(self, subjects: np.ndarray, days: np.ndarray | int) -> np.ndarray:
        """The value of each subject on a day, or on a day of its own."""
        return self.values[np.searchsorted(self._keys, self._key(subjects, days), "right") - 1]

    def since(self, subjects: np.ndarray, days: np.ndarray | int) -> np.ndarray:
        """The day from which the value in force on a day has held."""
        return self.from_days[np.searchsorted(self._keys, self._key(subjects, days), "right") - 1]

    def changed(self, subjects: np.ndarray, from_days: np.ndarray, values: np.ndarray) -> Timeline:
        """The same facts with more changes."""
        return Timeline(
            np.concatenate([self.subjects, subjects]),
            np.concatenate([self.from_days, from_days]),
            np.concatenate([self.values, values]),
        )

    def of(self, subjects: np.ndarray) -> Timeline:
        """The same facts about some subjects only, numbered anew by their place in `subjects`."""
        first = np.searchsorted(self.subjects, subjects, "left")
        number = np.searchsorted(self.subjects, subjects, "right") - first
        place = np.arange(len(subjects)).repeat(number)
        within = np.arange(len(place)) - (np.cumsum(number) - number).repeat(number)
        rows = first.repeat(number) + within
        return Timeline(place, self.from_days[rows], self.values[rows])

    def as_heard(self, rng: np.random.Generator, lag_days: float, never: float) -> Timeline:
        """The same facts as somebody hears of them: late by `lag_days` on average, or, for the share `never`, not at all."""
        change = self.from_days > ALWAYS
        lag = rng.exponential(lag_days, len(change)).astype(int)
        unheard = rng.random(len(change)) < never
        heard = np.where(change, np.where(unheard, NEVER, self.from_days + lag), self.from_days)
        return Timeline(self.subjects, heard, self.values)
