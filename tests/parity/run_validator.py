"""Run by the Python of the validator's own environment: which rows of a return break which of its rules, as JSON.

    python run_validator.py FOLDER YEAR [YEAR ...]

For each year, by the number of each rule in force: "broken", its rows by table (0 is the first row under the header), and
"could_not_run", the rules that fail on this return or ask for what is not there.

Each rule gets tables of its own. Run as a whole, the validator lends all rules the same ones, and what one writes into them
the next ones read: rule 365 fills blank ends of episodes, and which rules come after it hangs on the file system.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from pathlib import Path

from lac_validator.datastore import create_datastore
from lac_validator.ingress import read_from_text
from lac_validator.rules.ruleset_utils import get_year_ruleset


def judge(folder: Path, year: str) -> dict:
    """What the rules of a year say of the CSV files of a folder."""
    files = [
        {"name": path.name, "description": "This year", "file_content": path.read_bytes().removeprefix(b"\xef\xbb\xbf")}
        for path in sorted(folder.glob("*.csv"))
    ]
    tables, about = read_from_text(files)
    whole = create_datastore(tables, {"collectionYear": year, "localAuthority": "E08000013", **about})
    broken, could_not_run = {}, []
    for number, rule in sorted(get_year_ruleset(year).items()):
        try:
            found = rule.func({name: part if name == "metadata" else part.copy() for name, part in whole.items()})
        except Exception:
            found = {}
        if found:
            broken[number] = {table: sorted({int(row) for row in rows if row == row}) for table, rows in found.items()}
        else:
            could_not_run.append(number)
    return {"broken": broken, "could_not_run": could_not_run}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(sys.stderr):
        judged = {year: judge(Path(sys.argv[1]), year) for year in sys.argv[2:]}
    json.dump(judged, sys.stdout)
