"""Chance that repeats: every part of the borough draws from a stream of its own.

A part that is added or changed leaves the draws of the other parts as they were.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np


def stream(seed: int, part: str) -> np.random.Generator:
    """The stream of a part (any fixed name) under a seed."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(part.encode())]))


def pick(
    rng: np.random.Generator, options: Sequence[object] | np.ndarray, weights: Sequence[float] | np.ndarray, size: int
) -> np.ndarray:
    """Draws of the options by weight, as an array of Python objects."""
    shares = np.cumsum(np.asarray(weights, dtype=float))
    values = np.empty(len(options), dtype=object)
    values[:] = options
    return values[np.searchsorted(shares, rng.random(size) * shares[-1], "right").clip(max=len(options) - 1)]


def by_place(count: int) -> np.ndarray:
    """Weights of a list that stands in order of popularity: flat at its head, thin at its tail (assumed)."""
    return 1.0 / (np.arange(count) + max(6.0, count / 12))
