"""Lists, counts and days as they stand in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date


def all_of(words: Iterable[str]) -> str:
    """`a, b and c`; at least one word is needed."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def any_of(words: Iterable[str]) -> str:
    """`a, b or c`; at least one word is needed."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def counted(number: int, thing: str) -> str:
    """`1 row`, `1,200 rows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def day(of: date) -> str:
    """`3 March 2019`."""
    return f"{of.day} {of:%B %Y}"
