"""Where things are: the project's folders and the one folder for run-time state."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXPECTATIONS = Path(os.environ.get("CARES_EXPECTATIONS") or ROOT / "expectations")
DBT_PROJECT = ROOT / "dbt_project"
# The folder beside those of an organisation's feeds in its outbox into which what goes back to it is put.
RETURNS = "returns"
VAR = Path(os.environ.get("CARES_VAR") or ROOT / "var").absolute()


def var_folder(*names: str) -> Path:
    """A folder below the run-time state, made with access for its owner alone (0700).

    `names` are its path below `VAR`; returns the folder.
    """
    folder = VAR
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in names:
        folder = folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder
