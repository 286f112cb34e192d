"""`cares evidence`: a dated pack that shows who could see what, and why; what is missing comes first, and nobody is named."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from accepted_deliveries import deliver
from cares.cli import typer_app
from cares.governance import agreements, purposes, readiness
from cares.governance.agreements import Agreement
from cares.reports import disclosure
from cares.rights import evidence
from cares.rights.evidence import EvidenceError
from fresh_warehouse import FreshWarehouse

QUARTER = ("2019-Q1", date(2019, 1, 1), date(2019, 3, 31))
NAMES = ("Ada", "Ash", "9990000018")

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" tests="3" failures="1" errors="0" skipped="1" timestamp="2026-01-31T10:00:00">
<testcase classname="privacy.test_audit" name="test_an_edit_shows"><failure message="found Ada">Ada Ash</failure></testcase>
<testcase classname="privacy.test_audit" name="test_a_rollback_leaves_its_row"/>
<testcase classname="privacy.test_audit" name="test_skipped"><skipped/></testcase>
</testsuite></testsuites>"""


@pytest.fixture(scope="module")
def people(warehouse_of_module: FreshWarehouse) -> Iterator[FreshWarehouse]:
    """Twelve people, and of each thing that a pack tells at least one; reasons that name people."""
    warehouse = warehouse_of_module
    deliver(warehouse, "council/adult_social_care", QUARTER, "window", {
        "events": [{"nhs_number": NAMES[2], "la_person_unique_identifier": "A1", "first_name": "Ada", "last_name": "Ash"}],
    }, window=(date(2018, 4, 1), date(2019, 3, 31)))  # fmt: skip
    purposes.take_up()
    readiness.take_up()
    yesterday = date.today() - timedelta(days=1)
    agreements.sign(
        Agreement("TEST ENDED", "torus/tenancies", ("planning",), date(2018, 1, 1), date(2018, 1, 1), yesterday),
        Agreement("TEST RUNS", "sthk/outpatients", ("direct care",), date(2018, 1, 1), date(2018, 1, 1)),
    )
    with warehouse.connect() as connection:
        connection.execute(
            """with made as (insert into person_index.person (created_at) select now() from generate_series(1, 12) returning person_id)
               insert into person_index.membership (person_record_id, person_id, rule)
               select 'council/cld/Ada' || person_id, person_id, 'alone' from made"""
        )
        connection.execute(
            """insert into governance.restricted_record (person_record_id, reason, restricted_by)
               values ('council/cld/Ada1', 'Ada Ash is in danger', 'tester')"""
        )
        connection.execute(
            """insert into person_index.withheld_record (person_record_id, apart_from, reason, withheld_by)
               values ('council/cld/Ada1', 'council/cld/Ada2', 'another Ada Ash', 'tester')"""
        )
        connection.execute(
            """insert into governance.subject_access (person_id, received_on, due_on, prepared_by)
               select person_id, '2019-01-01', '2019-02-01', 'tester' from person_index.person limit 1"""
        )
        connection.execute(
            """insert into governance.rectification (delivery_id, table_name, line_number, now_delivery_id, now_line_number,
                 received_on, due_on, asked_because, recorded_by)
               select delivery_id, 'events', 2, delivery_id, 2, '2019-01-01', '2019-02-01', 'Ada Ash says so', 'tester'
               from ledger.delivery"""
        )
    with warehouse.connect("audit") as connection:
        connection.execute(
            """select audit.add(
                 login => 'cares_staff_sthk', organisation => 'sthk', staff => 'Ada', purpose => 'emergency',
                 reason => 'Ada Ash fell', person_id => 1, nhs_number => null, relationship => 'own record',
                 is_emergency => true, emergency_until => now() + interval '1 hour', outcome => 'shown',
                 refused_because => null, rows => 3, build_id => null)"""
        )
    yield warehouse


@pytest.fixture(scope="module")
def pack(people: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack of today, with a test run beside it."""
    junit = tmp_path_factory.mktemp("tests") / "junit.xml"
    junit.write_text(JUNIT, "utf-8")
    outcome = CliRunner().invoke(typer_app, ["evidence", "--junit", str(junit)])
    assert outcome.exit_code == 0, f"{outcome.output}{outcome.exception}"
    return Path(outcome.output.strip().splitlines()[-1])


def told(pack: Path) -> dict[str, list[list[str]]]:
    """Section -> its rows."""
    return {section["title"]: section["rows"] for section in json.loads((pack / "evidence.json").read_text("utf-8"))["sections"]}


def test_what_is_missing_or_expired_or_late_comes_first(pack: Path) -> None:
    concerns = [one["what"] for one in json.loads((pack / "evidence.json").read_text("utf-8"))["concerns"]]
    waiting = [one for one in readiness.recorded() if one.state != "in place"]

    assert waiting and all(
        any(concern.startswith(one.what.removesuffix(".")) for concern in concerns[: len(waiting)]) for one in waiting
    )
    assert any("torus/tenancies: the agreement TEST ENDED ended on" in concern for concern in concerns)
    assert not any("TEST RUNS" in concern for concern in concerns)
    assert "A request of people to see what is held about them is late" in concerns
    assert "A request for a correction is late" in concerns
    page = (pack / "evidence.html").read_text("utf-8")
    assert page.index("What needs somebody") < page.index("Before switching on") < page.index("Sharing agreements")


def test_it_tells_each_thing_that_a_governance_lead_has_to_prove(pack: Path) -> None:
    sections = told(pack)

    assert list(sections) == [
        "Before switching on", "Purposes and their bases", "Sharing agreements", "Partnership agreements", "Who may read what",
        "Rows that each login sees", "Opt-outs", "What is kept from readers", "Overrides", "Sign-offs", "Openings of the Shared Care Record",
        "Rights of people", "Certificates", "Builds", "The audit's own integrity", "Tests",
    ]  # fmt: skip
    assert {row[0]: row[-1] for row in sections["Purposes and their bases"]}["direct care"] == "in force"
    assert [row[-1] for row in sections["Sharing agreements"] if row[1] == "TEST ENDED"] == ["ended"]
    assert ["verdict", "intact"] in sections["The audit's own integrity"]
    assert ["people in the index", "10"] in sections["Opt-outs"]


def test_who_may_read_what_is_told_by_role_as_the_database_grants_it(pack: Path, people: FreshWarehouse) -> None:
    section = next(
        one for one in json.loads((pack / "evidence.json").read_text("utf-8"))["sections"] if one["title"] == "Who may read what"
    )
    schemas = section["headings"][1:]
    matrix = {row[0]: dict(zip(schemas, row[1:], strict=True)) for row in section["rows"]}

    assert matrix["analyst"]["landing"] == matrix["staff_torus"]["landing"] == "–"
    assert matrix["staff_sthk"]["person_index"] == "–"
    assert re.fullmatch(r"\d+ of \d+", matrix["governance"]["governance"])
    # A count of tables that the login itself finds readable, so that the page cannot say less than the database grants.
    readable = people.rows(
        """select count(*) from pg_class as class join pg_namespace as namespace on namespace.oid = class.relnamespace
           where nspname = 'governance' and relkind in ('r', 'v') and has_any_column_privilege(class.oid, 'select')""",
        role="governance",
    )[0][0]
    assert matrix["governance"]["governance"].startswith(f"{readable} of ")


def test_the_rows_that_each_login_sees_are_asked_through_the_login(pack: Path, people: FreshWarehouse) -> None:
    seen = {(role, table): rows for role, _, table, rows in told(pack)["Rows that each login sees"]}
    events = people.rows("select count(*) from governance.readiness", role="governance")[0][0]

    assert seen["governance", "governance.readiness"] == disclosure.shown(events)
    assert not [table for role, table in seen if role in ("staff_torus", "analyst") and table.startswith("landing.")]


def test_small_counts_are_hidden_and_nobody_is_named(pack: Path) -> None:
    sections = told(pack)
    counts = dict(sections["What is kept from readers"])

    assert counts["people whose home nobody may find (S-flag)"] == "*"
    assert counts["records withheld because they may be linked wrongly"] == "*"
    assert sections["Openings of the Shared Care Record"][0][1:] == ["sthk", "*", "0", "0", "*"]
    for path in (pack / "evidence.html", pack / "evidence.json"):
        assert not set(NAMES) & set(re.findall(r"\w+", path.read_text("utf-8"))), path.name


def test_a_test_run_is_told_with_the_names_of_what_failed_and_nothing_of_why(pack: Path) -> None:
    tests = told(pack)["Tests"]

    assert ["tests", "3"] in tests and ["failures", "1"] in tests
    assert ["failed", "privacy.test_audit: test_an_edit_shows"] in tests
    assert not any("Ada" in cell for row in tests for cell in row)


def test_a_file_that_is_no_test_run_is_refused(tmp_path: Path, people: FreshWarehouse) -> None:
    for text in ("no xml", "<other/>"):
        (tmp_path / "junit.xml").write_text(text)
        with pytest.raises(EvidenceError, match="pytest --junit-xml"):
            evidence.write(tmp_path / "junit.xml")


def test_a_pack_is_for_its_owner_alone_and_asks_no_other_host(pack: Path) -> None:
    assert stat.S_IMODE(pack.stat().st_mode) == 0o700
    assert {(path.name, stat.S_IMODE(path.stat().st_mode)) for path in pack.iterdir()} == {
        (name, 0o600) for name in ("evidence.html", "evidence.json", "manifest.json")
    }
    assert not re.search(r"(?:src|href)=\"(?!data:)", (pack / "evidence.html").read_text("utf-8"))


def test_a_change_after_the_fact_is_seen(pack: Path) -> None:
    assert CliRunner().invoke(typer_app, ["evidence", "--check", str(pack)]).exit_code == 0
    page = pack / "evidence.html"
    before = page.read_text("utf-8")
    page.write_text(before.replace("is late", "is answered"), "utf-8")
    outcome = CliRunner().invoke(typer_app, ["evidence", "--check", str(pack)])
    page.write_text(before, "utf-8")

    assert (outcome.exit_code, outcome.output) == (1, "Changed since it was written: evidence.html\n")


def test_the_registers_that_were_obeyed_are_named_with_their_hashes(pack: Path) -> None:
    registers = json.loads((pack / "evidence.json").read_text("utf-8"))["registers"]
    assert {"purposes.yml", "readiness.yml", "subject_access.yml"} <= registers.keys()
