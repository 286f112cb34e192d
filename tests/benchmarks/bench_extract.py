"""The extract that the benchmarks measure: a million rows of thirty columns, and the contract that goes with it."""

from __future__ import annotations

import itertools
from pathlib import Path

ROWS = 1_000_000
COLUMNS = 30
RULES = 35

_NUMBERS = ("9434765919", "9434765870", "9990000018", "9990000026", "")
_CODES = ("11", "12", "13", "21", "22", "23", "24", "25", "28", "2A", "2B", "2D", "31", "32", "81", "82")


def write_expectations(folder: Path, broken: bool = False) -> None:
    """A format `bench` with one table of thirty columns and thirty-five rules, and an organisation that sends it.

    With `broken`, a tenth of the rules are such that about one row in a hundred breaks them.
    """
    (folder / "formats" / "bench").mkdir(parents=True)
    (folder / "bench").mkdir()
    (folder / "patterns.yml").write_text(
        "nhs_number: {means: an NHS number, looks_like: 943 476 5919, check: nhs_number, ignoring: [spaces, dashes]}\n"
        "uk_date: {means: a real date, looks_like: 31/01/2019, date: DD/MM/YYYY}\n"
        'postcode: {means: a postcode, looks_like: WA10 1AB, matches: "[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}"}\n'
    )
    (folder / "formats" / "bench" / "format.yml").write_text(
        "title: bench\npublished_by: bench\nsource: bench\nfacts: ours\nversions: {1: {from_period_ending: 2018-01-01}}\n"
    )
    (folder / "formats" / "bench" / "codes.yml").write_text(
        f"admission_method: {{means: admission method, source: bench, codes: [{', '.join(repr(code) for code in _CODES)}]}}\n"
    )
    columns = [
        f"  {header}: {{means: bench, we_expect: [{rules}], must_be_present: true, needed_for: [planning]}}"
        for header, rules in _columns(broken)
    ]
    (folder / "formats" / "bench" / "rows.yml").write_text(
        "title: bench\neach_row_is: one row\nsource: bench\nkey: []\nreplaces: period\ncolumns:\n" + "\n".join(columns) + "\n"
    )
    (folder / "bench" / "organisation.yml").write_text("name: bench\nods_code: X\nkind: bench\ndata_owner: bench\n")
    (folder / "bench" / "rows.yml").write_text(
        "title: bench\nsends: bench\nsent_by: bench\nallowed_by: BENCH\nhold_when_set_aside_above_percent: 100\n"
        "arrives: {by: folder, every: month, due_days_after_period: 1}\n"
    )


def _columns(broken: bool) -> list[tuple[str, str]]:
    long = "{at_most_characters: 9}" if broken else "{at_most_characters: 100}"
    columns = [("id", "filled, {at_most_characters: 20}"), ("nhs_number", "nhs_number")]
    columns += [(f"name_{n}", f"filled, {long}" if n < 2 else f"{long}") for n in range(6)]
    columns += [(f"day_{n}", "uk_date, not_in_future" if n < 2 else "uk_date") for n in range(6)]
    columns += [(f"code_{n}", "{one_of: admission_method}") for n in range(8)]
    columns += [(f"postcode_{n}", "postcode") for n in range(2)]
    columns += [(f"amount_{n}", "{between: [0, 1000]}") for n in range(4)]
    columns += [("note_0", "{at_most_characters: 50}"), ("note_1", "{at_most_characters: 50}")]
    return columns


def write_extract(path: Path, rows: int = ROWS) -> None:
    """`rows` rows of thirty columns, the same at every call: ids, numbers, names, dates, codes, postcodes, amounts."""
    names = itertools.cycle(["Smith", "O'Brien", "Patel", "Nowak", "Featherstonehaugh", "Lee", "Ashcroft"])
    days = itertools.cycle(
        [f"{day:02d}/{month:02d}/{year}" for year in (1948, 2019) for month in range(1, 13) for day in (1, 15, 28)]
    )
    codes = itertools.cycle(_CODES)
    numbers = itertools.cycle(_NUMBERS)
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(",".join(header for header, _ in _columns(False)) + "\n")
        for number in range(rows):
            name, day, code = next(names), next(days), next(codes)
            stream.write(
                f"P{number:09d},{next(numbers)},{name},{name},Ann,Ivy,Jo,May,{day},{day},{day},{day},{day},{day},"
                f"{code},{code},{code},{code},{code},{code},{code},{code},WA10 1AB,WA9 3XY,"
                f"{number % 1000},{number % 999},{number % 7}.50,12,at home with support,\n"
            )
