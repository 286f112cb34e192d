"""The whole index on one table from outside the warehouse: how right it is, or what in it looks wrong, and what it cost."""

from __future__ import annotations

import gzip
import logging
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
from adbc_driver_postgresql import dbapi as adbc

from cares import english, warehouse
from cares.person_index import descriptions, scoring, store, training
from cares.person_index.clustering import BIRTH_DATES, GREY, LINKED_FROM, TWO_NUMBERS
from cares.person_index.descriptions import COLUMNS
from cares.person_index.evaluation import Judgement, Pairs, People
from cares.person_index.index import recognise
from cares.person_index.model import Model
from cares.settings import var_folder

# Columns that a table may have beside those of `descriptions.COLUMNS`.
_STATUS, _FORMER, _KNOWN_AS = "nhs_number_status", "former_surname", "known_as"
# NHS Data Dictionary, NHS NUMBER STATUS INDICATOR CODE 01: number present and verified. A column of numbers has lost its nought.
_VERIFIED = "('01', '1')"
_MADE_HERE = ("is_nhs_number_verified", "is_current")
KNOWN_COLUMNS = (*(name for name in COLUMNS if name not in _MADE_HERE), _STATUS, _FORMER, _KNOWN_AS)
_DESCRIBES = tuple(name for name in KNOWN_COLUMNS if name not in ("record_id", "source", _STATUS))
_NOT_KNOWN = "not known"
# By year of birth: the bands, and each band's year until which somebody belongs to it if to none before.
_BANDS = {"before 1940": 1940, "1940 to 1959": 1960, "1960 to 1979": 1980, "1980 to 1999": 2000, "since 2000": 10_000}
_ROWS_NAMED = 5
_DELIMITERS = (b",", b";", b"\t", b"|")
_LONGEST_HEADER = 100_000
# A person of more records than these is worth a look.
LARGE, VERY_LARGE = 10, 20


class TrialError(Exception):
    """A table, a model or a judged sample that cannot be used; says where and what to do, and no value of the data."""


@dataclass(frozen=True)
class Group:
    """The records of one source, or of people of one age band or sex, and the pairs with at least one of them."""

    records: int
    pairs: Pairs


@dataclass(frozen=True)
class Accuracy:
    """How right the index is. `edges` are the links before clusters and guards, `clusters` what became of them."""

    truth: str
    records_without_truth: int
    edges: Pairs
    clusters: Pairs
    people: People
    by: dict[str, dict[str, Group]]


@dataclass(frozen=True)
class Signs:
    """Signs of error, which need no truth. Counts of records, persons (clusters), edges between descriptions, or numbers."""

    persons_with_two_numbers: int
    persons_with_two_verified_numbers: int
    numbers_set_aside: int
    refused: dict[str, int]
    grey_pairs: int
    largest_person: int
    persons_above_10: int
    persons_above_20: int
    records_in_persons_above_10: int
    unlinkable_records: int
    persons_with_duplicates: int
    duplicates_in_one_source: int


@dataclass(frozen=True)
class Cost:
    """What the recognition alone cost: all threads of this process, and the most memory that it ever held."""

    cpu_seconds: float
    wall_seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class Trial:
    """What became of one table; `ignored` are its columns that were not read."""

    records: int
    clusters: int
    model: Model
    ignored: tuple[str, ...]
    accuracy: Accuracy | None
    signs: Signs
    cost: Cost


@contextmanager
def workspace() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory for one trial, in which Splink is silent about levels that a table does not show. What does not fit goes to a protected folder, which is removed at the end."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(dir=var_folder("trials")) as folder:
        config: dict[str, str | bool | int | float | list[str]] = {
            "temp_directory": folder,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with duckdb.connect(config=config) as connection:
            yield connection


def load_model(path: Path | None) -> Model | None:
    """The model of a file; None for none. Raises TrialError."""
    if path is None:
        return None
    try:
        return Model.load(path)
    except (OSError, ValueError) as error:
        raise TrialError(f"{path} is not a model of the person index. Make one with: cares person-index train") from error


def run(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    truth: str | None = None,
    model: Model | None = None,
    say: Callable[[str], None] = lambda step: None,
) -> Trial:
    """Run the whole index on the file `path`, and judge it by the column `truth` if there is one.

    Without a `model`, one is learned from the table. `connection` holds afterwards what `index.recognise` leaves there, and
    the table `sent`. Raises TrialError.
    """
    say("reading")
    ignored = read_table(connection, path, truth)
    before, began = time.process_time(), time.perf_counter()
    found = recognise(connection, "raw", model, say=say)
    cost = Cost(time.process_time() - before, time.perf_counter() - began, _peak_memory())
    say("judging")
    connection.execute(_RECORDS)
    accuracy = _accuracy(connection, found.model, truth) if truth else None
    return Trial(found.records, found.clusters, found.model, ignored, accuracy, _signs(connection), cost)


def train(
    connection: duckdb.DuckDBPyConnection, before: Model | None = None, say: Callable[[str], None] = lambda step: None
) -> Model:
    """Learn a model from the descriptions in `raw`, starting from the model `before`, or the one that is shipped."""
    say("cleaning")
    descriptions.prepare(connection, "raw")
    scoring.count_frequencies(connection)
    scoring.add_frequencies(connection)
    say("learning")
    return training.train(connection, before or Model.load())


def read_warehouse(connection: duckdb.DuckDBPyConnection, table: str = "raw", query: str = store.DESCRIPTIONS) -> None:
    """Read into `table` what a query finds in the warehouse, or how it describes its person records. Raises WarehouseError."""
    with store.safe_errors(), adbc.connect(warehouse.url("pipeline")) as arrow, arrow.cursor() as cursor:
        cursor.execute(query)
        connection.register("warehouse_rows", cursor.fetch_record_batch())
        connection.execute(f"create or replace table {table} as select * from warehouse_rows")
        connection.unregister("warehouse_rows")


def read_table(connection: duckdb.DuckDBPyConnection, path: Path, truth: str | None = None) -> tuple[str, ...]:
    """Read a Parquet or CSV file into the table `sent`, all as text, and make the view `raw` of it for `index.recognise`.

    The column `truth` is kept out of `raw`, whatever it is called. Returns the names of the columns that nobody reads.
    Raises TrialError.
    """
    source = _source(path)
    with _readable(path):
        columns = [(str(name), str(kind)) for name, kind, *_ in connection.execute(f"describe from {source}").fetchall()]
    by_name = {name.strip().lower(): (name, kind) for name, kind in columns}
    truth_name = truth.strip().lower() if truth else None
    known = [name for name in KNOWN_COLUMNS if name in by_name and name != truth_name]
    if not set(known) & set(_DESCRIBES):
        # What stands in the first line may be somebody's particulars.
        raise TrialError(
            f"{path} has no column that describes a person: is its first line the names of its columns? "
            f"Expected some of: {', '.join(KNOWN_COLUMNS)}"
        )
    if truth_name and truth_name not in by_name:
        raise TrialError(
            f"{path} has no column {truth}, by which it was to be judged. Its columns: {', '.join(name for name, _ in columns)}"
        )
    asked = [f"{_text(*by_name[name])} as {name}" for name in known]
    if "record_id" not in known:
        asked.append("cast(row as varchar) as record_id")
    asked.append(f"{_text(*by_name[truth_name])} as truth" if truth_name else "cast(null as varchar) as truth")
    with _readable(path):
        connection.execute(
            f"create or replace table sent as select row, {', '.join(asked)} from (select *, row_number() over () as row from {source})"
        )
    _check_records(connection, path)
    _make_raw(connection, known)
    return tuple(name for name, _ in columns if name.strip().lower() not in (*known, truth_name))


def write_clusters(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write which records are one person (record_id, cluster), in the order in which they came. Raises TrialError."""
    kind = _kind(path)
    try:
        connection.execute(
            f"copy (select record_id, cluster from sent join person_cluster using (record_id) order by row) to {_quoted(path)} ({kind})"
        )
    except duckdb.IOException as error:
        raise TrialError(f"{path} cannot be written; is there such a folder, and may you write there?") from error


def _kind(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".parquet", ".pq")):
        return "format parquet"
    if name.endswith((".csv", ".tsv", ".txt")):
        return "format csv"
    raise TrialError(f"{path} is neither Parquet nor CSV by its name; let it end in .parquet or .csv")


def _source(path: Path) -> str:
    kind = _kind(path)
    if not path.is_file():
        raise TrialError(f"There is no file {path}")
    if kind == "format parquet":
        return f"read_parquet({_quoted(path)})"
    if not path.stat().st_size:
        raise TrialError(f"{path} is empty: expected a first line with the names of its columns")
    with (gzip.open if path.name.lower().endswith(".gz") else open)(path, "rb") as file:
        names = file.readline(_LONGEST_HEADER)
    delimiter = max(_DELIMITERS, key=names.count).decode()
    # Nothing is a missing value but an empty field: there are people called Na and Null.
    return (
        f"read_csv({_quoted(path)}, all_varchar = true, header = true, nullstr = '', skip = 0, delim = {_quoted(delimiter)}, "
        """quote = '"', escape = '"', strict_mode = true)"""
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """The database's own messages quote the line that it stumbled over."""
    try:
        yield
    except duckdb.Error as error:
        line = re.search(r"line:? (\d+)", str(error), re.IGNORECASE)
        where = f", line {line[1]}," if line else ""
        remedy = (
            "write it again as Parquet"
            if _kind(path) == "format parquet"
            else "expected CSV in UTF-8, as many fields in each line as in the first, and quotes around a field that holds a comma"
        )
        raise TrialError(f"{path}{where} cannot be read ({type(error).__name__}): {remedy}") from None


def _text(name: str, kind: str) -> str:
    """SQL for a column as text; a whole number that was kept as a fraction (100012345.0) as the whole number."""
    column = '"' + name.replace('"', '""') + '"'
    if kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL"):
        text = f"case when {column} = floor({column}) then cast(cast({column} as hugeint) as varchar) else cast({column} as varchar) end"
    else:
        text = f"cast({column} as varchar)"
    return f"nullif(trim({text}), '')"


def _check_records(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    rows, unnamed, first_unnamed = connection.execute(
        "select count(*), count(*) filter (where record_id is null), min(row) filter (where record_id is null) from sent"
    ).fetchall()[0]
    if not rows:
        raise TrialError(f"{path} has no row")
    if unnamed:
        raise TrialError(
            f"{path}: {english.counted(unnamed, 'row')} without a record_id, the first in row {first_unnamed:,}; fill it, or leave "
            "the column out: the number of the row is taken then"
        )
    twice, first = connection.execute(
        f"""select count(*), list(row order by row)[:{_ROWS_NAMED}]
            from (select row, row_number() over (partition by record_id order by row) as nth from sent) where nth > 1"""
    ).fetchall()[0]
    if twice:
        raise TrialError(
            f"{path}: {english.counted(twice, 'row')} with a record_id that an earlier row has: row "
            f"{', '.join(f'{row:,}' for row in first)}{' and more' if twice > len(first) else ''}; give each record one row (former "
            f"names may stand in columns {_FORMER} and {_KNOWN_AS})"
        )


def _make_raw(connection: duckdb.DuckDBPyConnection, known: list[str]) -> None:
    """One row for each way in which a record is described: as it stands, by its former surname, by what it is known as."""
    plain = {name: name for name in ("record_id", *known) if name in COLUMNS}
    if _STATUS in known:
        plain["is_nhs_number_verified"] = f"{_STATUS} in {_VERIFIED}"
    rows = [(plain, "true", "true")]
    for other, column in ((_FORMER, "surname"), (_KNOWN_AS, "forename")):
        if other in known:
            rows.append(({**plain, column: other}, "false", f"{other} is not null"))
    connection.execute(
        "create or replace view raw as "
        + " union all by name ".join(
            f"select {', '.join(f'{value} as {name}' for name, value in of.items())}, {is_current} as is_current from sent where {where}"
            for of, is_current, where in rows
        )
    )


# The records that the index knows, each with its cluster and its row of the file.
_RECORDS = """
create or replace table recognised_record as
select row, record_id, cluster, truth from person_cluster join sent using (record_id)
"""

_JUDGED = f"""
create or replace table judged_record as
with held as (
    select truth, born_on, sex
    from recognised_record join record_description using (record_id) join description using (description_id)
    where truth is not null and is_current
),
born as (
    select truth, year(born_on) as year from held where born_on is not null group by truth, born_on
    qualify row_number() over (partition by truth order by count(*) desc, born_on) = 1
),
sexed as (
    select truth, sex from held where sex is not null group by truth, sex
    qualify row_number() over (partition by truth order by count(*) desc, sex) = 1
),
person as (
    select
        truth,
        row_number() over () as person,
        case
            {" ".join(f"when year < {until} then '{band}'" for band, until in _BANDS.items())}
            else '{_NOT_KNOWN}'
        end as age_band,
        case sex when 'F' then 'female' when 'M' then 'male' else '{_NOT_KNOWN}' end as sex
    from (select distinct truth from held) left join born using (truth) left join sexed using (truth)
)
select row, record_id, cluster, person, coalesce(source, '{_NOT_KNOWN}') as source, age_band, person.sex as sex
from recognised_record
join person using (truth)
join (select record_id, any_value(source) as source from record_description group by record_id) using (record_id)
"""

# Two records are linked by an edge between any of their descriptions, or by a description that they have in common.
_LINKED = """
with described as (select row, person, description_id from judged_record join record_description using (record_id)),
linked as (
    select least(l.row, r.row) as one, greatest(l.row, r.row) as other, l.person = r.person as is_right
    from edge
    join described as l on l.description_id = description_l
    join described as r on r.description_id = description_r
    where l.row <> r.row and weight + case numbers when 1 then $same when 0 then $different else 0 end >= $linked_from
    union
    select l.row, r.row, l.person = r.person
    from described as l join described as r on l.description_id = r.description_id and l.row < r.row
)
select count(*), count(*) filter (where is_right) from linked
"""


def _accuracy(connection: duckdb.DuckDBPyConnection, model: Model, truth: str) -> Accuracy:
    connection.execute(_JUDGED)
    judged = connection.sql("select cluster, person, source, age_band, sex from judged_record order by row").fetchnumpy()
    judgement = Judgement(judged["cluster"], judged["person"])
    clusters = judgement.pairs()
    different, same = model.number_weights()
    linked, right = connection.execute(_LINKED, {"same": same, "different": different, "linked_from": LINKED_FROM}).fetchall()[0]
    without_truth = connection.execute("select count(*) from recognised_record where truth is null").fetchall()[0][0]
    by = {
        name: {value: Group(records, pairs) for value, (records, pairs) in judgement.by(judged[name]).items()}
        for name in ("source", "age_band", "sex")
    }
    by["age_band"] = {band: by["age_band"][band] for band in (*_BANDS, _NOT_KNOWN) if band in by["age_band"]}
    return Accuracy(
        truth,
        without_truth,
        Pairs(linked, clusters.true_pairs, right),
        clusters,
        judgement.people(),
        by,
    )


_NUMBERS_IN_FORCE = """
select count(*) filter (where numbers > 1), count(*) filter (where verified > 1)
from (
    select cluster, count(distinct nhs_number) as numbers, count(distinct nhs_number) filter (where is_verified) as verified
    from person_cluster join record_description using (record_id) join description using (description_id)
    where is_current and nhs_number is not null and description_id not in (select description_id from set_aside)
    group by cluster
)
"""

_SIZES = f"""
select
    coalesce(max(records), 0), count(*) filter (where records > {LARGE}), count(*) filter (where records > {VERY_LARGE}),
    coalesce(sum(records) filter (where records > {LARGE}), 0)
from (select count(*) as records from person_cluster group by cluster)
"""

# A record is linkable if one of its descriptions has a number, or a name and a birth date.
_UNLINKABLE = """
select count(*)
from (
    select bool_or(nhs_number is not null or forename is not null and surname is not null and born_on is not null) as is_linkable
    from record_description join description using (description_id)
    group by record_id
)
where not is_linkable
"""

_DUPLICATES = """
select count(distinct cluster), coalesce(sum(records - 1), 0)
from (
    select cluster, source, count(distinct record_id) as records
    from person_cluster join record_description using (record_id)
    where source is not null
    group by cluster, source
    having count(distinct record_id) > 1
)
"""


def _signs(connection: duckdb.DuckDBPyConnection) -> Signs:
    def ask(query: str) -> list[int]:
        return [int(value) for value in connection.execute(query).fetchall()[0]]

    refused = {
        str(guard): int(edges) for guard, edges in connection.execute("select guard, count(*) from refused group by 1").fetchall()
    }
    two, two_verified = ask(_NUMBERS_IN_FORCE)
    largest, above_10, above_20, in_large = ask(_SIZES)
    (set_aside,) = ask(
        "select count(distinct (record_id, nhs_number)) from set_aside join description using (description_id) join record_description using (description_id)"
    )
    (unlinkable,) = ask(_UNLINKABLE)
    persons_twice, twice = ask(_DUPLICATES)
    return Signs(
        persons_with_two_numbers=two,
        persons_with_two_verified_numbers=two_verified,
        numbers_set_aside=set_aside,
        refused=dict.fromkeys((TWO_NUMBERS, BIRTH_DATES), 0)
        | {guard: edges for guard, edges in refused.items() if guard != GREY},
        grey_pairs=refused.get(GREY, 0),
        largest_person=largest,
        persons_above_10=above_10,
        persons_above_20=above_20,
        records_in_persons_above_10=in_large,
        unlinkable_records=unlinkable,
        persons_with_duplicates=persons_twice,
        duplicates_in_one_source=twice,
    )


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak if sys.platform == "darwin" else 1024 * peak


def _quoted(text: Path | str) -> str:
    return "'" + str(text).replace("'", "''") + "'"
