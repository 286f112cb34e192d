"""The public sample with faults planted by a seed, so that rules which the sample itself never breaks are compared too.

Days are moved and codes changed or left out. The day on which something begins stays filled and real: what is said of rows
that have none differs, and rules of their own find those.
"""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta
from pathlib import Path

TO_THE_YEAR_2023_24 = timedelta(days=6 * 365 + 2)
NOT_MOVED = {"DOB", "MC_DOB", "DATE_PERM"}
BEGINS = {"DOB", "DECOM", "SW_DECOM", "MIS_START", "DOLO_START", "DATE_PLACED"}
SHARE_OF_ROWS = 0.12
FEWEST_FAULTS = 30
CHILDREN_WITH_A_SOCIAL_WORKER = 60
# What chance does not find: values that break a rule together.
TOGETHER = {
    "episodes": [
        {"URN": "XXXXXXX", "PLACE": "K2"},
        {"HOME_POST": "WA10 1HP", "PL_POST": "WA10 1HP"},
        {"LS": "E1", "DECOM": "01/01/2005"},
        {"LS": "D1", "DEC": "", "REC": ""},
        {"DECOM": "01/05/2023", "DEC": "01/05/2023"},
    ],
    "oc3": [{"IN_TOUCH": "YES", "ACTIV": "0"}],
    "previous_permanence": [{"PREV_PERM": "", "LA_PERM": "800"}],
}


def plant(sample: Path, folder: Path, seed: int) -> Path:
    """Write the sample with planted faults into `folder`."""
    chance = random.Random(seed)
    for path in sorted(sample.glob("*.csv")):
        header, *rows = csv.reader(path.open(encoding="utf-8-sig", newline=""))
        rows = [[_moved(value, name) for value, name in zip(row, header, strict=True)] for row in rows]
        if path.stem in ("sw_episodes", "DoLo"):
            rows = _stretches(chance, path.stem == "sw_episodes")
        if path.stem in ("missing", "placed_for_adoption"):
            rows += [_a_little_later(chance, row, header) for row in rows for _ in range(chance.randrange(3))]
        if path.stem in ("ad1", "header", "oc2", "oc3", "previous_permanence", "uasc"):
            rows += [list(row) for row in chance.sample(rows, 3)]
        if path.stem == "header":
            _change_children(chance, rows, header)
        seen = [[row[place] for row in rows] for place in range(len(header))]
        share = max(SHARE_OF_ROWS, min(0.5, FEWEST_FAULTS / len(rows)))
        for row in rows:
            if chance.random() < share:
                place = chance.randrange(1, len(header))
                row[place] = _faulty(chance, row[place], header[place], seen[place])
        rows += _odd_children(path.stem, rows[0], header)
        with (folder / path.name).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([header, *rows])
    return folder


def _stretches(chance: random.Random, of_social_workers: bool) -> list[list[str]]:
    """Stretches of some children one after the other: with gaps, overlaps and open ends, around the end of the year."""
    rows = []
    for child in range(CHILDREN_WITH_A_SOCIAL_WORKER):
        begins = date(2023, 1, 1) + timedelta(days=chance.randrange(200))
        for _ in range(chance.randrange(1, 5)):
            ends = begins + timedelta(days=chance.choice([1, 2, 3, 30, 60, 200]))
            last = chance.choice([ends, ends, ends, None, date(2024, 3, 25), date(2024, 3, 26), date(2024, 3, 31)])
            row = [f"CHILD{child}", chance.choice(["05/12/2010", "05/12/2023"])]
            if of_social_workers:
                row.append(chance.choice(["SW12345", "XX1", "SW", "AB123", ""]))
            row += [_written(begins), _written(last) if last and last > begins else ""]
            if of_social_workers:
                row.append(chance.choice(["FCONTA", "MANAGE", "OTHERS", "", "ZZ"]))
            rows.append(row)
            begins = ends + timedelta(days=chance.choice([0, 0, 3, 7, 8, 30, -1]))
    return rows


def _change_children(chance: random.Random, rows: list[list[str]], header: list[str]) -> None:
    for row in rows:
        for name, values in {
            "UPN": ["UN1", "UN2", "UN5", "UN9", ""],
            "MOTHER": ["0", "1"],
            "MC_DOB": ["01/01/2020", "01/01/2005"],
            "SEX": ["1", "2", "M", "F", "U"],
            "DOB": [_written(date(1997, 1, 1) + timedelta(days=chance.randrange(10_200)))],
        }.items():
            if chance.random() < SHARE_OF_ROWS:
                row[header.index(name)] = chance.choice(values)


def _odd_children(table: str, usual: list[str], header: list[str]) -> list[list[str]]:
    """Children with one row each, in which one value is left out or is nothing that it could be."""
    ordinary = dict(zip(header, usual, strict=True))
    ordinary |= {name: value for name, value in {"REC": "E4A", "LS": "C2", "PLACE": "U6"}.items() if name in header}
    odd = [{name: value} for name in header[1:] for value in ("", "ZZ", "31/02/2023", "01/01/1980", "01/01/2030")]
    odd += TOGETHER.get(table, [])
    return [[*(ordinary | values | {"CHILD": f"{table} {number}"}).values()] for number, values in enumerate(odd)]


def _faulty(chance: random.Random, value: str, name: str, seen: list[str]) -> str:
    if day := _day(value):
        moved = _written(day + timedelta(days=chance.choice([-400, -30, -7, -1, 1, 7, 30, 400])))
        return moved if name in BEGINS else chance.choice([moved, moved, ""])
    return chance.choice(["", chance.choice(seen), "ZZ" if not any(map(_day, seen)) else value])


def _a_little_later(chance: random.Random, row: list[str], header: list[str]) -> list[str]:
    days = timedelta(days=chance.choice([-20, -5, 5, 20, 40]))
    return [
        _written(day + days) if (day := _day(value)) and name not in NOT_MOVED else value
        for value, name in zip(row, header, strict=True)
    ]


def _moved(value: str, name: str) -> str:
    day = _day(value)
    return _written(day + TO_THE_YEAR_2023_24) if day and name not in NOT_MOVED else value


def _day(value: str) -> date | None:
    try:
        day, month, year = value.split("/")
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _written(day: date) -> str:
    return f"{day:%d/%m/%Y}"
