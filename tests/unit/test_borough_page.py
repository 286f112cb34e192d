"""The page that shows what a made-up borough is like, beside published figures."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from pathlib import Path

import pytest

from cares.cli.simulate import Transfer, simulate
from cares.reports.borough import borough_page
from cares.simulator import figures
from cares.simulator.figures import PLAUSIBLE, PUBLISHED, Figure
from cares.simulator.story import Story, Told

PEOPLE, FIRST, LAST = 800, date(2019, 4, 1), date(2020, 4, 30)


def story(transfer_worsens: bool = False) -> Story:
    return Story(Told(PEOPLE, 2, FIRST, LAST, "999", transfer_worsens=transfer_worsens))


@pytest.fixture(scope="module")
def shown() -> dict[str, Figure]:
    return {figure.name: figure for figure in figures.of(story())}


@pytest.fixture(scope="module")
def page(shown: dict[str, Figure]) -> str:
    return borough_page("people: 800, seed: 2", list(shown.values()), {("torus/tenancies", "accepted"): (13, 4210)})


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_the_page_says_at_its_top_that_it_is_simulated_and_needs_nothing_from_elsewhere(page: str) -> None:
    assert text(page.split("<body>")[1]).startswith("SIMULATED DATA: nobody on this page exists")
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|//\w|<script|<img|@import|url\(", page)


def test_each_figure_is_drawn_and_names_its_source_or_says_that_it_is_only_plausible(page: str, shown: dict[str, Figure]) -> None:
    articles = dict(re.findall(r'<article id="(\w+)">(.*?)</article>', page, re.DOTALL))
    assert list(articles) == list(shown)
    for name, figure in shown.items():
        assert "<svg" in articles[name] and figure.title in text(articles[name])
        says_source = bool(figure.sources) and all(source in text(articles[name]) for source in figure.sources)
        assert says_source != (PLAUSIBLE in text(articles[name]).lower())


def test_a_published_column_or_number_never_stands_without_its_source(shown: dict[str, Figure]) -> None:
    for figure in shown.values():
        assert PUBLISHED not in figure.table or figure.table[PUBLISHED].isna().all() or figure.source
        assert all(comparison.source for comparison in figure.comparisons if comparison.published is not None)


def test_the_figures_are_those_of_the_story(shown: dict[str, Figure]) -> None:
    ages, delays = shown["people"].table, shown["delayed_days"].table
    assert ages["women"].sum() + ages["men"].sum() == pytest.approx(PEOPLE, rel=0.03)
    assert ages[PUBLISHED].sum() == pytest.approx(ages["women"].sum() + ages["men"].sum(), abs=10)
    # In January 2020 the beds of 3,450 and 1,732 patients in England were taken up by delays: by 56 million people.
    january = delays.loc[delays["month"] == "2020-01", PUBLISHED].item()
    assert january == pytest.approx((3450 + 1732) * 31 / 560, abs=0.1)
    assert delays.loc[delays["month"] == "2020-03", PUBLISHED].isna().all()


def test_waits_that_a_transfer_made_longer_are_seen_to_be_longer(shown: dict[str, Figure]) -> None:
    def ratio(figure: Figure) -> float:
        (comparison,) = figure.comparisons
        return comparison.simulated

    worse = figures.urgent_treatment_centre(story(transfer_worsens=True))
    assert ratio(shown["urgent_treatment_centre"]) < 1.3 < ratio(worse)
    assert "were made to get longer" in worse.note


def test_the_command_writes_the_page_with_what_was_sent_and_the_same_seed_writes_the_same(tmp_path: Path) -> None:
    for name in ("one", "other"):
        simulate(300, tmp_path / name, seed=3, first="2019-03", last="2019-03", transfer=Transfer.same)
    page = (tmp_path / "one" / "borough.html").read_text(encoding="utf-8")
    assert page == (tmp_path / "other" / "borough.html").read_text(encoding="utf-8")
    sent = text(page.split('id="sent"')[1])
    assert "torus/tenancies accepted 1" in sent and "Together" in sent
