"""Airflow in a real browser after the demo: who gets in, what is red and why, and our own page."""

from __future__ import annotations

import json
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from finished_demo import FinishedDemo

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
USERS = "/auth/fab/v1/users"
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


@pytest.fixture(scope="module")
def airflow(demo: FinishedDemo) -> Iterator[str]:
    """The address of Airflow's pages."""
    started = demo.cares("airflow", "up")
    assert started.returncode == 0, started.stderr
    yield re.search(r"http://127\.0\.0\.1:\d+", started.stdout)[0]
    demo.cares("airflow", "down")


@pytest.fixture(scope="module")
def page(demo: FinishedDemo, airflow: str) -> Iterator[Page]:
    """A browser that is signed in."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    password = re.search(r"with the password (\S+)", demo.cares("airflow", "password").stdout)[1]
    # Chromium's own sandbox refuses to run as root.
    arguments = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else QUIET
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = chromium.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(30_000)
        page.asked_for = []
        page.on("request", lambda request: page.asked_for.append(request.url))
        page.goto(airflow)
        page.fill("input[name=username]", "engineer")
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.get_by_role("link", name="Dags").first.wait_for()
        yield page
        chromium.close()


@pytest.mark.parametrize(
    "path", ["/cares/", "/cares/deliveries/1", "/cares/quality/1", "/cares/docs", "/cares/openapi.json", "/api/v2/dags"]
)
def test_nobody_gets_in_without_the_login(airflow: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"{airflow}{path}")

    assert refusal.value.code in (401, 404)


MAY = {
    # The analyst reads the quality report, governance looks on, the engineer runs it all, and only the administrator lets people in.
    "analyst": {"/cares/": 403, "/cares/deliveries/1": 403, "/cares/quality/1": 200, "/api/v2/connections": 403, USERS: 403},
    "governance": {"/cares/": 200, "/cares/deliveries/1": 200, "/cares/quality/1": 200, "/api/v2/connections": 403, USERS: 403},
    "engineer": {"/cares/": 200, "/cares/deliveries/1": 200, "/cares/quality/1": 200, "/api/v2/connections": 200, USERS: 403},
    "administrator": {"/cares/": 200, "/cares/quality/1": 200, USERS: 200},
}


@pytest.mark.parametrize("role", MAY)
def test_each_role_opens_its_own_pages_only(demo: FinishedDemo, airflow: str, page: Page, role: str) -> None:
    """`page` is asked for first: it gives the engineer a password of its own."""
    password = re.search(r"with the password (\S+)", demo.cares("airflow", "login", "--role", role).stdout)[1]
    token = json.loads(asked(f"{airflow}/auth/token", given={"username": role, "password": password})[1])["access_token"]

    assert {path: asked(f"{airflow}{path}", token)[0] for path in MAY[role]} == MAY[role]


def asked(url: str, token: str = "", given: dict[str, str] | None = None) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, json.dumps(given).encode() if given else None, headers)
        ) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, b""


def test_the_list_shows_every_organisation_and_what_follows(page: Page, airflow: str) -> None:
    page.goto(f"{airflow}/dags")

    receivers = ("receive__council", "receive__sthk", "receive__torus")
    for name in (*receivers, "handle_deliveries", "build_linked_dataset", "report_quality", "watch_promises"):
        page.get_by_role("link", name=name, exact=True).wait_for()


def test_every_page_says_that_the_data_are_simulated(page: Page, airflow: str) -> None:
    page.goto(f"{airflow}/dags")
    page.get_by_role("link", name="receive__sthk", exact=True).wait_for()

    assert "SIMULATED DATA" in page.title()


def test_a_rejected_delivery_is_red_and_says_what_to_do(page: Page, airflow: str) -> None:
    page.goto(f"{airflow}/task_instances?task_state=failed")
    page.get_by_role("link", name=re.compile("admitted_patient_care 2020-03")).first.click()

    page.get_by_text(re.compile("the mandatory column .* is missing; send the file")).first.wait_for()


def test_a_button_leads_from_the_failed_task_to_the_page_of_the_delivery(page: Page, airflow: str) -> None:
    page.goto(f"{airflow}/task_instances?task_state=failed")
    page.get_by_role("link", name=re.compile("admitted_patient_care 2020-03")).first.click()
    page.get_by_role("link", name="Details").click()
    page.get_by_role("link", name="Delivery", exact=True).click()

    page.get_by_role("heading", name="sthk/admitted_patient_care 2020-03").wait_for()
    page.get_by_role("note").get_by_text("SIMULATED DATA").wait_for()
    page.get_by_text(re.compile(r"cares delivery replay \d+ --reason")).wait_for()


def test_our_page_shows_deliveries_builds_and_the_report(page: Page, airflow: str) -> None:
    page.goto(f"{airflow}/plugin/deliveries-and-builds")
    ours = page.frame_locator("iframe")

    ours.get_by_role("note").get_by_text("SIMULATED DATA").wait_for()
    assert ours.locator("td.rejected").count() == 1
    ours.get_by_text("the mandatory column").wait_for()
    ours.get_by_role("heading", name="Build 1: published").wait_for()
    ours.get_by_role("cell", name="care_timeline", exact=True).wait_for()
    ours.get_by_role("link", name="Quality report").click()
    ours.get_by_role("heading", name="Quality report of build 1").wait_for()


def test_our_page_opens_the_page_of_each_delivery(page: Page, airflow: str) -> None:
    page.goto(f"{airflow}/plugin/deliveries-and-builds")
    ours = page.frame_locator("iframe")

    ours.locator("tr", has_text="looked_after_children").get_by_role("link").first.click()
    ours.get_by_role("heading", name="council/looked_after_children 2019-20").wait_for()
    ours.get_by_role("heading", name="What can be done").wait_for()
    ours.get_by_role("link", name="All deliveries and builds").click()
    ours.get_by_role("heading", name="Deliveries and builds").wait_for()


def test_a_delivery_is_held_once_somebody_has_seen_what_that_touches_and_approved_it(
    page: Page, airflow: str, demo: FinishedDemo
) -> None:
    page.request.patch(f"{airflow}/api/v2/dags/build_linked_dataset", data={"is_paused": True})  # no build need follow here
    number = demo.ask("engineer", "select max(delivery_id) from ledger.delivery where state = 'accepted'")
    asked = {"action": "hold", "delivery": int(number), "reason": "The council asked for it"}
    runs = f"{airflow}/api/v2/dags/handle_deliveries/dagRuns"
    run = page.request.post(runs, data={"logical_date": None, "conf": asked}).json()["dag_run_id"]

    wait_until(page, f"{runs}/{run}/taskInstances/approve", "awaiting_input")
    page.goto(f"{airflow}/dags/handle_deliveries/runs/{run}/tasks/approve/required_actions")
    page.get_by_role("cell", name="held", exact=True).wait_for()
    assert demo.ask("engineer", f"select state from ledger.delivery where delivery_id = {number}") == "accepted"
    # Airflow takes note of the process that has paused some seconds later, and calls a task failed that was let go on before.
    page.wait_for_timeout(15_000)
    page.get_by_role("button", name="Approve").click()
    wait_until(page, f"{runs}/{run}/taskInstances/carry_out", "success")

    told = demo.ask(
        "engineer", f"select event, by, reason from ledger.delivery_event where delivery_id = {number} order by event_id"
    )
    assert told.splitlines()[-1] == "held|engineer|The council asked for it"
    undone = demo.cares("delivery", "release", number, "--reason", "It was right after all", "--yes")
    assert undone.returncode == 0, undone.stderr


def wait_until(page: Page, task: str, state: str) -> None:
    """Return when a task, given by its address in Airflow's API, is in a state."""
    for _ in range(240):
        found = page.request.get(task).json()["state"]
        if found == state:
            return
        assert found not in ("failed", "upstream_failed"), f"{task} is {found}: {failures(page, task)}"
        page.wait_for_timeout(1000)
    pytest.fail(f"{task} is {found} and not {state} after four minutes")


def failures(page: Page, task: str) -> str:
    """What the failed tasks of a task's run say in their logs."""
    run = task.rpartition("/")[0]
    failed = [one for one in page.request.get(run).json()["task_instances"] if one["state"] == "failed"]
    return "\n".join(page.request.get(f"{run}/{one['task_id']}/logs/{one['try_number']}").text() for one in failed)


def test_no_page_asked_another_host_for_anything(page: Page, airflow: str) -> None:
    assert page.asked_for
    assert [url for url in page.asked_for if not url.startswith((airflow, "data:", "blob:"))] == []
