"""No value of the data leaves the database and the protected store: every feed goes through the real DAGs, each of its
values can be recognised, and all that the run left behind is searched for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from cares import airflow_server, contracts, demo, settings, warehouse
from cares.governance import agreements
from fresh_warehouse import FreshWarehouse
from privacy.markers import FAILING_WORD, PASSING_WORD, Markers

PERIODS = {"month": ("2019-03", "2019-04"), "quarter": ("2019-Q1", "2019-Q2"), "financial year": ("2018-19", "2019-20")}


@pytest.fixture(scope="module")
def markers(warehouse_of_module: FreshWarehouse) -> Iterator[Markers]:
    """The markers, after a delivery of every feed, and a broken one, went through the scheduler's DAGs."""
    made = Markers()
    outbox = settings.var_folder("outbox of the leak test")
    for feed in contracts.load().feeds.values():
        good, bad = (outbox / feed.slug / label for label in PERIODS[feed.file.arrives.every])
        made.write_feed(feed, good, feed.version(feed.period(good.name)))
        made.write_feed(feed, bad, feed.version(feed.period(bad.name)))
        for number, file in enumerate(sorted(bad.iterdir())):
            break_file(file, number)
        agreements.sign(agreements.Agreement("TEST", feed.slug, ("direct care",), date(2018, 9, 1), date(2018, 9, 1)))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CARES_OUTBOX", str(outbox))
        environment.setenv("TMPDIR", str(settings.var_folder("temporary files")))
        airflow_server.prepare()
        airflow_server.start_and_wait(demo.COMPONENTS)
        try:
            for _ in demo.watch():
                pass
        finally:
            airflow_server.stop()
    yield made


def break_file(file: Path, number: int) -> None:
    """Make a file that cannot be taken in: bytes of another encoding, or a quotation mark that does not close."""
    header, first, *rest = file.read_bytes().splitlines(keepends=True)
    broken = first.replace(PASSING_WORD.encode(), b"\xe9" + PASSING_WORD.encode()) if number % 2 else b'"' + first
    file.write_bytes(b"".join([header, broken, *rest]))


def test_every_feed_was_taken_through_the_dags(markers: Markers, warehouse_of_module: FreshWarehouse) -> None:
    states = warehouse_of_module.rows("select feed, array_agg(state order by delivery_id) from ledger.delivery group by feed")

    assert dict(states) == {feed: ["accepted", "rejected"] for feed in contracts.load().feeds}
    assert warehouse_of_module.rows("select state from ledger.build") == [("published",)]


def test_the_search_finds_the_values_where_they_belong(markers: Markers, warehouse_of_module: FreshWarehouse) -> None:
    with warehouse_of_module.connect() as connection:
        landed = markers.found_in(text_of(connection, ("landing",)))
        staged = markers.found_in(text_of(connection, ("staging",)))
    stored = markers.found_in(text_below(settings.VAR / "store"))

    words = {marker for marker in markers.made if marker.startswith((PASSING_WORD, FAILING_WORD))}
    assert words <= stored
    assert {marker for marker in landed if marker.startswith(FAILING_WORD)}
    assert len(landed & words) > 0.45 * len(words)  # the others are in the deliveries that were rejected
    assert staged


def test_no_file_holds_a_value(markers: Markers) -> None:
    protected = {settings.VAR / "store", settings.VAR / "server" / "data", settings.VAR / "outbox of the leak test"}
    for folder in settings.VAR.iterdir():
        if folder not in protected:
            assert_clean(markers, text_below(folder, without=protected), folder.name)


def test_airflow_s_database_holds_no_value(markers: Markers) -> None:
    with warehouse.connect("airflow") as connection:
        text = text_of(connection, ("public",))

    assert "receive__torus" in text
    assert_clean(markers, text, "Airflow's database")


@pytest.mark.parametrize("role", ["engineer", "governance"])
def test_what_engineer_and_governance_may_read_holds_no_value(
    markers: Markers, warehouse_of_module: FreshWarehouse, role: str
) -> None:
    with warehouse_of_module.connect(role) as connection:
        text = text_of(connection, ("ledger", "governance"))

    assert "mandatory" in text or "quotation mark" in text
    assert_clean(markers, text, f"what {role} may read")


def test_what_the_analyst_may_read_holds_no_value(markers: Markers, warehouse_of_module: FreshWarehouse) -> None:
    with warehouse_of_module.connect("analyst") as connection:
        assert_clean(markers, text_of(connection, ("insight",)), "what the analyst may read")


def assert_clean(markers: Markers, text: str, where: str) -> None:
    found = markers.found_in(text)
    assert not found, f"{where}: {len(found)} values, for example {sorted(found)[:3]}"


def text_below(folder: Path, without: frozenset[Path] | set[Path] = frozenset()) -> str:
    """All text of all files below a folder, and their names."""
    parts = []
    for path in [folder, *folder.rglob("*")]:
        if path.is_file() and not any(path.is_relative_to(left_out) for left_out in without):
            parts += [str(path), path.read_bytes().decode("utf-8", errors="replace")]
    return "\n".join(parts)


def text_of(connection: psycopg.Connection, schemas: tuple[str, ...]) -> str:
    """Every row of every table and view of some schemas that the connection's role may read, as text."""
    tables = connection.execute(
        """select table_schema, table_name from information_schema.tables
           where table_schema = any(%s) and has_table_privilege(format('%%I.%%I', table_schema, table_name), 'select')""",
        (list(schemas),),
    ).fetchall()
    parts = []
    for schema, table in tables:
        rows = connection.execute(sql.SQL("select row_to_json(one)::text from {} as one").format(sql.Identifier(schema, table)))
        parts += [table, *(row[0] for row in rows)]
    return "\n".join(parts)
