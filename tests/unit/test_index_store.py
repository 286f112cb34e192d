"""Between the warehouse and the index's working copy: nothing is lost, nothing is taken for new that is not, nobody is quoted."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from cares.person_index import store
from cares.settings import VAR
from cares.warehouse import WarehouseError, WarehouseInterrupted, connect_as_administrator
from fresh_warehouse import FreshWarehouse

MODEL = "2026-01"
COLUMNS = {
    "person_record_id": "text", "fingerprint": "text", "organisation": "text", "source": "text", "nhs_number": "text",
    "is_nhs_number_verified": "boolean", "forename": "text", "middle_name": "text", "surname": "text", "born_on": "date",
    "sex_code": "text", "address": "text", "postcode": "text", "uprn": "text", "phone": "text", "is_current": "boolean", "has_identity_change": "boolean",
}  # fmt: skip
DESCRIBED = "select record_id, cast(hash(surname) >> 1 as bigint) as description_id, bool_or(is_current) as is_current"


def describe(warehouse: FreshWarehouse, *descriptions: str) -> None:
    """Let these be all descriptions: "a Smith" is how record a is described, "a formerly Jones" how it was."""
    with warehouse.connect() as connection:
        connection.execute("drop table if exists intermediate.int_person_descriptions")
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute(f"create table intermediate.int_person_descriptions ({columns})")
        for description in descriptions:
            record, *formerly, surname = description.split()
            connection.execute(
                """insert into intermediate.int_person_descriptions
                     (person_record_id, fingerprint, organisation, source, surname, born_on, is_current)
                   values (%s, md5(%s), 'council', 'cld', %s, '1950-02-28', %s)""",
                (record, surname, surname, not formerly),
            )


def update(
    warehouse: FreshWarehouse,
    everything: bool = False,
    again: tuple[str, ...] = (),
    edges: str = "",
    ended: str = "",
    before_the_end: Callable[[], object] = lambda: None,
    before_the_seal: Callable[[], object] = lambda: None,
) -> tuple[str, str, bool]:
    """An update, as the index makes it: the records that were changed, those that are gone, was the copy in line."""
    with warehouse.connect() as connection, store.open_store(connection, MODEL) as opened:
        opened.begin("full" if everything else "increment")
        opened.changes(everything, again)
        opened.read_changed_descriptions("arrived")
        opened.write_descriptions(f"{DESCRIBED} from arrived group by 1, 2")
        opened.write_clusters("select distinct record_id, record_id as cluster, 'test' as rule from arrived")
        if edges:
            opened.write_edges(edges, everything)
        if ended:
            opened.end_edges(ended)
        opened.finish(scored_pairs=3, seconds=0.5)
        changed, gone = (
            "".join(sorted(record for (record,) in connection.execute(f"select person_record_id from {table}_record")))
            for table in ("changed", "gone")
        )
        before_the_end()
        connection.commit()
        before_the_seal()
        opened.seal()
    return changed, gone, opened.is_current


def killed(*arguments: Any, **options: Any) -> None:
    """An update in a process of its own, which kills itself on the way."""
    child = os.fork()
    if child == 0:
        try:
            update(*arguments, **options)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kept(warehouse: FreshWarehouse) -> list[list[tuple[Any, ...]]]:
    """The tables that an update writes, whole."""
    tables = ("update", "received_description", "described_record", "edge", "pair_to_decide")
    return [warehouse.rows(f"select * from person_index.{table} order by 1, 2") for table in tables]


def edge_rows(*edges: tuple[int, int, float]) -> str:
    return "select * from (values {}) as edge (description_l, description_r, weight)".format(", ".join(map(str, edges)))


def edges_in_force(warehouse: FreshWarehouse) -> list[tuple[int, int, float]]:
    return warehouse.rows(
        "select description_l, description_r, weight from person_index.edge where valid_to is null order by 1, 2"
    )


@pytest.fixture(autouse=True)
def no_working_copy() -> None:
    store.discard()


def test_only_what_is_new_changed_or_gone_is_taken_in(warehouse: FreshWarehouse) -> None:
    describe(warehouse, "a Smith", "a formerly Jones", "b Brown", "c Green", "d Grey")
    assert update(warehouse) == ("abcd", "", False)
    assert update(warehouse) == ("", "", True)
    # a is known by the other name again, b has a new one besides, c is no more, e is new.
    describe(warehouse, "a Jones", "a formerly Smith", "b White", "b formerly Brown", "d Grey", "e Black")
    assert update(warehouse) == ("abe", "c", True)
    assert update(warehouse) == ("", "", True)
    assert warehouse.rows("select count(*), count(distinct person_record_id) from person_index.described_record") == [(6, 4)]
    assert warehouse.rows("select count(*) from person_index.received_description where is_current") == [(4,)]


def test_a_record_of_which_one_description_of_several_is_gone_is_changed(warehouse: FreshWarehouse) -> None:
    describe(warehouse, "a Smith", "a formerly Jones")
    update(warehouse)
    describe(warehouse, "a Smith")
    assert update(warehouse)[:2] == ("a", "")
    assert warehouse.rows("select count(*) from person_index.described_record") == [(1,)]


def test_everything_or_a_record_about_which_people_decided_is_described_again_when_asked(warehouse: FreshWarehouse) -> None:
    describe(warehouse, "a Smith", "b Brown", "c Green")
    update(warehouse)
    before = kept(warehouse)[1:]
    assert update(warehouse, again=("b", "never sent"))[:2] == ("b", "never sent")
    assert update(warehouse, everything=True)[:2] == ("abc", "")
    assert kept(warehouse)[1:] == before


def test_what_moves_arrives_as_it_was(warehouse: FreshWarehouse) -> None:
    describe(warehouse, "a Ó'Brien", "b 李", 'c "x,\\y', "d Brown")
    with warehouse.connect() as connection, store.open_store(connection, MODEL) as opened:
        assert opened.read_descriptions("arrived") == 4
        rows = opened.duck.execute(
            "select record_id, surname, date_of_birth, nhs_number, is_current from arrived order by 1"
        ).fetchall()
        assert rows == [
            (record, surname, "1950-02-28", None, True)
            for record, surname in [("a", "Ó'Brien"), ("b", "李"), ("c", '"x,\\y'), ("d", "Brown")]
        ]


def test_an_edge_is_in_force_until_it_ends_or_weighs_otherwise(warehouse: FreshWarehouse) -> None:
    describe(warehouse)
    update(warehouse, edges=edge_rows((1, 2, 10.1), (2, 3, 7.5), (4, 5, 20.0)))
    first = warehouse.rows("select now()")[0][0]
    update(warehouse, edges=edge_rows((1, 2, 10.1), (2, 3, 8.5)), ended="select 4 as description_l, 5 as description_r")
    assert edges_in_force(warehouse) == [(1, 2, pytest.approx(10.1)), (2, 3, 8.5)]
    ended = "select description_l, weight, valid_from < %s and valid_to > %s from person_index.edge where valid_to is not null"
    assert warehouse.rows(ended + " order by 1", first, first) == [(2, 7.5, True), (4, 20.0, True)]
    # The first has been in force all the time.
    assert warehouse.rows("select count(*) from person_index.edge where description_l = 1") == [(1,)]


def test_after_a_full_run_no_other_edge_is_in_force(warehouse: FreshWarehouse) -> None:
    describe(warehouse)
    update(warehouse, edges=edge_rows((1, 2, 10.5), (2, 3, 7.5)))
    update(warehouse, everything=True, edges=edge_rows((2, 3, 7.5), (3, 4, 9.0)))
    assert edges_in_force(warehouse) == [(2, 3, 7.5), (3, 4, 9.0)]
    assert warehouse.rows("select count(*) from person_index.edge") == [(3,)]


def test_the_working_copy_is_thrown_away_when_it_is_not_of_the_last_update(warehouse: FreshWarehouse) -> None:
    describe(warehouse, "a Smith")
    assert update(warehouse)[2] is False
    assert update(warehouse)[2] is True
    with warehouse.connect() as connection:
        connection.execute("insert into person_index.update (kind, model, finished_at) values ('increment', 'another', now())")
    assert update(warehouse)[2] is False


def test_the_working_copy_is_thrown_away_when_the_model_is_another(warehouse: FreshWarehouse) -> None:
    describe(warehouse, "a Smith")
    update(warehouse)
    with warehouse.connect() as connection, store.open_store(connection, "2026-02") as opened:
        assert not opened.is_current and opened.duck.execute("show tables").fetchall() == [("token",)]


def test_a_database_whose_last_update_has_the_same_number_does_not_take_another_ones_copy(warehouse: FreshWarehouse) -> None:
    describe(warehouse, "a Smith")
    update(warehouse)
    with warehouse.connect() as connection:
        connection.execute("update person_index.update set mark = gen_random_uuid()")
    assert update(warehouse)[2] is False


@pytest.mark.parametrize("rubbish", [b"", b"no database" * 1000])
def test_a_working_copy_that_cannot_be_read_is_made_anew(warehouse: FreshWarehouse, rubbish: bytes) -> None:
    describe(warehouse, "a Smith")
    update(warehouse)
    (VAR / "person_index" / "index.duckdb").write_bytes(rubbish)
    assert update(warehouse)[2] is False
    assert update(warehouse)[2] is True


def test_an_update_killed_before_its_end_leaves_the_index_as_it_was_and_nothing_lying_about(warehouse: FreshWarehouse) -> None:
    describe(warehouse, "a Smith")
    update(warehouse, edges=edge_rows((1, 2, 10.5)))
    before = kept(warehouse)
    describe(warehouse, "b Brown")
    killed(warehouse, edges=edge_rows((1, 2, 7.5)), before_the_end=kill_myself)
    assert kept(warehouse) == before
    left = "select count(*) from pg_tables where schemaname = 'person_index' and tablename like 'incoming%'"
    assert warehouse.rows(left) != [(0,)]
    # The copy may hold what the warehouse does not.
    assert update(warehouse) == ("b", "a", False)
    assert warehouse.rows(left) == [(0,)]


def test_an_update_killed_between_its_two_ends_is_kept_and_the_working_copy_made_anew(warehouse: FreshWarehouse) -> None:
    describe(warehouse, "a Smith")
    update(warehouse)
    describe(warehouse, "b Brown")
    killed(warehouse, before_the_seal=kill_myself)
    assert warehouse.rows("select person_record_id from person_index.described_record") == [("b",)]
    assert update(warehouse) == ("", "", False)
    assert update(warehouse) == ("", "", True)


def test_nobody_else_of_the_machine_reads_the_working_copy(warehouse: FreshWarehouse) -> None:
    describe(warehouse)
    update(warehouse)
    folder = VAR / "person_index"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "index.duckdb").stat().st_mode & 0o777 == 0o600


def test_a_second_process_waits_for_the_first_or_says_that_it_cannot_go_on(warehouse: FreshWarehouse) -> None:
    describe(warehouse)
    update(warehouse)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            held = duckdb.connect(str(VAR / "person_index" / "index.duckdb"))
            os.write(writing, b"open")
            signal.pause()
            held.close()
        finally:
            os._exit(1)
    os.read(reading, 4)
    try:
        with pytest.raises(WarehouseInterrupted, match="in use by another process"):
            update(warehouse)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert update(warehouse)[2] is True


def test_an_error_says_the_condition_and_never_a_value(warehouse: FreshWarehouse) -> None:
    describe(warehouse, "a SECRET")
    with warehouse.connect() as connection:
        connection.execute("alter table intermediate.int_person_descriptions alter born_on type text using surname")
        connection.execute(
            "create view intermediate.bad as select cast(born_on as date) from intermediate.int_person_descriptions"
        )
    with warehouse.connect() as connection, store.open_store(connection, MODEL) as opened:
        with pytest.raises(WarehouseError, match="rows") as refused:
            opened._read("arrived", "select * from intermediate.bad")
        assert "SECRET" not in str(refused.value)
        with pytest.raises(WarehouseError, match="ConversionException") as refused, store.safe_errors():
            opened.duck.execute("select cast('SECRET' as date)")
        assert "SECRET" not in str(refused.value)
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("drop table intermediate.int_person_descriptions cascade")
        connection.commit()
        with pytest.raises(WarehouseError, match=r"UndefinedTable \(SQLSTATE 42P01\)"):
            opened.read_descriptions("arrived")


def test_a_refused_connection_does_not_tell_the_password(warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    address = warehouse.url()
    with warehouse.connect() as connection:
        monkeypatch.setattr(store.warehouse, "url", lambda role: address.replace("cares_pipeline:", "cares_pipeline:WRONG-"))
        with pytest.raises(WarehouseInterrupted) as refused, store.open_store(connection, MODEL):
            pass
    assert "WRONG" not in str(refused.value) and "postgresql:" not in str(refused.value)


def test_a_server_that_goes_away_is_an_interruption(warehouse: FreshWarehouse) -> None:
    describe(warehouse, "a Smith")
    with warehouse.connect() as connection, store.open_store(connection, MODEL) as opened:
        opened.read_descriptions("arrived")
        with connect_as_administrator() as administrator:
            administrator.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> %s",
                (warehouse.database, connection.info.backend_pid),
            )
        with pytest.raises(WarehouseInterrupted):
            opened.read_descriptions("arrived")
