"""The time that the law gives to answer: calendar months, counted from the day on which a request came. Pure."""

from __future__ import annotations

import calendar
from datetime import date


def after(day: date, months: int) -> date:
    """The same day of a later month, or the last day of that month where it has no such day: 31 January, one month: 28 February."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
