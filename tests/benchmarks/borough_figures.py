"""Figures of a made-up borough beside the published ones, as plots in plain text, 100 characters wide.

Run by hand: python tests/benchmarks/borough_figures.py --people 20000 [--transfer worse]
Nothing is written: the borough's story is told, and its figures are printed. `cares simulate` draws the same on a page.
"""

from __future__ import annotations

import argparse
import math
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins"))

from cares.simulator import Simulation, figures
from cares.simulator.figures import PUBLISHED, Figure

WIDTH, HEIGHT = 100, 9
AXIS = 8  # characters left of the plot
OURS, DOTS, THEIRS, THEIR_BAR = ("█", "▒"), ("●", "○"), "◆", "░"
EIGHTHS = " ▁▂▃▄▅▆▇█"


def main() -> None:
    """Print every figure."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=20_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--from", dest="first", default="2018-10")
    arguments.add_argument("--until", default="2020-06")
    arguments.add_argument("--transfer", choices=("same", "worse"), default="same")
    asked = arguments.parse_args()
    borough = Simulation(asked.people, asked.seed, asked.first, asked.until, transfer=asked.transfer)
    print(textwrap.fill(f"SIMULATED: {borough.how}", WIDTH))
    for figure in figures.of(borough.story):
        print("\n" + "\n".join(plot(figure)))


def plot(figure: Figure) -> Iterator[str]:
    """The lines of one figure: title, plot, numbers beside the published ones, and its source."""
    yield f"── {figure.title} ".ljust(WIDTH, "─")
    yield f"{figure.unit}; {legend(figure)}" if len(figure.table.columns) > 2 else figure.unit
    yield from {"stack": ages, "shares": bars}.get(figure.drawn, over_months)(figure)
    for comparison in figure.comparisons:
        ours, theirs = comparison.reads
        said = f"{ours}, published {theirs}" if comparison.published is not None else ours
        yield f"  {comparison.name} ".ljust(WIDTH - len(said) - 1, ".") + f" {said}"
    yield from textwrap.wrap(f"{figure.note} {figure.standing}", WIDTH, initial_indent="  ", subsequent_indent="  ")


def legend(figure: Figure) -> str:
    """Which mark is which column."""
    names = [name for name in figure.table.columns[1:] if figure.table[name].notna().any()]
    if figure.drawn == "stack":
        return f"women to the left, men to the right, {THEIRS} half of the published number of both"
    ours, theirs = iter(DOTS if figure.lowest else OURS), THEIR_BAR if figure.drawn == "shares" else THEIRS
    return ", ".join(f"{theirs if name == PUBLISHED else next(ours)} {name}" for name in names)


def ages(figure: Figure) -> Iterator[str]:
    """A pyramid, the oldest on top."""
    table, side = figure.table, (WIDTH - 10) // 2 - 7
    greatest = max(table["women"].max(), table["men"].max(), table[PUBLISHED].max() / 2)
    for band, women, men, published in table[::-1].itertuples(index=False):
        left, right = ("█" * round(number / greatest * side) for number in (women, men))
        place = max(round(published / 2 / greatest * side) - 1, 0)
        left, right = (bar.ljust(side)[:place] + THEIRS + bar.ljust(side)[place + 1 :] for bar in (left, right))
        yield f"{women:>7,} {left[::-1]} {band:^7} {right} {men:<7,}".rstrip()


def bars(figure: Figure) -> Iterator[str]:
    """A bar for each number, those of one row below each other."""
    first, *names = figure.table.columns
    words = max(map(len, figure.table[first])) + 1
    room = WIDTH - words - 8
    greatest = max(figure.table[name].max() for name in names)
    for label, *numbers in figure.table.itertuples(index=False):
        marks = iter(OURS)
        for place, (name, number) in enumerate(zip(names, numbers, strict=True)):
            bar = (THEIR_BAR if name == PUBLISHED else next(marks)) * round(number / greatest * room)
            yield f"{label if place == 0 else '':>{words}} {bar} {number:.1f}{' published' * (name == PUBLISHED)}"


def over_months(figure: Figure) -> Iterator[str]:
    """Columns over the months, or dots where the axis does not begin at 0; published numbers are diamonds."""
    labels = list(figure.table.iloc[:, 0])
    columns = {name: [float(value) for value in figure.table[name]] for name in figure.table.columns[1:]}
    ours = [name for name in columns if name != PUBLISHED]
    known = [value for values in columns.values() for value in values if not math.isnan(value)]
    top, base = max(known, default=1), figure.lowest
    unit = (top - base) / HEIGHT or 1
    each = max(min((WIDTH - AXIS) // len(labels), 5), 1)
    grid = [[" "] * (each * len(labels)) for _ in range(HEIGHT)]
    dots = base > 0
    for nth, name in enumerate(ours):
        for place, value in enumerate(columns[name]):
            if math.isnan(value):
                continue
            height, at = (value - base) / unit, place * each + (min(2 * nth, each - 1) if dots else nth * max(each // 2, 1))
            if dots:
                grid[min(max(math.ceil(height) - 1, 0), HEIGHT - 1)][at] = DOTS[nth]
                continue
            for row in range(HEIGHT):
                filled = min(max(height - row, 0), 1)
                mark = EIGHTHS[round(filled * 8)] if nth == 0 else OURS[nth] * (filled >= 0.5) or " "
                wide = max(each // 2, 1) if len(ours) > 1 else max(each - 1, 1)
                if mark != " ":
                    grid[row][at : at + wide] = mark * min(wide, each)
    for place, value in enumerate(columns.get(PUBLISHED, [])):
        if not math.isnan(value):
            at = place * each + (min(1, each - 1) if dots else max(each - 2, 0))
            grid[min(max(math.ceil((value - base) / unit) - 1, 0), HEIGHT - 1)][at] = THEIRS
    for row in reversed(range(HEIGHT)):
        level = f"{base + unit * (row + 1):,.0f}" if row % 2 == 0 else ""
        yield f"{level:>{AXIS - 2}} ┤{''.join(grid[row])}".rstrip()
    yield f"{f'{base:,.0f}':>{AXIS - 2}} └" + "─" * (each * len(labels))
    shown = [" "] * (AXIS + each * len(labels) + 8)
    for place in range(0, len(labels), -(-9 // each)):
        shown[AXIS - 1 + place * each : AXIS + 6 + place * each] = labels[place]
    yield "".join(shown).rstrip()[:WIDTH]


if __name__ == "__main__":
    main()
