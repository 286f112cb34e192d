"""The quality report in a real browser: it needs no other host and no JavaScript, and reads well on a phone and on paper."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cares.reports import quality_report
from fresh_warehouse import FreshWarehouse
from quality_ledger import Ledger, small_borough

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    # Chromium's own sandbox refuses to run as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def report(warehouse_of_module: FreshWarehouse) -> Path:
    with warehouse_of_module.connect(autocommit=True) as connection:
        return quality_report(small_borough(Ledger(connection)))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1200, "height": 900})
    yield context.new_page()
    context.close()


def test_it_asks_nobody_for_anything(page: Page, report: Path) -> None:
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(report.as_uri(), wait_until="load")
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]
    assert complaints == []


def test_the_answer_is_on_the_first_screen(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    assert page.get_by_role("note").inner_text().startswith("SIMULATED DATA")
    for use in ("direct care", "planning", "money"):
        box = page.get_by_role("heading", name=f"For {use}").bounding_box()
        assert box is not None and box["y"] + box["height"] < 900


def test_it_can_be_read_without_seeing_it(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    assert page.locator("h1").count() == 1
    assert page.locator("html[lang=en-GB]").count() == 1
    for drawing in page.get_by_role("img").all():
        assert "values" in (drawing.get_attribute("aria-label") or "") or "No value" in (
            drawing.get_attribute("aria-label") or ""
        )
    assert page.locator("table:not(:has(th[scope=col]))").count() == 0
    levels = [int(name[1]) for name in page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(one => one.localName)")]
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))


def test_it_fits_a_phone(page: Page, report: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(report.as_uri())
    assert page.locator("html").evaluate("page => page.scrollWidth") <= 360


def test_it_prints_the_appendix_on_pages_of_its_own(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    page.emulate_media(media="print")
    assert page.locator("#ledger").locator("..").evaluate("part => getComputedStyle(part).breakBefore") == "page"
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
