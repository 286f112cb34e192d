"""The waterfall of a comparison as an SVG drawing: from where every pair starts, step by step, to the weight of this one."""

from __future__ import annotations

from html import escape

from cares.person_index.clustering import LINKED_FROM
from cares.person_index.explaining import odds, tell_step
from cares.person_index.scoring import Weighing

WIDTH = 960
_WORDS, _FIGURES, _ROW, _TOP, _BOTTOM = 500, 60, 26, 58, 34
# Blue and orange are told apart by those who see red and green alike; the sign stands beside each bar.
_STYLE = (
    "text{font:13px system-ui,'Segoe UI',Arial,sans-serif;fill:#16202a;paint-order:stroke;stroke:#fff;stroke-width:3px}.soft{fill:#4a5763}.for{fill:#005a9c}.against{fill:#b8460e}"
    ".all{fill:#16202a}.line{stroke:#4a5763;stroke-dasharray:5 4}.zero{stroke:#4a5763}.step{stroke:#cdd5dc}"
)


def draw(weighing: Weighing) -> str:
    """The drawing: comparisons, agreements and weights in log2 odds; no value, name or id of anybody."""
    rows: list[tuple[str, float, float, float]] = []
    so_far = 0.0
    for step in weighing.steps:
        rows.append((tell_step(step.comparison, step.agreement, step.of_rarity), so_far, so_far + step.weight, step.weight))
        so_far += step.weight
    ends = [0.0, LINKED_FROM, *(end for _, start, end, _ in rows)]
    lowest, highest = min(ends), max(ends)
    base = _TOP + _ROW * (len(rows) + 1)
    height = base + _BOTTOM

    def x(weight: float) -> float:
        return round(_WORDS + (weight - lowest) / (highest - lowest) * (WIDTH - _WORDS - _FIGURES), 1)

    whole = f"In all {weighing.weight:+.1f}: {odds(weighing.weight)} one person"
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        'aria-labelledby="title description">',
        '<title id="title">What speaks for and against one person</title>',
        f'<desc id="description">{escape("; ".join(f"{words} {adds:+.1f}" for words, *_, adds in rows))}. {escape(whole)}.</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        '<text x="10" y="22" font-weight="600">What speaks for and against one person</text>',
        '<text class="soft" x="10" y="42">Weights in log2 odds: 0 is even, and each whole one doubles the odds, or halves them.</text>',
        f'<line class="zero" x1="{x(0)}" x2="{x(0)}" y1="{_TOP - 4}" y2="{base}"/>',
        f'<line class="line" x1="{x(LINKED_FROM)}" x2="{x(LINKED_FROM)}" y1="{_TOP - 4}" y2="{base}"/>',
        f'<text class="soft" x="{x(LINKED_FROM)}" y="{base + 18}" text-anchor="middle">linked from {LINKED_FROM:+.1f}</text>',
    ]
    for at, (words, start, end, adds) in enumerate(rows):
        drawn += _bar(_TOP + _ROW * at, words, x(start), x(end), f"{adds:+.1f}", "for" if adds >= 0 else "against")
        below = _TOP + _ROW * (at + 1)
        drawn.append(f'<line class="step" x1="{x(end)}" x2="{x(end)}" y1="{below - 6}" y2="{below + 4}"/>')
    drawn += _bar(base - _ROW, whole, x(0), x(weighing.weight), f"{weighing.weight:+.1f}", "all")
    return "\n".join([*drawn, "</svg>", ""])


def _bar(top: int, words: str, start: float, end: float, figure: str, kind: str) -> list[str]:
    left, width = min(start, end), max(abs(end - start), 1)
    return [
        f'<text x="10" y="{top + 16}">{escape(words)}</text>',
        f'<rect class="{kind}" x="{left}" y="{top + 4}" width="{width:.1f}" height="{_ROW - 10}"/>',
        f'<text class="soft" x="{left + width + 5:.1f}" y="{top + 16}">{figure}</text>',
    ]
