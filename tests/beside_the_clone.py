"""What may lie beside this clone and is no part of it: the publishers' lists of columns, and their samples."""

from __future__ import annotations

import csv

import pytest

from cares import settings

_SHARED = settings.ROOT.parent / "shared"
_COLUMNS = _SHARED / "columns"
SAMPLES = _SHARED / "samples"
needs_columns = pytest.mark.skipif(not _COLUMNS.is_dir(), reason="the published lists of columns are not beside this clone")


def published_columns(name: str) -> list[dict[str, str]]:
    """The rows of one list of columns."""
    with (_COLUMNS / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
