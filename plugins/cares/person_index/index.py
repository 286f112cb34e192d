"""Who is who among the rows of a table, in one DuckDB connection: all of them, or those alone that have changed.

The tables of the connection, which are the working copy of the index:

- `description` (description_id, its comparable columns) and `record_description` (record_id, source, description_id,
  is_verified, is_current);
- `tf_forename`, `tf_surname`, `tf_born`: how common values are, counted when all was compared last;
- `edge` (description_l, description_r, weight, numbers, pattern): the pairs that were compared;
- `person_cluster` (record_id, cluster, rule): who is one person, and what for;
- `refused` (description_l, description_r, weight, guard): the links that were not made among those judged last;
- `set_aside` (description_id): whose NHS number was taken to be somebody else's, among those judged last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cares.person_index import clustering, descriptions, scoring, training
from cares.person_index.model import COMPARISONS, Model

_BORN_AT = [name for name in COMPARISONS if name != "nhs_number"].index("born_on")
# A comparison's level that says "different": the letters of a pattern begin with "a" for what is not known.
_NOT_KNOWN, _DIFFERENT = "a", "b"
# Edges by which what becomes of one description may depend on another.
COULD_LINK = f"""weight >= case when pattern[{_BORN_AT + 1}] = '{_NOT_KNOWN}'
    then {clustering.NEVER_LINKED_BELOW["undated"]} else {clustering.NEVER_LINKED_BELOW["dated"]} end"""
_TIES = f"({COULD_LINK} or numbers = 1)"


@dataclass
class Recognised:
    """What became of a table: its model, its sizes, and how many NHS numbers were set aside as somebody else's.

    The tables of the connection hold the rest: `person_cluster` (record_id, cluster), `edge` (description_l,
    description_r, weight, pattern, numbers), `refused` (description_l, description_r, weight, guard), `set_aside`
    (description_id), `description` and `record_description`.
    """

    model: Model
    records: int
    descriptions: int
    pairs: int
    clusters: int
    numbers_set_aside: int


def recognise(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    model: Model | None = None,
    must_link: Iterable[tuple[str, str]] = (),
    must_not_link: Iterable[tuple[str, str]] = (),
    say: Callable[[str], None] = lambda step: None,
) -> Recognised:
    """Find out which records of `table` (columns of `descriptions.COLUMNS`) are one person.

    Without a `model`, one is learned from the table, starting from the one that is shipped. The decisions are pairs of
    record ids; `say` is told each step as it begins. Raises ValueError where the table has no `record_id`.
    """
    must_link, must_not_link = list(must_link), list(must_not_link)
    say("cleaning")
    take_in(connection, table, must_not_link)
    if model is None:
        say("learning")
        model = training.train(connection, Model.load())
    say("comparing")
    compare_all(connection, model)
    say("clustering")
    found = judge(connection, model, must_link, must_not_link)
    records, described, pairs = connection.execute(
        "select (select count(distinct record_id) from record_description), (select count(*) from description), (select count(*) from edge)"
    ).fetchall()[0]
    clusters = connection.execute("select count(distinct cluster) from person_cluster").fetchall()[0][0]
    return Recognised(model, records, described, pairs, clusters, int(found.is_set_aside.sum()))


def take_in(connection: duckdb.DuckDBPyConnection, table: str, must_not_link: Iterable[tuple[str, str]] = ()) -> None:
    """Make the descriptions of `table`, and count how common their values are."""
    descriptions.prepare(connection, table, {record for pair in must_not_link for record in pair})
    scoring.add_keys(connection)
    scoring.count_frequencies(connection)
    scoring.add_frequencies(connection)


def compare_all(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Make the table `edge` of all descriptions."""
    scoring.find_candidates(connection)
    scoring.weigh_candidates(connection, model)
    connection.execute("create or replace table edge as select * from weighed")


def take_in_changes(
    connection: duckdb.DuckDBPyConnection, table: str, gone: str, model: Model, must_not_link: Iterable[tuple[str, str]] = ()
) -> int:
    """Bring descriptions and edges in line with the records in `table`, all of whose descriptions it holds, and those in `gone`.

    `gone` has the column record_id. Only pairs with a description that was not there before are compared. Makes the table
    `touched` (description_id) of what is to be judged again, and returns how many descriptions are new.
    """
    connection.execute("create schema if not exists arriving")
    connection.execute("use arriving")
    descriptions.prepare(connection, f"main.{table}", {record for pair in must_not_link for record in pair})
    connection.execute("use main")
    run = connection.execute
    run(
        f"create or replace temporary table concerned as select record_id from arriving.record_description union select record_id from main.{gone}"
    )
    run("create or replace temporary table before as select * from record_description where record_id in (from concerned)")
    run("delete from record_description where record_id in (select record_id from before)")
    run("insert into record_description by name select * from arriving.record_description")
    run(
        "create or replace temporary table new_description as select * from arriving.description anti join description using (description_id)"
    )
    run("insert into description by name from new_description")
    scoring.add_keys(connection, "new_description", "new_key")
    run("insert into key by name from new_key")
    run(
        """create or replace temporary table forgotten as
           select description_id from before anti join (select description_id from record_description) using (description_id)"""
    )
    run(
        f"create or replace temporary table lost_edge as select description_l, description_r from edge where {_of_one_in('forgotten')}"
    )
    run(
        """create or replace temporary table touched as
           (select description_id from before union select description_id from arriving.record_description
            union select description_l from lost_edge union select description_r from lost_edge) except from forgotten"""
    )
    run(f"delete from edge where {_of_one_in('forgotten')}")
    run("delete from description where description_id in (from forgotten)")
    run("delete from key where description_id in (from forgotten)")
    scoring.find_candidates(connection, new_only=True)
    connection.execute(
        """create or replace temporary table compared as
           select * from description where description_id in (select join_key_l from candidate union select join_key_r from candidate)"""
    )
    scoring.add_frequencies(connection, "compared")
    scoring.weigh_candidates(connection, model)
    connection.execute("insert into edge by name select * from weighed")
    return run("select count(*) from new_description").fetchall()[0][0]


def spread_touch(connection: duckdb.DuckDBPyConnection) -> int:
    """Let `touched` reach all that hangs together with it, by edges, records and persons; returns how many records it has.

    Makes the table `touched_record` (record_id). What lies outside is judged as it was before.
    """
    run = connection.execute
    run("create or replace temporary table reached as from touched")
    run("create or replace temporary table frontier as from touched")
    # A person before, and a record with several descriptions, holds together like an edge.
    run(
        f"""
        create or replace temporary table tie as
        select description_l as one, description_r as other from edge where {_TIES}
        union all
        select description_id, cluster from node_cluster where description_id <> cluster
        union all
        select min(description_id) over (partition by record_id), description_id
        from record_description where record_id in (select record_id from record_description where not is_current)
        """
    )
    while run("select count(*) from frontier").fetchall()[0][0]:
        run(
            """
            create or replace temporary table frontier as
            (select other as description_id from tie where one in (from frontier)
             union select one from tie where other in (from frontier)) except from reached
            """
        )
        run("insert into reached from frontier")
    run(
        "create or replace temporary table touched_record as select distinct record_id from record_description where description_id in (from reached)"
    )
    return run("select count(*) from touched_record").fetchall()[0][0]


def judge(
    connection: duckdb.DuckDBPyConnection,
    model: Model,
    must_link: Iterable[tuple[str, str]] = (),
    must_not_link: Iterable[tuple[str, str]] = (),
    only_reached: bool = False,
) -> clustering.Clustering:
    """Make `person_cluster` and `refused` from descriptions and edges; `only_reached`: of what `spread_touch` reached.

    The clusters of records that were not reached stay.
    """
    among = "semi join reached using (description_id)" if only_reached else ""
    nodes = _nodes(connection, among)
    edge = connection.sql(
        f"""
        select description_l, description_r, weight, numbers, pattern[{_BORN_AT + 1}] <> '{_NOT_KNOWN}' as is_dated,
            pattern[{_BORN_AT + 1}] = '{_DIFFERENT}' as is_born_otherwise
        from edge
        {"where description_l in (from reached) and description_r in (from reached)" if only_reached else ""}
        order by description_l, description_r
        """
    ).to_arrow_table()
    edges = clustering.Edges(
        np.searchsorted(nodes.ids, edge["description_l"].to_numpy()),
        np.searchsorted(nodes.ids, edge["description_r"].to_numpy()),
        edge["weight"].to_numpy(),
        edge["numbers"].to_numpy().astype(int),
        edge["is_dated"].to_numpy(zero_copy_only=False),
        edge["is_born_otherwise"].to_numpy(zero_copy_only=False),
    )
    found = clustering.cluster(
        nodes,
        edges,
        model,
        _ties(connection, nodes, among),
        _positions(connection, nodes, must_link),
        _positions(connection, nodes, must_not_link),
    )
    connection.register(
        "labelled_node",
        pa.table(
            {
                "description_id": nodes.ids,
                "cluster": nodes.ids[found.cluster],
                "number": np.where(found.is_set_aside, -1, nodes.number),
                "is_set_aside": found.is_set_aside,
            }
        ),
    )
    connection.execute(
        """
        create or replace temporary table judged as
        select
            record_id,
            cluster,
            case
                when count(*) over (partition by cluster) = 1 then 'alone'
                when number >= 0 and count(*) over (partition by cluster, number) > 1 then 'nhs number'
                else 'match weight'
            end as rule
        from (
            select record_id, min(cluster) as cluster, max(number) as number
            from record_description join labelled_node using (description_id)
            group by record_id
        )
        """
    )
    connection.execute(
        "create or replace temporary table set_aside as select description_id from labelled_node where is_set_aside"
    )
    connection.execute("create or replace temporary table judged_node as select description_id, cluster from labelled_node")
    connection.unregister("labelled_node")
    if only_reached:
        connection.execute(
            "delete from node_cluster where description_id in (select description_id from reached union from forgotten)"
        )
        connection.execute("insert into node_cluster from judged_node")
        connection.execute(
            "delete from person_cluster where record_id in (select record_id from concerned union from touched_record)"
        )
        connection.execute("insert into person_cluster by name select * from judged")
    else:
        connection.execute("create or replace table node_cluster as from judged_node")
        connection.execute("create or replace table person_cluster as from judged")
    at = np.array(sorted(found.refused), dtype=int)
    connection.register(
        "refused_edge",
        pa.table(
            {
                "description_l": edge["description_l"].to_numpy()[at],
                "description_r": edge["description_r"].to_numpy()[at],
                "weight": found.total[at],
                "guard": pa.array([found.refused[one] for one in at.tolist()], pa.string()),
            }
        ),
    )
    connection.execute("create or replace table refused as select * from refused_edge")
    connection.unregister("refused_edge")
    return found


def _of_one_in(table: str) -> str:
    return f"(description_l in (from {table}) or description_r in (from {table}))"


def _ties(connection: duckdb.DuckDBPyConnection, nodes: clustering.Nodes, among: str) -> list[tuple[int, int]]:
    """The descriptions of each record that has several, each tied to its first."""
    rows = connection.execute(
        f"""
        select min(description_id) over (partition by record_id) as first, description_id from record_description {among}
        qualify count(*) over (partition by record_id) > 1 and first <> description_id
        order by all
        """
    ).fetchnumpy()
    return list(zip(*(np.searchsorted(nodes.ids, rows[name]).tolist() for name in ("first", "description_id")), strict=True))


def _positions(
    connection: duckdb.DuckDBPyConnection, nodes: clustering.Nodes, pairs: Iterable[tuple[str, str]]
) -> list[tuple[int, int]]:
    """The nodes of pairs of records; a pair of which one is not among the nodes is left out."""
    pairs = list(pairs)
    if not pairs:
        return []
    connection.register(
        "decided", pa.table({side: pa.array([pair[at] for pair in pairs], pa.string()) for at, side in enumerate("lr")})
    )
    rows = connection.execute(
        """
        with node as (
            select record_id, min(description_id) as description_id from record_description
            where record_id in (select l from decided union select r from decided) group by record_id
        )
        select one.description_id, other.description_id
        from decided join node as one on one.record_id = l join node as other on other.record_id = r
        order by all
        """
    ).fetchall()
    connection.unregister("decided")
    known = set(nodes.ids.tolist())
    return [
        (int(np.searchsorted(nodes.ids, left)), int(np.searchsorted(nodes.ids, right)))
        for left, right in rows
        if left in known and right in known
    ]


def _nodes(connection: duckdb.DuckDBPyConnection, among: str) -> clustering.Nodes:
    rows = connection.sql(
        f"""
        select
            description_id, nhs_number, coalesce(cast(born as integer), -1) as born, records, is_verified, is_current, sources,
            forename is not null and surname is not null as is_named, is_changed
        from (select * from description {among})
        join (
            select
                description_id, count(*) as records, bool_or(is_verified) as is_verified, bool_or(is_current) as is_current,
                bool_or(is_changed) as is_changed,
                coalesce(bit_or(source_bit), 0) as sources
            from (select * from record_description {among})
            left join (
                select source, cast(1 as bigint) << cast((dense_rank() over (order by source) - 1) % 62 as integer) as source_bit
                from (select distinct source from record_description)
            ) using (source)
            group by all
        ) using (description_id)
        order by description_id
        """
    ).to_arrow_table()
    number = pc.dictionary_encode(rows["nhs_number"]).combine_chunks()
    return clustering.Nodes(
        rows["description_id"].to_numpy(),
        pc.fill_null(number.indices, -1).to_numpy(),
        rows["born"].to_numpy(),
        rows["records"].to_numpy(),
        rows["is_verified"].to_numpy(zero_copy_only=False),
        rows["is_current"].to_numpy(zero_copy_only=False),
        rows["is_named"].to_numpy(zero_copy_only=False),
        rows["is_changed"].to_numpy(zero_copy_only=False),
        rows["sources"].to_numpy(),
    )
