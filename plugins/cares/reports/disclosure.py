"""Small numbers: what a count of people or rows becomes before anyone reads it.

The marts say the same in SQL (dbt_project/macros/small_numbers.sql), and a test compares the two.
0 stays 0; 1 to 7 is `*`; others go to the nearest 5. Sums are made first and rounded then, and no total
gives a hidden part away.
"""

from __future__ import annotations

from collections.abc import Sequence

HIDDEN = "*"
_LARGEST_HIDDEN = 7
_FEWEST_VALUES = 3


def rounded(count: int) -> int | None:
    """A count to the nearest 5; None for 1 to 7, which may not be shown."""
    return None if _is_small(count) else 5 * ((count + 2) // 5)


def shown(count: int) -> str:
    """A count as it may be read: `0`, `*`, `10`, `9,870`."""
    return _written(rounded(count))


def shown_total(parts: Sequence[int]) -> str:
    """The total of parts that are themselves shown, as it may be read."""
    return _written(rounded_total(parts))


def rounded_total(parts: Sequence[int]) -> int | None:
    """The total of parts that are themselves shown, to the nearest 5; None for 1 to 7.

    Only four sevens reach 28, the least that reads 30: beside `*`, `*`, `*`, `*` a 30 would tell all four.
    Where a total leaves fewer than three values for its hidden parts, it moves to the next 5. It moves without
    a sign, because the sign would tell as much as the number.
    """
    ranges = [_range(part) for part in parts]
    lowest, highest = sum(low for low, _ in ranges), sum(high for _, high in ranges)
    total = sum(parts)
    if any(_is_small(part) for part in parts):
        least, most = _range(total)
        if most - lowest < _FEWEST_VALUES - 1:
            total = most + 3
        elif highest - least < _FEWEST_VALUES - 1:
            total = least - 3
    return rounded(total)


def percent(part: int, whole: int) -> float | None:
    """A percentage of the rounded parts, from 0 to 100; None where one of them is hidden or the whole is 0."""
    top, bottom = rounded(part), rounded(whole)
    return None if top is None or not bottom else min(100.0, 100 * top / bottom)


def mean(values: Sequence[float]) -> float | None:
    """The mean of some people's or rows' values, which needs 8 of them; None where there are fewer."""
    return None if len(values) <= _LARGEST_HIDDEN else sum(values) / len(values)


def _is_small(count: int) -> bool:
    return 1 <= count <= _LARGEST_HIDDEN


def _written(number: int | None) -> str:
    return HIDDEN if number is None else f"{number:,}"


def _range(count: int) -> tuple[int, int]:
    """The least and the greatest count that would read the same."""
    number = rounded(count)
    if number is None:
        return 1, _LARGEST_HIDDEN
    return (0, 0) if number == 0 else (max(number - 2, _LARGEST_HIDDEN + 1), number + 2)
