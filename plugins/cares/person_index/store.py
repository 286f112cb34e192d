"""Between the warehouse and the index's working copy of it, in which descriptions are compared.

The working copy is one DuckDB file in the protected folder `VAR/person_index`. Whatever it holds can be worked out from
the warehouse, so that it is thrown away wherever it may not be in line with it: it holds the token of the last update
only from the moment at which both sides are final until the next update begins.

Rows move by ADBC, which is a connection of its own. What an update writes waits in tables `person_index.incoming_...`
and is taken over in the update's one transaction; those that a killed update left are dropped by the next.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
from adbc_driver_postgresql import dbapi as adbc
from psycopg import sql

from cares import warehouse
from cares.embedded_server import WarehouseError
from cares.person_index.model import FREQUENCY_COLUMN
from cares.settings import var_folder
from cares.warehouse import WarehouseInterrupted

# As `descriptions.prepare` reads them.
DESCRIPTIONS = """
    select
        person_record_id as record_id, organisation || '/' || source as source, nhs_number, is_nhs_number_verified, forename, middle_name, surname,
        cast(born_on as text) as date_of_birth, sex_code as sex, address, postcode, uprn, phone, is_current,
        has_identity_change
    from intermediate.int_person_descriptions
"""
_ROWS_AT_A_TIME = 100_000


@dataclass(frozen=True)
class Changes:
    """How many person records are new or described anew, and how many are described no more."""

    changed_records: int
    gone_records: int


@contextmanager
def safe_errors() -> Iterator[None]:
    """Turn an error of the warehouse, of ADBC or of the working copy into a `WarehouseError` without values.

    Their own messages quote the data, and that of a connection its address. It is a `WarehouseInterrupted` where the same
    work may succeed later.
    """
    with warehouse.safe_errors():
        try:
            yield
        except adbc.Error as error:
            raise _without_values(error) from None
        except (duckdb.Error, pa.ArrowException) as error:
            raise WarehouseError(
                f"The working copy of the person index could not go on: {type(error).__name__}. The next update makes it anew "
                "from the warehouse."
            ) from None


def _without_values(error: adbc.Error) -> WarehouseError:
    try:
        condition = psycopg.errors.lookup(error.sqlstate or "")
    except KeyError:
        state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
        return WarehouseInterrupted(f"The rows of the person index could not be moved: {type(error).__name__}{state}")
    kind = WarehouseInterrupted if issubclass(condition, psycopg.OperationalError) else WarehouseError
    return kind(f"The database refused: {condition.__name__} (SQLSTATE {error.sqlstate})")


def settings(spill: Path, memory: str = "4GB") -> dict[str, Any]:
    """What DuckDB is opened with: two threads, `memory` at most, `spill` for what does not fit, and nothing from outside."""
    return {
        "threads": 2,
        "memory_limit": memory,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


@contextmanager
def open_store(connection: psycopg.Connection, model: str, memory: str = "4GB") -> Iterator[Store]:
    """The working copy, for an update with the model of that version; it is closed in the end.

    Takes the lock of updates, which `connection` holds until its transaction ends. From here on the copy counts as out of
    line until `Store.seal`. Raises `WarehouseInterrupted` if another process has it open.
    """
    with safe_errors():
        connection.execute("lock table person_index.person in share update exclusive mode")
        last = connection.execute(
            """
            select update_id, cast(mark as text) from person_index.update
            where model = %s and update_id = (select max(update_id) from person_index.update where finished_at is not null)
            """,
            (model,),
        ).fetchone()
        shutil.rmtree(_spill(), ignore_errors=True)
        duck = _of_update(last, memory) if last else None
        is_current = duck is not None
        if duck is None:
            discard()
            duck = duckdb.connect(str(_file()), config=settings(_spill(), memory))
            _file().chmod(0o600)
            duck.execute("create table token (update_id bigint, mark varchar)")
        try:
            arrow = adbc.connect(warehouse.url("pipeline"))
        except BaseException:
            duck.close()
            raise
    try:
        yield Store(connection, arrow, duck, model, last is not None, is_current)
    finally:
        arrow.close()
        duck.close()


class Store:
    """The working copy while an update holds it, and the ways between it and the warehouse.

    `duck` is the connection to it. `has_same_model`: was there an update, and the last one with `model`; if not, all is to be
    weighed anew. `is_current`: is the copy in line with that update; it is empty if not. All that is written to the warehouse is written in the transaction of `connection`, which whoever
    updates makes final.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        arrow: Any,
        duck: duckdb.DuckDBPyConnection,
        model: str,
        has_same_model: bool,
        is_current: bool,
    ) -> None:
        self.connection = connection
        self.duck = duck
        self.model = model
        self.has_same_model = has_same_model
        self.is_current = is_current
        self._arrow = arrow
        self._update: tuple[int, str]

    def begin(self, kind: str) -> None:
        """Write down that an update begins, `kind` being full or increment; what a killed one left behind is dropped."""
        with safe_errors():
            # On an ordinary night a few thousand rows are looked up, in tables that are mostly in memory.
            self.connection.execute("set local random_page_cost = 1.1")
            left = self.connection.execute(
                r"select tablename from pg_tables where schemaname = 'person_index' and tablename like 'incoming\_%'"
            ).fetchall()
            for (table,) in left:
                self.connection.execute(sql.SQL("drop table {}").format(sql.Identifier("person_index", table)))
            self._update = self.connection.execute(
                "insert into person_index.update (kind, model) values (%s, %s) returning update_id, cast(mark as text)",
                (kind, self.model),
            ).fetchone()

    def finish(self, **figures: float) -> None:
        """Write down what the update did: `figures` are columns of `person_index.update`, such as `scored_pairs`."""
        with safe_errors():
            assigned = [sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in figures.items()]
            self.connection.execute(
                sql.SQL("update person_index.update set {} where update_id = %s").format(
                    sql.SQL(", ").join([sql.SQL("finished_at = clock_timestamp()"), *assigned])
                ),
                (self._update[0],),
            )

    def changes(self, everything: bool = False, again: Iterable[str] = ()) -> Changes:
        """Compare `intermediate.int_person_descriptions` with what the index has taken in.

        Makes the temporary tables `changed_record` (person_record_id), with the records of which any description is new, gone
        or no longer the current one, and `gone_record` (person_record_id), with those that have no description left. With
        `everything` every record that has one is changed; the records `again` are too.
        """
        with safe_errors():
            self.connection.execute(
                """
                create temporary table compared on commit drop as
                select
                    coalesce(now.person_record_id, before.person_record_id) as person_record_id,
                    coalesce(now.fingerprint, before.fingerprint) as fingerprint,
                    now.is_current,
                    now.person_record_id is not null as is_there,
                    before.person_record_id is not null as was_there
                from intermediate.int_person_descriptions as now
                full join person_index.received_description as before
                    on before.person_record_id = now.person_record_id
                    and before.fingerprint = now.fingerprint
                    and before.is_current = now.is_current
                where %s or before.person_record_id is null or now.person_record_id is null
                """,
                (everything,),
            )
            self.connection.execute("analyze compared")
            self.connection.execute(
                """
                create temporary table changed_record on commit drop as
                select person_record_id from compared where is_there
                union
                select person_record_id
                from (select person_record_id from compared where not is_there union select unnest(%s::text[])) as unsure
                where exists (
                    select from intermediate.int_person_descriptions as now
                    where now.person_record_id = unsure.person_record_id
                )
                """,
                (list(again),),
            )
            self.connection.execute(
                """
                create temporary table gone_record on commit drop as
                select person_record_id from compared where not is_there
                union
                select unnest(%s::text[])
                except
                select person_record_id from changed_record
                """,
                (list(again),),
            )
            self.connection.execute("analyze changed_record, gone_record")
            return Changes(
                *self.connection.execute(
                    "select (select count(*) from changed_record), (select count(*) from gone_record)"
                ).fetchone()
            )

    def read_descriptions(self, table: str) -> int:
        """Make `table` of all descriptions in the warehouse, with the columns that `descriptions.prepare` reads; counts them."""
        return self._read(table, DESCRIPTIONS)

    def read_changed_descriptions(self, table: str) -> int:
        """Make `table` of all descriptions of the records in `changed_record`, as `read_descriptions` does."""
        with safe_errors():
            records = [record for (record,) in self.connection.execute("select person_record_id from changed_record")]
            return self._read(table, f"{DESCRIPTIONS} where person_record_id = any($1)", records)

    def read_gone_records(self, table: str) -> None:
        """Make `table` (record_id) of the records in `gone_record`."""
        with safe_errors():
            gone = [record for (record,) in self.connection.execute("select person_record_id from gone_record")]
            self.duck.register("arriving", pa.table({"record_id": pa.array(gone, pa.string())}))
            self.duck.execute(f"create or replace table {table} as select * from arriving")
            self.duck.unregister("arriving")

    def write_descriptions(self, query: str) -> None:
        """Take in the descriptions of the records in `changed_record`, and forget those of `gone_record`.

        `query` gives record_id, description_id and is_current: all that the changed records have now, once each.
        """
        columns = {"record_id": "text", "description_id": "bigint", "is_current": "boolean"}
        with safe_errors(), self._handed_over(query, columns) as incoming:
            concerned = "(select * from changed_record union all select * from gone_record)"
            for statement in (
                f"""
                delete from person_index.described_record as before using {concerned} as record
                where record.person_record_id = before.person_record_id and not exists (
                    select from {incoming} as now
                    where now.record_id = before.person_record_id and now.description_id = before.description_id
                        and now.is_current = before.is_current
                )
                """,
                f"""
                insert into person_index.described_record (person_record_id, description_id, is_current)
                select record_id, description_id, is_current from {incoming} on conflict do nothing
                """,
                """
                delete from person_index.received_description as before using compared
                where not compared.is_there
                    and (compared.person_record_id, compared.fingerprint) = (before.person_record_id, before.fingerprint)
                """,
                """
                insert into person_index.received_description (person_record_id, fingerprint, is_current)
                select person_record_id, fingerprint, is_current from compared where is_there and not was_there
                """,
            ):
                self.connection.execute(statement)

    def write_edges(self, query: str, are_all: bool) -> None:
        """Let edges be in force from now on: `query` gives description_l, description_r (the larger) and weight.

        One that is in force with the same weight stays as it is. Where they `are_all`, every other edge ends.
        """
        columns = {"description_l": "bigint", "description_r": "bigint", "weight": "real"}
        with safe_errors(), self._handed_over(query, columns) as incoming:
            same = "(now.description_l, now.description_r) = (edge.description_l, edge.description_r)"
            if are_all:
                self.connection.execute(
                    f"""
                    update person_index.edge set valid_to = now()
                    where valid_to is null and not exists (select from {incoming} as now where {same})
                    """
                )
            self.connection.execute(
                f"""
                update person_index.edge set valid_to = now() from {incoming} as now
                where {same} and edge.valid_to is null and (edge.weight, edge.model) is distinct from (now.weight, %s)
                """,
                (self.model,),
            )
            self.connection.execute(
                f"""
                insert into person_index.edge (description_l, description_r, weight, model)
                select description_l, description_r, weight, %s from {incoming}
                on conflict (description_l, description_r) where valid_to is null do nothing
                """,
                (self.model,),
            )

    def end_edges(self, query: str) -> None:
        """Let edges be in force no longer: `query` gives description_l and description_r (the larger)."""
        columns = {"description_l": "bigint", "description_r": "bigint"}
        with safe_errors(), self._handed_over(query, columns) as incoming:
            self.connection.execute(
                f"""
                update person_index.edge set valid_to = now() from {incoming} as ended
                where (ended.description_l, ended.description_r) = (edge.description_l, edge.description_r)
                    and edge.valid_to is null
                """
            )

    def write_clusters(self, query: str) -> None:
        """Make the temporary tables `cluster` and `gone` for `identities.keep`.

        `query` gives record_id, cluster and rule of the records that were judged anew. Gone are those of `gone_record`.
        """
        columns = {"record_id": "text", "cluster": "text", "rule": "text"}
        with safe_errors(), self._handed_over(query, columns) as incoming:
            self.connection.execute(
                f"""
                create temporary table cluster on commit drop as
                select record_id as person_record_id, cluster, rule from {incoming}
                """
            )
            self.connection.execute("create temporary table gone on commit drop as select person_record_id from gone_record")

    def seal(self) -> None:
        """Say that the working copy is in line with the update, whose transaction is final by now; nothing may follow."""
        with safe_errors():
            self.duck.execute("insert into token values (?, ?)", self._update)

    @contextmanager
    def _handed_over(self, query: str, columns: dict[str, str]) -> Iterator[str]:
        """The name of a table with the rows of a query on the working copy, which is gone afterwards."""
        table = "incoming_{}_{}".format(self._update[0], "_".join(columns))[:63]
        asked = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in columns.items())
        with self._cursor() as cursor:
            # One that is lost with the server is of no use to anybody.
            cursor.execute(
                f"create unlogged table person_index.{table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})"
            )
            # The caller's last statement may have left rows that nobody read.
            self.duck.complete()
            rows = self.duck.sql(f"select {asked} from ({query}) as handed_over").to_arrow_reader(_ROWS_AT_A_TIME)
            cursor.adbc_ingest(table, rows, mode="append", db_schema_name="person_index")
        self.connection.execute(f"analyze person_index.{table}")
        yield f"person_index.{table}"
        self.connection.execute(f"drop table person_index.{table}")

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        """A cursor of the connection by which rows move, in a transaction of its own."""
        try:
            with self._arrow.cursor() as cursor:
                yield cursor
            self._arrow.commit()
        except BaseException:
            with suppress(adbc.Error):
                self._arrow.rollback()
            raise

    def _read(self, table: str, query: str, values: list[str] | None = None) -> int:
        """Make a table of the working copy from a query on the warehouse; `values` are its $1, an array of text."""
        failed = []

        def arriving(batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
            try:
                yield from batches
            except Exception:
                failed.append(True)
                raise

        with safe_errors(), self._cursor() as cursor:
            bound = None if values is None else pa.record_batch({"values": pa.array([values], pa.list_(pa.string()))})
            cursor.execute(query, bound)
            batches = cursor.fetch_record_batch()
            self.duck.register("arriving", pa.RecordBatchReader.from_batches(batches.schema, arriving(batches)))
            try:
                self.duck.execute(f"create or replace table {table} as select * from arriving")
            except duckdb.Error:
                if failed:
                    raise WarehouseInterrupted("The database did not send all rows that the person index asked for.") from None
                raise
            finally:
                self.duck.unregister("arriving")
            return self.duck.execute(f"select count(*) from {table}").fetchall()[0][0]


def shares(records: Iterable[str]) -> dict[str, dict[str, float]]:
    """How common the forenames, surnames and birth dates of some records are, as the last full update counted them.

    By column of the working copy's table `description`, then by value, a share of all descriptions. Raises `WarehouseError`
    if there is no working copy to read them from, `WarehouseInterrupted` while another process has it open.
    """
    with _reading() as duck:
        return {
            column: dict(
                duck.execute(
                    f"""select value, share from tf_{column} where value in (
                          select {column} from description join record_description using (description_id)
                          where list_contains($1, record_id))""",
                    [list(records)],
                ).fetchall()
            )
            for column in FREQUENCY_COLUMN.values()
        }


def descriptions_counted() -> int:
    """How many descriptions there were when the last full update counted them; raises as `shares` does."""
    with _reading() as duck:
        return duck.execute("select descriptions from counted").fetchall()[0][0]


@contextmanager
def _reading() -> Iterator[duckdb.DuckDBPyConnection]:
    if not _file().exists():
        raise WarehouseError("The person index has no working copy that could be asked. Its next update makes one.")
    with safe_errors():
        try:
            duck = duckdb.connect(str(_file()), read_only=True)
        except duckdb.IOException as error:
            raise _in_use() if "lock" in str(error) else error from None
        with duck:
            yield duck


def discard() -> None:
    """Delete the working copy with all that it holds of anybody; the next update makes it anew."""
    for path in _file().parent.glob(f"{_file().name}*"):
        path.unlink()


def _file() -> Path:
    return var_folder("person_index") / "index.duckdb"


def _spill() -> Path:
    return var_folder("person_index", "spill")


def _of_update(update: tuple[int, str], memory: str) -> duckdb.DuckDBPyConnection | None:
    """The working copy, if it can be read and holds the token of an update, which is taken away."""
    try:
        duck = duckdb.connect(str(_file()), config=settings(_spill(), memory))
        try:
            if duck.execute("delete from token returning update_id, mark").fetchall() == [update]:
                return duck
        except duckdb.Error:
            pass
        duck.close()
    except duckdb.IOException as error:
        if "lock" in str(error):
            raise _in_use() from None
    except duckdb.Error:
        pass
    return None


def _in_use() -> WarehouseInterrupted:
    return WarehouseInterrupted(
        "The working copy of the person index is in use by another process. Wait until that has come to its end."
    )
