"""No value of the data leaves the database and the protected store, and nobody comes in without a login.

A feed of every format goes through the real DAGs, each of its values can be recognised, and all that the run left behind is searched
for them. While Airflow runs, somebody who is not signed in asks it for everything.
"""

from __future__ import annotations

import itertools
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
import yaml

from cares import airflow_server, contracts, demo, notifications, settings, warehouse
from cares.governance import agreements
from fresh_warehouse import FreshWarehouse
from privacy.markers import FAILING_WORD, PASSING_WORD, Markers, break_file, one_feed_of_each_format, periods_of
from privacy.reading import OF_PERSON_RECORDS, text_below, text_of
from transports.sftp_server import PASSWORD, sftp_server

Seen = Callable[[str], None]

DOORS = [
    "/api/v2/dags", "/api/v2/dags/~/dagRuns", "/api/v2/connections", "/api/v2/variables", "/api/v2/eventLogs", "/api/v2/assets",
    "/api/v2/dags/receive__torus/dagRuns/~/taskInstances/~/xcomEntries", "/cares/", "/cares/quality/1",
]  # fmt: skip
BY_SFTP, BY_SFTP_WITH_A_WRONG_PASSWORD = "torus/tenancies", "halton/adult_social_care"
WRONG_PASSWORD = "Nicht-dieses-8?"
GUESSES = [("admin", "admin"), ("airflow", "airflow"), ("engineer", "engineer")]


@dataclass(frozen=True)
class Run:
    """What the feeds were made of, what somebody without a login was answered meanwhile, and what went back by SFTP."""

    markers: Markers
    answers: dict[str, int]
    returned_by_sftp: Path


@pytest.fixture(scope="module")
def run(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A delivery of a feed of every format, and a broken one, went through the scheduler's DAGs; one feed came by SFTP.

    Another that comes so has a wrong password in its connection.
    """
    made = Markers()
    outbox = settings.var_folder("outbox of the leak test")
    theirs = tmp_path_factory.mktemp("server")
    for feed in one_feed_of_each_format():
        place = theirs / "outbox" / "tenancies" if feed.slug == BY_SFTP else outbox / feed.slug
        good, bad = (place / period.label for period in itertools.islice(periods_of(feed), 2))
        made.write_feed(feed, good, feed.version(feed.period(good.name)))
        made.write_feed(feed, bad, feed.version(feed.period(bad.name)))
        for number, file in enumerate(sorted(bad.iterdir())):
            break_file(file, number)
        for folder in (good, bad):
            (folder / "complete.done").touch()
        agreements.sign(agreements.Agreement("TEST", feed.slug, ("direct care",), date(2018, 9, 1), date(2018, 9, 1)))
    with sftp_server(theirs) as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("CARES_EXPECTATIONS", str(two_feeds_by_sftp(tmp_path_factory.mktemp("contracts"))))
        environment.setenv("AIRFLOW_CONN_CARES_TORUS", server.connection())
        environment.setenv("AIRFLOW_CONN_CARES_HALTON", server.connection(password=WRONG_PASSWORD))
        environment.setenv("CARES_OUTBOX", str(outbox))
        environment.setenv("TMPDIR", str(settings.var_folder("temporary files")))
        airflow_server.prepare()
        airflow_server.start_and_wait(demo.COMPONENTS)
        try:
            for _ in demo.watch():
                pass
            answers = ask_without_login(airflow_server.url())
        finally:
            airflow_server.stop()
    yield Run(made, answers, theirs / "outbox" / "returns")


def two_feeds_by_sftp(folder: Path) -> Path:
    """A copy of all contracts in which two feeds come by SFTP."""
    root = shutil.copytree(settings.EXPECTATIONS, folder / "expectations")
    for slug in (BY_SFTP, BY_SFTP_WITH_A_WRONG_PASSWORD):
        promise = root / f"{slug}.yml"
        promise.write_text(promise.read_text(encoding="utf-8").replace("by: folder", "by: sftp"), encoding="utf-8")
    return root


def ask_without_login(url: str) -> dict[str, int]:
    """What Airflow answers somebody who is not signed in, or guesses a password: the status of each answer."""
    asked = {f"GET {path}": urllib.request.Request(f"{url}{path}") for path in DOORS}
    asked["POST /api/v2/dags/build_linked_dataset/dagRuns"] = _posted(
        f"{url}/api/v2/dags/build_linked_dataset/dagRuns", {"logical_date": None}
    )
    for name, password in GUESSES:
        asked[f"sign in as {name}"] = _posted(f"{url}/auth/token", {"username": name, "password": password})
    return {what: _status(request) for what, request in asked.items()}


def _posted(url: str, what: dict[str, str | None]) -> urllib.request.Request:
    return urllib.request.Request(url, json.dumps(what).encode(), {"Content-Type": "application/json"})


def _status(request: urllib.request.Request) -> int:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


def assert_clean(run: Run, text: str, where: str) -> None:
    found = run.markers.found_in(text)
    assert not found, f"{where}: {len(found)} values, for example {sorted(found)[:3]}"


def test_d43_every_format_was_taken_through_the_dags(run: Run, warehouse_of_module: FreshWarehouse, seen: Seen) -> None:
    states = dict(
        warehouse_of_module.rows("select feed, array_agg(state order by delivery_id) from ledger.delivery group by feed")
    )
    seen(
        f"{len(run.markers.made)} values that can be recognised went through the DAGs, in feeds of {len(states)} formats, each once rejected"
    )

    assert states == {feed.slug: ["accepted", "rejected"] for feed in one_feed_of_each_format()}
    assert warehouse_of_module.rows("select state from ledger.build") == [("published",)]


def test_d43_the_search_finds_the_values_where_they_belong(run: Run, warehouse_of_module: FreshWarehouse, seen: Seen) -> None:
    with warehouse_of_module.connect() as connection:
        landed = run.markers.found_in(text_of(connection, ("landing",)))
        staged = run.markers.found_in(text_of(connection, ("staging",)))
    stored = run.markers.found_in(text_below(settings.VAR / "store"))
    seen(f"found where they belong: {len(stored)} in the store, {len(landed)} in landing, {len(staged)} in staging")

    words = {marker for marker in run.markers.made if marker.startswith((PASSING_WORD, FAILING_WORD))}
    assert words <= stored
    assert {marker for marker in landed if marker.startswith(FAILING_WORD)}
    assert len(landed & words) > 0.45 * len(words)  # the others are in the deliveries that were rejected
    assert staged


def test_d43_no_file_holds_a_value(run: Run, seen: Seen) -> None:
    # The index weighs descriptions in a working copy, which is as well protected as the originals; its models hold no values.
    index = settings.VAR / "person_index"
    assert index.stat().st_mode & 0o777 == 0o700
    working_copy = {index / "index.duckdb", index / "index.duckdb.wal", index / "spill"}
    protected = {
        settings.VAR / "store",
        settings.VAR / "server" / "data",
        settings.VAR / "outbox of the leak test",
        *working_copy,
    }
    searched = {
        folder.name: text_below(folder, without=protected) for folder in settings.VAR.iterdir() if folder not in protected
    }
    seen(
        f"in files (logs of tasks, dbt, database; reports, returns, letters): {sum(map(len, map(run.markers.found_in, searched.values())))}"
    )

    assert {"airflow", "dbt", "reports", "returns", "server"} <= searched.keys()
    for name, text in searched.items():
        assert_clean(run, text, name)


def test_d43_letters_were_written_and_hold_no_value(run: Run, warehouse_of_module: FreshWarehouse, seen: Seen) -> None:
    letters = list((settings.VAR / "returns").rglob("*_letter.txt"))
    lists = list((settings.VAR / "returns").rglob("delivery_*.csv"))
    text = "\n".join(path.read_text(encoding="utf-8-sig") for path in [*letters, *lists])
    seen(f"in {len(letters)} letters and {len(lists)} lists for the senders: {len(run.markers.found_in(text))}")

    told = warehouse_of_module.rows("select feed || '/' || period || '/delivery_' || delivery_id from ledger.delivery")
    assert len(told) == 2 * len(contracts.load().formats)
    for (about,) in told:
        assert {settings.VAR / "returns" / f"{about}_letter.txt"} <= set(letters)
        assert {settings.VAR / "returns" / f"{about}.csv"} <= set(lists)
    assert_clean(run, text, "what goes back to the senders")


def test_d43_airflow_s_database_holds_no_value(run: Run, seen: Seen) -> None:
    with warehouse.connect("airflow") as connection:
        text = text_of(connection, ("public",))
    seen(f"in Airflow's database (XCom, rendered fields, events): {len(run.markers.found_in(text))}")

    assert "receive__torus" in text
    assert_clean(run, text, "Airflow's database")


@pytest.mark.parametrize("role", ["engineer", "governance"])
def test_d43_what_engineer_and_governance_may_read_holds_no_value(
    run: Run, warehouse_of_module: FreshWarehouse, role: str, seen: Seen
) -> None:
    with warehouse_of_module.connect(role) as connection:
        text = text_of(connection, ("ledger", "governance"), without=OF_PERSON_RECORDS if role == "governance" else ())
    seen(f"in what {role} may read: {len(run.markers.found_in(text))}")

    assert "mandatory" in text or "quotation mark" in text
    assert_clean(run, text, f"what {role} may read")


def test_d43_what_the_analyst_may_read_holds_no_value(run: Run, warehouse_of_module: FreshWarehouse, seen: Seen) -> None:
    with warehouse_of_module.connect("analyst") as connection:
        text = text_of(connection, ("insight",))
    seen(f"in what the analyst may read: {len(run.markers.found_in(text))}")

    assert_clean(run, text, "what the analyst may read")


def test_d43_no_notice_holds_a_value(run: Run, warehouse_of_module: FreshWarehouse, seen: Seen) -> None:
    waiting = [*notifications.waiting("email"), *notifications.waiting("webhook")]
    text = "\n".join(f"{one.subject}\n{one.text}" for one in waiting)
    seen(f"in {len(waiting)} notices: {len(run.markers.found_in(text))}")

    assert [one for one in waiting if one.kind == "rejected"]
    assert_clean(run, text, "what is told by e-mail and webhook")


def test_d43_no_password_of_a_connection_is_found_anywhere(run: Run, seen: Seen) -> None:
    """Of one that works, and of one that the server refuses, which its task says."""
    logs = text_below(settings.VAR / "airflow")
    with warehouse.connect("airflow") as connection:
        searched = logs + text_of(connection, ("public",)) + text_below(settings.VAR / "returns")
    found = [password for password in (PASSWORD, WRONG_PASSWORD) if password in searched]
    seen(f"of 2 passwords of SFTP servers, one of them wrong: {len(found)} found in logs, letters and Airflow's database")

    assert "halton/adult_social_care: by sftp, connection cares_halton: connecting: the server refuses the login" in logs
    assert not found


def test_d43_letters_go_back_the_way_the_feed_came_and_nothing_of_it_stays_in_the_inbox(run: Run) -> None:
    returned = sorted(path.name for path in (run.returned_by_sftp / "tenancies").iterdir())

    assert [name.partition("_")[0] for name in returned] == ["delivery"] * 4
    assert sorted(path.name for path in (settings.VAR / "returns" / BY_SFTP).rglob("delivery_*")) == returned
    assert [path for path in (settings.VAR / "inbox").rglob("*") if path.is_file()] == []
    assert list((settings.VAR / "outbox of the leak test" / "council" / "returns").rglob("*_letter.txt"))


def test_d45_nobody_gets_an_answer_without_a_login(run: Run, seen: Seen) -> None:
    refused = [what for what, status in run.answers.items() if status == 401]
    seen(f"{len(refused)} of {len(run.answers)} calls without a login, or with a guessed one, were answered with 401")

    assert {what: status for what, status in run.answers.items() if status != 401} == {}


def test_d45_no_password_is_shipped(seen: Seen) -> None:
    compose = yaml.safe_load((settings.ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    given = {}
    for part in [compose["x-cares"], *compose["services"].values()]:
        given |= part.get("environment") or {}
    secrets = {
        name: value for name, value in given.items() if any(word in name for word in ("PASSWORD", "SECRET", "_KEY", "CONN"))
    }
    literal = [name for name in secrets if not name.endswith(("_FILE", "_CMD"))]
    shipped = [*settings.ROOT.glob("*"), *(settings.ROOT / "plugins").rglob("*.py"), *(settings.ROOT / "dags").rglob("*.py")]
    defaults = [
        path.name
        for path in shipped
        if path.is_file()
        and any(word in path.read_text(errors="replace") for word in ("admin:admin", "airflow:airflow", "SimpleAuth"))
    ]
    seen(
        f"{len(secrets)} secrets in the shipped settings, {len(literal)} written out; {len(defaults)} files with a default login"
    )

    assert secrets and not literal
    assert not defaults
