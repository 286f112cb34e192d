"""A score in the style of the Data Quality Maturity Index: how good the items are, times how much came."""

from __future__ import annotations

from collections.abc import Sequence


def item_score(records: int, valid_and_complete: int, defaults_above_threshold: int = 0) -> float:
    """The share of records, 0 to 1, in which one item is valid, complete and not a default given too often."""
    return (valid_and_complete - defaults_above_threshold) / records if records else 0.0


def quality_score(item_scores: Sequence[float], coverages: Sequence[float]) -> float:
    """Mean item score x mean coverage x 100; 0 where there are no items or no coverages."""
    if not item_scores or not coverages:
        return 0.0
    return sum(item_scores) / len(item_scores) * (sum(coverages) / len(coverages)) * 100
