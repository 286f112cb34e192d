"""What each login can find out, by any query and by every sly way in, of five people whose record some staff may open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cares import builds, warehouse
from cares.governance import access
from fresh_warehouse import FreshWarehouse
from privacy import door_story

# A surname, an NHS number, a birth date, a postcode, an address, a telephone: as sent, and as a query might write them.
PERSONAL = [
    value
    for local, forename, surname, born, postcode in door_story.PEOPLE.values()
    # Ada is also a language, of which the standard of SQL speaks.
    for value in (
        *({forename} - {"Ada"}),
        surname,
        born,
        "/".join(reversed(born.split("-"))),
        postcode,
        f"{postcode[:-3]} {postcode[-3:]}",
    )
] + [*door_story.PEOPLE, door_story.DORA, door_story.EWAN, "Dogwood", "Ewan", "1 Ash Lane", "4 Den Lane", "01744 000004"]
READERS = ["analyst", "engineer", "governance", "caldicott", "contact_cares", "audit", "staff_sthk", "staff_torus"]
MAY_NOT_SEE_THE_RECORD = ["torus", "merseyside_police", "merseyside_fire", "halton_st_helens_vca"]


@pytest.fixture(scope="module")
def borough(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """A published build, and the tables of the next one, which is not."""
    door_story.tell(warehouse_of_module)
    build_id = builds.start_build()
    builds.run_layer(build_id, "marts")
    return warehouse_of_module


def personal(text: str) -> list[str]:
    """The values of somebody's person that stand in a text."""
    # To look for a value as it is takes no time beside looking for a pattern.
    return [value for value in PERSONAL if value in text and re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", text)]


def told(warehouse: FreshWarehouse, role: str, statement: str) -> str:
    """All that a login is told when it tries a statement: rows, notices and the whole of an error."""
    heard: list[str] = []
    with warehouse.connect(role, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: heard.append(str(notice.message_primary)))
        try:
            cursor = connection.execute(statement)
            heard += [str(row) for row in cursor.fetchall()] if cursor.description else []
        except psycopg.Error as error:
            heard += [str(error), *(str(getattr(error.diag, name)) for name in dir(error.diag) if not name.startswith("_"))]
    return "\n".join(heard)


def test_the_values_looked_for_are_there_to_be_found(borough: FreshWarehouse) -> None:
    assert {"Ash", "Birch", "1 Ash Lane"} <= set(
        personal(told(borough, "pipeline", "select one::text from linked_care.persons as one"))
    )


@pytest.mark.parametrize("role", ["analyst", "governance", "engineer", "audit", "staff_sthk", "staff_torus"])
def test_no_table_view_or_catalogue_that_a_login_can_read_names_anybody(borough: FreshWarehouse, role: str) -> None:
    readable = borough.rows(
        """select format('%I.%I', nspname, relname) from pg_class join pg_namespace on pg_namespace.oid = relnamespace
           where relkind in ('r', 'v', 'm', 'p', 'f', 'S') and has_schema_privilege(nspname, 'usage')
               and (case when relkind = 'S' then has_sequence_privilege(pg_class.oid, 'select')
                    else has_table_privilege(pg_class.oid, 'select') end)""",
        role=role,
    )
    leaks = {}
    for (table,) in readable:
        if table in ("audit.asked_number", "audit.opening", "governance.staff", "governance.misuse_signal"):
            continue
        if found := personal(told(borough, role, f"select one::text from {table} as one")):
            leaks[table] = found
    assert not leaks


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize("schema", ["linked_care", "shared_care_record", "insight"])
def test_the_tables_of_a_build_are_refused_published_or_not(borough: FreshWarehouse, role: str, schema: str) -> None:
    tables = borough.rows(
        """select format('%%I.%%I', nspname, relname) from pg_class join pg_namespace on pg_namespace.oid = relnamespace
           where nspname like %s and relkind in ('r', 'v')""",
        f"{schema}\\_\\_%",
    )
    assert tables
    for (table,) in tables:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            borough.rows(f"select 1 from {table}", role=role)


@pytest.mark.parametrize("role", READERS)
def test_statistics_show_no_value_of_a_table_that_a_login_does_not_read(borough: FreshWarehouse, role: str) -> None:
    with borough.connect("pipeline", autocommit=True) as pipeline:
        pipeline.execute("analyze")
    ours = "schemaname not in ('pg_catalog', 'information_schema')"
    readable = (
        "has_schema_privilege(schemaname, 'usage') and has_any_column_privilege(format('%I.%I', schemaname, tablename), 'select')"
    )
    assert borough.rows(f"select tablename, attname from pg_stats where {ours} and not ({readable})", role=role) == []
    for catalogue in ("pg_statistic", "pg_statistic_ext_data", "pg_largeobject", "pg_authid", "pg_user_mapping"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            borough.rows(f"select * from {catalogue}", role=role)
    assert personal(told(borough, role, "select * from pg_stats")) == []
    assert personal(told(borough, role, "select * from pg_stat_activity")) == []


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize(
    "statement",
    [
        "create temporary table mine as select 1",
        "create temporary view mine as select 1",
        "create schema mine",
        "create view insight.mine as select 1",
        "create function public.mine() returns int language sql as 'select 1'",
        "create table board.mine as select 1",
        "select lo_create(0)",
        "select lo_from_bytea(0, 'x')",
        "select lo_import('/etc/passwd')",
        "select lo_get(1)",
        "copy linked_care.persons to stdout",
        "copy (select * from linked_care.persons) to stdout",
        "copy (select 1) to '/tmp/mine'",
        "copy (select 1) to program 'cat'",
        "select pg_read_file('postgresql.conf')",
        "select pg_read_binary_file('postgresql.conf')",
        "select pg_ls_dir('.')",
        "select pg_ls_logdir()",
        "select query_to_xml('select * from linked_care.persons', true, true, '')",
        "select table_to_xml('linked_care.persons', true, true, '')",
        "select cursor_to_xml('x', 1, true, true, '')",
        "select * from dblink.dblink('cares_audit', 'select 1') as one (value int)",
        "create server mine foreign data wrapper dblink_fdw",
        "select pg_advisory_lock(1)",
        "select person_index.membership_as_at(now())",
        "select audit.forget_number('1234567890')",
        "set role cares_pipeline",
        "set session authorization cares_pipeline",
        "alter role cares_analyst superuser",
        "explain analyze select * from linked_care.persons",
        "explain select * from shared_care_record.persons",
        "select * from staging.stg_apc__episodes",
        "select * from landing.apc__episodes",
        "select * from governance.pseudonym",
        "analyze linked_care.persons",
        "lock table linked_care.persons",
    ],
)
def test_a_sly_way_in_is_refused_and_tells_nothing(borough: FreshWarehouse, role: str, statement: str) -> None:
    with pytest.raises(psycopg.Error) as refusal, borough.connect(role, autocommit=True) as connection:
        connection.execute(statement)
    assert personal(str(refusal.value)) == []


@pytest.fixture
def hidden(borough: FreshWarehouse) -> Iterator[str]:
    """The pseudonym of somebody who is withheld from every reader meanwhile."""
    (pseudonym,) = borough.rows(
        """select pseudonym from governance.pseudonym join person_index.membership using (person_id)
           where purpose = 'planning' and person_record_id = 'sthk/apc/P1' and valid_to is null"""
    )[0]
    withheld = "insert into person_index.withheld_record (person_record_id, apart_from, reason, withheld_by) values"
    with borough.connect("pipeline") as pipeline:
        pipeline.execute(f"{withheld} ('sthk/apc/P1', 'sthk/apc/P2', 'a test', 'a test')")
    assert borough.rows("select 1 from insight.persons where pseudonym = %s", pseudonym, role="analyst") == []
    yield pseudonym
    with borough.connect("pipeline") as pipeline:
        pipeline.execute("delete from person_index.withheld_record where withheld_by = 'a test'")


@pytest.mark.parametrize(
    "condition",
    [
        "cast(pseudonym as int) = 1",
        "cast(pseudonym as date) is null",
        "1 / (case when pseudonym = '{hidden}' then 0 else 1 end) = 1",
        "length(query_to_xml('select ' || quote_literal(pseudonym), true, true, '')::text) > 0 and cast(pseudonym as int) = 1",
        "pseudonym ~ '{hidden}' and cast(pseudonym as uuid) is null",
    ],
)
def test_an_error_in_a_condition_never_tells_of_a_row_that_is_hidden(
    borough: FreshWarehouse, hidden: str, condition: str
) -> None:
    asked = condition.format(hidden=hidden)
    heard = told(borough, "analyst", f"select count(*) from insight.persons where {asked}")
    assert "division by zero" not in heard
    assert hidden not in heard.replace(asked, "")


def test_an_explanation_shows_no_value_of_anybody(borough: FreshWarehouse) -> None:
    for table in ("persons", "care_timeline", "hospital_stays", "social_care_events"):
        assert personal(told(borough, "analyst", f"explain (analyze, verbose) select * from insight.{table}")) == []


def test_an_unfinished_statement_of_the_pipeline_is_not_overheard(borough: FreshWarehouse) -> None:
    with borough.connect("pipeline") as pipeline:
        pipeline.execute(f"select '{door_story.ADA}'")
        assert personal(told(borough, "analyst", "select query from pg_stat_activity")) == []


@pytest.mark.parametrize("organisation", MAY_NOT_SEE_THE_RECORD)
def test_housing_police_fire_and_voluntary_staff_see_no_row_of_the_record(borough: FreshWarehouse, organisation: str) -> None:
    assert access.found_of(f"staff_{organisation}").reads == ()
    for person in (door_story.ADA, door_story.DORA, door_story.EWAN):
        assert door_story.refused(borough, organisation, person)


def test_halton_staff_see_who_was_referred_through_contact_cares_and_nobody_else(borough: FreshWarehouse) -> None:
    assert door_story.open_as(borough, "halton", door_story.DORA)
    assert door_story.refused(borough, "halton", door_story.ADA)


def test_a_full_refresh_by_hand_gives_nobody_anything(borough: FreshWarehouse) -> None:
    before = {role: access.found_of(role) for role in READERS}
    builds._run_dbt("run", "--full-refresh", "--select", "path:models/marts")
    assert {role: access.found_of(role) for role in READERS} == before


def test_after_every_build_access_is_as_agreed(borough: FreshWarehouse) -> None:
    access.check()


def test_a_grant_that_nobody_agreed_to_is_named(borough: FreshWarehouse) -> None:
    with borough.connect("pipeline", autocommit=True) as pipeline:
        pipeline.execute("grant usage on schema linked_care to cares_staff_torus")
        pipeline.execute("grant select on linked_care.persons to cares_staff_torus")
        try:
            with pytest.raises(access.AccessError, match=r"staff_torus reads linked_care\.persons, which nobody agreed to"):
                access.check()
            (cell,) = [cell for cell in access.matrix() if cell.role == "staff_torus"]
            assert (cell.organisation, cell.table) == ("torus", "linked_care.persons") and cell.rows
        finally:
            pipeline.execute("revoke all on linked_care.persons from cares_staff_torus")
            pipeline.execute("revoke usage on schema linked_care from cares_staff_torus")


def test_the_matrix_says_how_many_rows_each_login_sees(borough: FreshWarehouse) -> None:
    rows = {(cell.role, cell.table): cell.rows for cell in access.matrix()}
    assert rows["analyst", "insight.persons"] == borough.rows("select count(*) from insight.persons", role="analyst")[0][0]
    assert not {role for role, _ in rows} & set(warehouse.staff_roles())


def test_a_matrix_that_leaves_a_role_out_is_refused(borough: FreshWarehouse, tmp_path: Path) -> None:
    (tmp_path / "access.yml").write_text("analyst: {because: planning}\n", "utf-8")
    with pytest.raises(access.AccessError, match="missing or unknown: .*engineer"):
        access.read(tmp_path / "access.yml")
