"""The page of a made-up borough: its figures as charts, each beside the published one, and what its organisations sent.

One HTML page that needs nothing else. Nobody in it exists, so that small numbers are shown as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined

from cares.reports import charts

PUBLISHED = "published"
WIDTH, HEIGHT = 640, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 22, 12, 30
_BAR, _BETWEEN, _WORDS = 11, 9, 170  # of horizontal bars: height, distance of the groups, room for their names
_LABELS_SHOWN = 11


class Comparison(Protocol):
    """One number of the borough, with its name, and how it reads beside the published one."""

    @property
    def name(self) -> str:
        """What the number is."""

    @property
    def reads(self) -> tuple[str, str]:
        """Both numbers as they are written."""


class Figure(Protocol):
    """A table of numbers with its words, such as `cares.simulator.figures` makes."""

    @property
    def name(self) -> str:
        """A short name, which is the same in every borough."""

    @property
    def title(self) -> str:
        """What it is about."""

    @property
    def unit(self) -> str:
        """What its numbers are."""

    @property
    def drawn(self) -> str:
        """How it is drawn: stack, months, trend or shares."""

    @property
    def table(self) -> Any:
        """The numbers, a pandas frame; the first column names the rows, the column PUBLISHED is not of the borough."""

    @property
    def note(self) -> str:
        """What to know when reading it."""

    @property
    def lowest(self) -> float:
        """Where its axis begins."""

    @property
    def comparisons(self) -> Sequence[Comparison]:
        """Its numbers beside the published ones."""

    @property
    def standing(self) -> str:
        """The published source, or that there is none."""


@dataclass(frozen=True)
class Mark:
    """One value in a drawing: a dot or a diamond at its place, or a bar; `kind` is how it is painted."""

    kind: str
    reads: str
    x: float
    y: float
    width: float = 0
    height: float = 0


@dataclass(frozen=True)
class Word:
    """A word at a place in a drawing; `anchor` is the end that stands there."""

    text: str
    x: float
    y: float
    anchor: str


@dataclass(frozen=True)
class Drawing:
    """A figure ready to be drawn: level lines (y, kind), lines (kind, points), bars, dots, words, and the names of its kinds."""

    height: float
    levels: tuple[tuple[float, str], ...]
    lines: tuple[tuple[str, str], ...]
    bars: tuple[Mark, ...]
    dots: tuple[Mark, ...]
    words: tuple[Word, ...]
    legend: tuple[tuple[str, str], ...]
    summary: str


def borough_page(how: str, figures: Sequence[Figure], deliveries: Mapping[tuple[str, str], tuple[int, int]]) -> str:
    """The page; `how` says how the borough was made, `deliveries` how many and how many rows by feed and what should become of them."""
    environment = Environment(
        loader=PackageLoader("cares.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("borough.html").render(
        how=how,
        figures=[(figure, drawing(figure)) for figure in figures],
        width=WIDTH,
        rows_of=lambda figure: figure.table.itertuples(index=False),
        reads=_reads,
        deliveries=sorted(deliveries.items()),
        totals=[sum(numbers[place] for numbers in deliveries.values()) for place in (0, 1)],
    )


def drawing(figure: Figure) -> Drawing:
    """A figure as it is drawn: columns on top of each other, lines over months, a trend with its limits, or bars beside each other."""
    return {"stack": _stack, "shares": _bars}.get(figure.drawn, _lines)(figure)


def _lines(figure: Figure) -> Drawing:
    labels, columns = _parts(figure)
    ticks = _ticks(figure.lowest, max(_values(columns), default=1))
    inside = (WIDTH - _LEFT - _RIGHT) / max(len(labels) - 1, 1)
    lines, dots, levels = [], [], [(_y(tick, ticks), "axis" if tick == ticks[0] else "grid") for tick in ticks]
    for kind, name, values in columns:
        signals: frozenset[int] = frozenset()
        present = [place for place, value in enumerate(values) if not math.isnan(value)]
        if figure.drawn == "trend" and (found := charts.limits([values[place] for place in present])):
            signals = frozenset(present[place] for place in found.signals)
            limits = [(found.mean, "mean"), (found.upper, "limit"), (max(found.lower, ticks[0]), "limit")]
            levels += [(_y(level, ticks), what) for level, what in limits if level <= ticks[-1]]
        for run in _runs(present):
            lines.append((kind, " ".join(f"{_x(place, inside)},{_y(values[place], ticks)}" for place in run)))
        for place in present:
            what = "signal" if place in signals else kind
            reads = f"{labels[place]}, {name}: {_reads(values[place])}"
            dots.append(Mark(what, reads, _x(place, inside), _y(values[place], ticks)))
    shown = range(0, len(labels), -(-len(labels) // _LABELS_SHOWN))
    words = [Word(_month(labels[place]), _x(place, inside), HEIGHT - 10, "middle") for place in shown]
    words += _scale(ticks)
    return Drawing(
        HEIGHT, tuple(levels), tuple(lines), (), tuple(dots), tuple(words), _legend(columns), _summary(labels, columns)
    )


def _stack(figure: Figure) -> Drawing:
    labels, columns = _parts(figure)
    ours = [column for column in columns if column[0] != PUBLISHED]
    sums = [sum(values[place] for _, _, values in ours) for place in range(len(labels))]
    theirs = [column for column in columns if column[0] == PUBLISHED]
    ticks = _ticks(0, max([*sums, *_values(theirs)], default=1))
    room = (WIDTH - _LEFT - _RIGHT) / len(labels)
    bars: list[Mark] = []
    for place, label in enumerate(labels):
        left, below = round(_LEFT + room * (place + 0.13), 1), 0.0
        for kind, name, values in ours:
            top, base = _y(below + values[place], ticks), _y(below, ticks)
            reads = f"{label}, {name}: {_reads(values[place])}"
            bars.append(Mark(kind, reads, left, top, round(room * 0.74, 1), round(base - top, 1)))
            below += values[place]
        for kind, name, values in theirs:
            at, reads = _y(values[place], ticks) - 1.5, f"{label}, {name}: {_reads(values[place])}"
            bars.append(Mark(kind, reads, round(left - room * 0.1, 1), round(at, 1), round(room * 0.94, 1), 3))
    shown = range(0, len(labels), -(-len(labels) // _LABELS_SHOWN))
    words = [Word(labels[place], round(_LEFT + room * (place + 0.5), 1), HEIGHT - 10, "middle") for place in shown]
    levels = tuple((_y(tick, ticks), "axis" if tick == 0 else "grid") for tick in ticks)
    words = [*words, *_scale(ticks)]
    return Drawing(HEIGHT, levels, (), tuple(bars), (), tuple(words), _legend(columns), _summary(labels, columns))


def _bars(figure: Figure) -> Drawing:
    labels, columns = _parts(figure)
    greatest = _ticks(0, max(_values(columns), default=1))[-1]
    group = len(columns) * _BAR + _BETWEEN
    bars, words = [], []
    for place, label in enumerate(labels):
        top = _TOP + place * group
        words.append(Word(label, _WORDS - 8, round(top + len(columns) * _BAR / 2 + 4, 1), "end"))
        for nth, (kind, name, values) in enumerate(columns):
            width = round(values[place] / greatest * (WIDTH - _WORDS - 50), 1)
            reads = f"{label}, {name}: {_reads(values[place])}"
            bars.append(Mark(kind, reads, _WORDS, top + nth * _BAR, max(width, 1), _BAR - 1))
            words.append(Word(_reads(values[place]), _WORDS + width + 5, top + (nth + 1) * _BAR - 2, "start"))
    height = _TOP + len(labels) * group
    return Drawing(height, (), (), tuple(bars), (), tuple(words), _legend(columns), _summary(labels, columns))


def _parts(figure: Figure) -> tuple[list[str], list[tuple[str, str, list[float]]]]:
    """The names of the rows, and of each other column its kind, its name and its numbers."""
    first, *others = figure.table.columns
    kinds = iter(("first", "second"))
    columns = [
        (PUBLISHED if name == PUBLISHED else next(kinds), str(name), [float(value) for value in figure.table[name]])
        for name in others
    ]
    return [str(label) for label in figure.table[first]], columns


def _values(columns: Sequence[tuple[str, str, list[float]]]) -> list[float]:
    return [value for _, _, values in columns for value in values if not math.isnan(value)]


def _ticks(lowest: float, greatest: float) -> list[float]:
    """Round numbers from the lowest to the greatest value or beyond it, four to eight of them."""
    reach = max(greatest - lowest, 1e-9)
    size = 10 ** math.floor(math.log10(reach / 4))
    step = next(size * times for times in (1, 2, 5, 10) if reach / (size * times) <= 6)
    return [lowest + step * place for place in range(math.ceil(reach / step - 1e-9) + 1)]


def _x(place: int, between: float) -> float:
    return round(_LEFT + place * between, 1)


def _y(value: float, ticks: Sequence[float]) -> float:
    share = (max(value, ticks[0]) - ticks[0]) / (ticks[-1] - ticks[0])
    return round(HEIGHT - _BOTTOM - share * (HEIGHT - _BOTTOM - _TOP), 1)


def _runs(places: Sequence[int]) -> Iterator[list[int]]:
    """The places that follow each other without a gap."""
    run: list[int] = []
    for place in places:
        if run and place != run[-1] + 1:
            yield run
            run = []
        run.append(place)
    if run:
        yield run


def _scale(ticks: Sequence[float]) -> list[Word]:
    return [Word(f"{tick:,.10g}", _LEFT - 6, _y(tick, ticks) + 4, "end") for tick in ticks]


def _legend(columns: Sequence[tuple[str, str, list[float]]]) -> tuple[tuple[str, str], ...]:
    shown = [(kind, name) for kind, name, values in columns if any(not math.isnan(value) for value in values)]
    return tuple(shown) if len(shown) > 1 else ()


def _summary(labels: Sequence[str], columns: Sequence[tuple[str, str, list[float]]]) -> str:
    """The drawing in one sentence, for those who do not see it."""
    said = []
    for _, name, values in columns:
        known = [place for place, value in enumerate(values) if not math.isnan(value)]
        if known:
            least, most = (pick(known, key=values.__getitem__) for pick in (min, max))
            said.append(f"{name}: least {_reads(values[least])} ({labels[least]}), most {_reads(values[most])} ({labels[most]})")
    return f"{'; '.join(said)}." if said else "No value is known."


def _month(label: str) -> str:
    """2019-03 as Mar 19."""
    year, month = label.split("-")
    return f"{'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split()[int(month) - 1]} {year[2:]}"


def _reads(value: object) -> str:
    """A cell of a table as it is read; a dash for no number."""
    if isinstance(value, str):
        return value
    number = float(value)  # type: ignore[arg-type]
    if math.isnan(number):
        return "–"
    return f"{number:,.0f}" if number.is_integer() else f"{number:,.1f}"
